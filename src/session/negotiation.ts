/**
 * The rule of protocol versions (PostgreSQL manual, 54.2.1; ProcessStartupPacket and SendNegotiateProtocolVersion in
 * src/backend/tcop/backend_startup.c): what a client's StartupMessage asks for, what the server is asked in its place,
 * and what the client is told. It is pure: the order of the log-in is not its business.
 */
import { encodeBackend } from '../wire/backend-message.js';
import { toByteString } from '../wire/byte-string.js';
import { decodeFrame } from '../wire/codec.js';
import { encodeErrorResponse } from '../wire/messages/error-response.js';
import {
  negotiateProtocolVersion,
  type NegotiateProtocolVersion,
} from '../wire/messages/negotiate-protocol-version.js';
import { ProtocolViolation } from '../wire/protocol-violation.js';
import { encodeStartupPacket, type StartupMessage } from '../wire/startup.js';

/** The newest minor version of protocol 3 whose messages pgveil understands. */
export const NEWEST_MINOR = 2;

/** What a StartupMessage asks of the protocol. */
export interface ProtocolAsk {
  readonly minor: number;
  /** Names of `_pq_.` parameters, in the packet's order. */
  readonly options: readonly string[];
}

/** `_pq_.` is reserved for options of the protocol (PostgreSQL manual, 54.2.1). */
export function isProtocolOption(name: string): boolean {
  return name.startsWith('_pq_.');
}

export function protocolAsk(message: StartupMessage): ProtocolAsk {
  return {
    minor: message.protocol.minor,
    options: message.parameters.map(([name]) => name).filter(isProtocolOption),
  };
}

/**
 * Only the server knows what the client has to be told, so it must be asked before the client's authentication ends.
 * False: plain 3.0, about which no server says anything.
 */
export function needsServer({ minor, options }: ProtocolAsk): boolean {
  return minor > 0 || options.length > 0;
}

/** FAIL-CLOSED: the server never speaks a version that pgveil would read without knowing it. */
export function minorForServer({ minor }: ProtocolAsk): number {
  return Math.min(minor, NEWEST_MINOR);
}

/**
 * An exempt session's packet for the server: its own bytes, unless they ask for what pgveil does not know. An option may
 * change the meaning of messages, so none goes further; those that servers up to 18 know are none.
 */
export function exemptStartup(message: StartupMessage, raw: Buffer): Buffer {
  const ask = protocolAsk(message);
  if (ask.minor <= NEWEST_MINOR && ask.options.length === 0) return raw;
  return encodeStartupPacket({
    kind: 'startup',
    protocol: { major: 3, minor: minorForServer(ask) },
    parameters: message.parameters.filter(([name]) => !isProtocolOption(name)),
  });
}

/** For a client of another major version: 1 and 2 had errors as text (send_message_to_frontend in elog.c). */
export function unsupportedVersion({
  major,
  minor,
}: {
  readonly major: number;
  readonly minor: number;
}): Buffer {
  const message = `unsupported frontend protocol ${major}.${minor}: pgveil speaks 3.0 to 3.${NEWEST_MINOR}`;
  if (major === 1 || major === 2) return Buffer.from(`EFATAL:  ${message}\n\0`);
  return encodeErrorResponse({ severity: 'FATAL', sqlstate: '0A000', message });
}

/** What becomes of the server's side of the negotiation. */
export interface LogInNegotiation {
  answered(frame: Buffer): Buffer;
  accepted(): Buffer | undefined;
}

/** The one NegotiateProtocolVersion of a log-in. The server sends its own, if any, before everything else. */
export class Negotiation implements LogInNegotiation {
  private readonly ask: ProtocolAsk;
  private open = true;

  constructor(ask: ProtocolAsk) {
    this.ask = ask;
  }

  /** The server has said what there is to say. */
  get settled(): boolean {
    return !this.open;
  }

  /**
   * The server's NegotiateProtocolVersion.
   * @returns what goes to the client in its place
   * @throws ProtocolViolation for an answer that nobody asked for: the two sides would speak different versions
   */
  answered(frame: Buffer): Buffer {
    const { newestVersion, unknownOptions } = decodeFrame(
      negotiateProtocolVersion,
      frame,
      'negotiate-protocol-version',
    );
    const minor = newestVersion & 0xffff;
    if (!this.open) throw new ProtocolViolation('the server negotiated the protocol version out of turn');
    if (newestVersion >> 16 !== 3 || minor >= minorForServer(this.ask) || unknownOptions.length > 0)
      throw new ProtocolViolation('the server negotiated what it was not asked for');
    this.open = false;
    return this.told(minor);
  }

  /**
   * Called at the server's first message that is not NegotiateProtocolVersion: it takes the version that it was asked for.
   * @returns what has to go to the client before that message
   */
  accepted(): Buffer | undefined {
    if (!this.open) return undefined;
    this.open = false;
    if (this.ask.minor <= NEWEST_MINOR && this.ask.options.length === 0) return undefined;
    return this.told(minorForServer(this.ask));
  }

  private told(minor: number): Buffer {
    const answer: NegotiateProtocolVersion = {
      kind: 'negotiate-protocol-version',
      newestVersion: (3 << 16) | minor,
      unknownOptions: this.ask.options.map(toByteString),
    };
    return encodeBackend(answer);
  }
}
