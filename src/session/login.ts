/** The relayed authentication, before a session takes statements. It touches no sockets. */
import { encodeBackend } from '../wire/backend-message.js';
import { decodeFrame, openFrame } from '../wire/codec.js';
import type { FrameSink, Verdict } from '../wire/framer.js';
import { backendTypes, frontendTypes } from '../wire/message-types.js';
import { authentication } from '../wire/messages/authentication.js';
import { ProtocolViolation } from '../wire/protocol-violation.js';
import { errorField, errorResponse } from '../wire/messages/error-response.js';
import { requireWellFormed } from '../wire/well-formed.js';
import type { LogInNegotiation } from './negotiation.js';

const server = backendTypes;
/** AUTH_REQ_SASL in src/include/libpq/protocol.h. */
const SASL = 10;
/** AuthenticationOk and AuthenticationSASLFinal: the client has nothing to answer. */
const NO_QUESTIONS = [0, 12];

/** What the log-in has come to, shared by both directions. */
export interface LoginProgress {
  /** The server has asked for a password, or for the next step towards it, and has no answer yet. */
  asked: boolean;
  authenticated: boolean;
}

/**
 * Passwords go through; what a client sends early waits until the session is ready, unless the server wants to hear
 * something first: then it takes nothing else (recv_password_packet in src/backend/libpq/auth.c).
 */
export class LoginFrontend implements FrameSink {
  private readonly forward: (buffer: Buffer) => void;
  private readonly terminate: () => void;
  private readonly progress: LoginProgress;

  constructor(forward: (buffer: Buffer) => void, terminate: () => void, progress: LoginProgress) {
    this.forward = forward;
    this.terminate = terminate;
    this.progress = progress;
  }

  bytes(buffer: Buffer): void {
    this.forward(buffer);
  }

  oversized(): readonly Buffer[] {
    this.terminate();
    return [];
  }

  message(messageType: number): Verdict {
    if (messageType === frontendTypes.terminate) {
      this.terminate();
      return 'stop';
    }
    const { asked, authenticated } = this.progress;
    if (authenticated) return 'hold';
    if (messageType === frontendTypes.password) {
      this.progress.asked = false;
      return 'pass';
    }
    // Held, it would wait for an answer that can only come behind it.
    if (asked) throw new ProtocolViolation(`expected a password response, got message type ${messageType}`);
    return 'hold';
  }
}

export interface LoginEvents {
  /** The client would bind to the certificate that the server binds to. */
  bindsAlike(): boolean;
  forward(buffer: Buffer): void;
  asked(): void;
  authenticated(): void;
  /** The BackendKeyData. */
  keyed(frame: Buffer): void;
  /** The server has refused the log-in; its error goes to the client as it is. */
  rejected(sqlstate: string): void;
  ready(frame: Buffer): Verdict;
}

/** Relays the server's side of the log-in. */
export class LoginBackend implements FrameSink {
  private readonly negotiation: LogInNegotiation;
  private readonly events: LoginEvents;

  constructor(negotiation: LogInNegotiation, events: LoginEvents) {
    this.negotiation = negotiation;
    this.events = events;
  }

  bytes(buffer: Buffer): void {
    this.events.forward(buffer);
  }

  oversized(): readonly Buffer[] {
    return [];
  }

  message(messageType: number, frame: Buffer): Verdict {
    // The key is between the server and the client alone, whatever its length.
    if (messageType !== server['backend-key-data']) requireWellFormed(frame);
    if (messageType === server['negotiate-protocol-version']) return [this.negotiation.answered(frame)];
    const negotiated = this.negotiation.accepted();
    const verdict = this.own(messageType, frame);
    if (negotiated === undefined) return verdict;
    if (verdict === 'pass') return [negotiated, frame];
    return Array.isArray(verdict) ? [negotiated, ...(verdict as readonly Buffer[])] : verdict;
  }

  /**
   * A client binds to the certificate that the proxy shows it, and the server to its own: -PLUS cannot succeed unless they
   * are the same, and libpq refuses to see it offered in the clear. Without the offer, clients that may do without get in.
   */
  private offered(frame: Buffer): Buffer {
    if (this.events.bindsAlike()) return frame;
    const message = decodeFrame(authentication, frame, 'authentication');
    if (message.method !== 'sasl') return frame;
    const mechanisms = message.mechanisms.filter((mechanism) => !mechanism.endsWith('-PLUS'));
    return encodeBackend({ ...message, mechanisms });
  }

  private own(messageType: number, frame: Buffer): Verdict {
    if (messageType === server.authentication && !NO_QUESTIONS.includes(frame.readInt32BE(5)))
      this.events.asked();
    if (messageType === server.authentication && frame.readInt32BE(5) === SASL) return [this.offered(frame)];
    // AuthenticationOk is code 0 (PostgreSQL manual, 54.7); the others are requests to the client.
    if (messageType === server.authentication && frame.readInt32BE(5) === 0) this.events.authenticated();
    else if (messageType === server['backend-key-data']) this.events.keyed(frame);
    else if (messageType === server['error-response'])
      this.events.rejected(
        errorField(errorResponse.decode(openFrame(frame, 'error-response')), 'C') ?? 'XX000',
      );
    else if (messageType === server['ready-for-query']) return this.events.ready(frame);
    return 'pass';
  }
}
