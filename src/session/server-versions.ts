/**
 * Which version of the protocol the server speaks, for clients that ask for more than 3.0 and have to be told before they
 * prove themselves: asked over a connection that ends at the server's first message, once in a while for all of them.
 */
import { backendTypes } from '../wire/message-types.js';
import { encodeStartupPacket } from '../wire/startup.js';
import { minorForServer, Negotiation, type LogInNegotiation, type ProtocolAsk } from './negotiation.js';
import type { Ports } from './ports.js';
import { ProtocolViolation } from '../wire/protocol-violation.js';
import { UpstreamConnection } from './upstream-connection.js';

/** A server is not upgraded more often. */
const KEPT_MS = 30_000;
const TIMEOUT_MS = 5_000;
const HEADER_BYTES = 5;
/** NegotiateProtocolVersion without options has 12. */
const MOST_BYTES = 1_000;

interface Known {
  readonly until: number;
  /** The server's NegotiateProtocolVersion; undefined: it takes the version. */
  readonly answer: Promise<Buffer | undefined>;
}

/** By listener, then by minor version: two of them at most. */
const known = new WeakMap<Ports, Map<number, Known>>();

/** Rejects when the server cannot be asked. */
export function serverVersion(
  ports: Ports,
  ask: ProtocolAsk,
  who: { readonly user: string; readonly database: string },
): Promise<Buffer | undefined> {
  const minor = minorForServer(ask);
  if (minor === 0) return Promise.resolve(undefined);
  const versions = known.get(ports) ?? new Map<number, Known>();
  known.set(ports, versions);
  const before = versions.get(minor);
  if (before !== undefined && before.until > performance.now()) return before.answer;
  const answer = askServer(ports, minor, who);
  versions.set(minor, { until: performance.now() + KEPT_MS, answer });
  answer.catch(() => versions.delete(minor));
  return answer;
}

function askServer(
  ports: Ports,
  minor: number,
  { user, database }: { readonly user: string; readonly database: string },
): Promise<Buffer | undefined> {
  return new Promise((resolve, reject) => {
    let received = Buffer.alloc(0);
    const end = (): void => {
      clearTimeout(timer);
      connection.destroy();
    };
    const fail = (error: Error): void => {
      end();
      reject(error);
    };
    const timer = setTimeout(() => fail(new Error('the server took too long')), TIMEOUT_MS);
    const connection = new UpstreamConnection(ports.upstream, ports.encryption?.upstream(), {
      opened: (channel) => {
        const protocol = { major: 3, minor };
        const parameters = [['user', user] as const, ['database', database] as const];
        channel.write([encodeStartupPacket({ kind: 'startup', protocol, parameters })]);
      },
      chunk: (bytes) => {
        received = Buffer.concat([received, bytes]);
        const frame = firstFrame(received);
        if (frame === 'incomplete') return;
        end();
        resolve(frame);
      },
      drained: () => undefined,
      closed: (error) => fail(error ?? new Error('the server ended the connection')),
    });
  });
}

/** The server's NegotiateProtocolVersion comes before everything else, or not at all. */
function firstFrame(received: Buffer): Buffer | undefined | 'incomplete' {
  if (received.length === 0) return 'incomplete';
  if (received[0] !== backendTypes['negotiate-protocol-version']) return undefined;
  if (received.length < HEADER_BYTES) return 'incomplete';
  const length = received.readInt32BE(1);
  if (length < 4 || length > MOST_BYTES) return undefined;
  return received.length > length ? received.subarray(0, length + 1) : 'incomplete';
}

/** The client was told already; the server must mean the same now. */
export class ToldNegotiation implements LogInNegotiation {
  private readonly again: Negotiation;
  /** NegotiateProtocolVersion as the client has seen it. */
  readonly told: Buffer | undefined;

  /** Throws ProtocolViolation for an answer that cannot be. */
  constructor(ask: ProtocolAsk, answer: Buffer | undefined) {
    const first = new Negotiation(ask);
    this.told = answer === undefined ? first.accepted() : first.answered(answer);
    this.again = new Negotiation(ask);
  }

  answered(frame: Buffer): Buffer {
    this.same(this.again.answered(frame));
    return Buffer.alloc(0);
  }

  accepted(): undefined {
    if (this.again.settled) return undefined;
    this.same(this.again.accepted());
    return undefined;
  }

  private same(now: Buffer | undefined): void {
    const { told } = this;
    // FAIL-CLOSED: the two sides would speak different versions.
    if (now === undefined ? told !== undefined : told === undefined || !now.equals(told))
      throw new ProtocolViolation('the server speaks another version of the protocol than a moment ago');
  }
}
