/**
 * Opens the way to the database server: TCP, then the encryption that upstream.tls asks for, falling back where libpq
 * would (PQconnectPoll in src/interfaces/libpq/fe-connect.c). It knows the answers to an SSLRequest, and of the messages
 * behind them only whether the first one is an error.
 */
import { backendTypes } from '../wire/message-types.js';
import { encodeStartupPacket } from '../wire/startup.js';
import { type Channel, type ChannelEvents, connectChannel, TlsHandshakeFailure } from './channel.js';
import type { Encryption, UpstreamTls } from './tls/client-handshake.js';

export interface UpstreamTarget {
  readonly host: string;
  readonly port: number;
}

export interface UpstreamEvents extends Omit<ChannelEvents, 'secured'> {
  /**
   * The StartupMessage may be sent. Called again, with another channel, when the server has refused it at once and the
   * other way is to be tried: everything sent before is to be sent again.
   */
  opened(channel: Channel): void;
}

/** The server can be reached, and the encryption that was asked for cannot be had. */
export class UpstreamTlsFailure extends Error {
  override readonly name = 'UpstreamTlsFailure';
}

const sslRequest = encodeStartupPacket({ kind: 'ssl-request' });
const ACCEPTED = 'S'.charCodeAt(0);
const DECLINED = 'N'.charCodeAt(0);

type State =
  /** No channel, or TCP alone. */
  | 'connecting'
  /** The answer to the SSLRequest is awaited. */
  | 'asked'
  | 'handshake'
  /** The StartupMessage is on its way, and its first answer may send us the other way. */
  | 'opened'
  /** Nothing is looked at any more. */
  | 'settled';

export class UpstreamConnection {
  private readonly target: UpstreamTarget;
  private readonly tls: UpstreamTls | undefined;
  private readonly events: UpstreamEvents;
  private readonly attempts: Encryption[];
  private channel!: Channel;
  private state: State = 'connecting';
  /** `closed` was told already. */
  private failed = false;

  constructor(target: UpstreamTarget, tls: UpstreamTls | undefined, events: UpstreamEvents) {
    this.target = target;
    this.tls = tls;
    this.events = events;
    this.attempts = [...(tls?.attempts ?? (['plain'] as const))];
    this.connect();
  }

  end(): void {
    this.state = 'settled';
    this.channel.end();
  }

  destroy(): void {
    this.state = 'settled';
    this.channel.destroy();
  }

  private connect(): void {
    this.state = 'connecting';
    // Events of a channel that was given up are nobody's.
    const ours = (work: () => void): void => {
      if (this.channel === channel) work();
    };
    const channel: Channel = connectChannel(
      this.target,
      {
        chunk: (bytes) => {
          if (this.state === 'settled') this.events.chunk(bytes);
          else ours(() => this.early(bytes));
        },
        drained: () => ours(() => this.events.drained()),
        closed: (error) => ours(() => this.closed(error)),
        secured: () => ours(() => this.opened()),
      },
      () => ours(() => this.connected()),
    );
    this.channel = channel;
  }

  private connected(): void {
    if (this.attempts[0] === 'plain') this.opened();
    else if (this.tls!.direct) this.startTls();
    else {
      this.state = 'asked';
      this.channel.write([sslRequest]);
    }
  }

  private startTls(): void {
    this.state = 'handshake';
    this.channel.startTls(this.tls!.handshake);
  }

  private opened(): void {
    // The last one is told as it is.
    this.state = this.attempts.length > 1 ? 'opened' : 'settled';
    this.events.opened(this.channel);
  }

  private early(bytes: Buffer): void {
    if (this.state === 'opened') {
      if (bytes[0] === backendTypes['error-response']) this.next();
      else {
        this.state = 'settled';
        this.events.chunk(bytes);
      }
    } else if (this.state === 'asked') this.answered(bytes);
    // Nobody has been spoken to yet.
    else this.fail('the server sent data before it was asked');
  }

  private answered(bytes: Buffer): void {
    const [answer] = bytes;
    // FAIL-CLOSED: who sits in between could slip in an answer to what will be said in the encrypted connection
    // (CVE-2021-23222). The text of an error before the encryption may be anybody's too (CVE-2024-10977).
    if (answer === ACCEPTED && bytes.length === 1) this.startTls();
    else if (answer === DECLINED && bytes.length === 1) this.declined();
    else if (answer === ACCEPTED || answer === DECLINED)
      this.fail('the server sent unencrypted data behind its answer to the SSLRequest');
    else if (answer === backendTypes['error-response'])
      this.fail('the server sent an error in place of an answer to the SSLRequest');
    else this.fail('the server sent an invalid answer to the SSLRequest');
  }

  private declined(): void {
    this.attempts.shift();
    if (this.attempts[0] === 'plain') this.opened();
    else this.fail('the server does not offer TLS, and upstream.tls.mode demands it');
  }

  private closed(error: Error | undefined): void {
    const { state } = this;
    if (this.failed) return;
    if (error instanceof TlsHandshakeFailure) {
      if (this.attempts.length > 1) this.next();
      else this.fail(`the TLS handshake with the server failed: ${error.message}`);
      return;
    }
    this.state = 'settled';
    if (state === 'asked' && error === undefined)
      this.events.closed(new UpstreamTlsFailure('the server ended the connection at the SSLRequest'));
    else this.events.closed(error);
  }

  /** The other way, over a new connection. */
  private next(): void {
    const { channel } = this;
    this.attempts.shift();
    this.connect();
    channel.destroy();
  }

  private fail(reason: string): void {
    const { channel } = this;
    this.state = 'settled';
    this.failed = true;
    this.events.closed(new UpstreamTlsFailure(reason));
    channel.destroy();
  }
}
