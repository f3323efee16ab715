/**
 * The server's side of a log-in whose client has proven itself to the proxy: the proxy answers the server's requests, and
 * the client sees the log-in from AuthenticationOk on. It touches no sockets.
 */
import { decodeFrame, openFrame } from '../wire/codec.js';
import type { FrameSink, Verdict } from '../wire/framer.js';
import { encodeFrontend } from '../wire/frontend-message.js';
import { backendTypes } from '../wire/message-types.js';
import { authentication } from '../wire/messages/authentication.js';
import { errorField, errorResponse } from '../wire/messages/error-response.js';
import { ProtocolViolation } from '../wire/protocol-violation.js';
import type { UpstreamExchange, UpstreamStep } from './auth/upstream-exchange.js';
import type { Hold } from './hold.js';
import type { LogInNegotiation } from './negotiation.js';

export interface ProvenLoginEvents {
  forward(buffer: Buffer): void;
  toUpstream(buffer: Buffer): void;
  /** The server has let us in; what is known of the password is needed no more. */
  authenticated(): void;
  /** The BackendKeyData. */
  keyed(frame: Buffer): void;
  /** The server has refused the log-in; its error goes to the client as it is. */
  rejected(sqlstate: string): void;
  /** The password was changed since the client has proven it, or the verifiers are those of another server. */
  otherVerifier(): void;
  /** The server asks for what cannot be given, or is not believed. */
  refused(why: string): void;
  ready(frame: Buffer): Verdict;
}

export class ProvenLoginBackend implements FrameSink {
  private readonly negotiation: LogInNegotiation;
  private readonly exchange: UpstreamExchange;
  private readonly hold: Hold;
  private readonly events: ProvenLoginEvents;
  private step: UpstreamStep | undefined;
  private done = false;

  constructor(
    negotiation: LogInNegotiation,
    exchange: UpstreamExchange,
    hold: Hold,
    events: ProvenLoginEvents,
  ) {
    this.negotiation = negotiation;
    this.exchange = exchange;
    this.hold = hold;
    this.events = events;
  }

  bytes(buffer: Buffer): void {
    this.events.forward(buffer);
  }

  oversized(): readonly Buffer[] {
    return [];
  }

  message(messageType: number, frame: Buffer): Verdict {
    if (messageType === backendTypes['negotiate-protocol-version']) {
      const told = this.negotiation.answered(frame);
      return told.length === 0 ? 'drop' : [told];
    }
    const negotiated = this.negotiation.accepted();
    const verdict = this.own(messageType, frame);
    return negotiated !== undefined && verdict === 'pass' ? [negotiated, frame] : verdict;
  }

  private own(messageType: number, frame: Buffer): Verdict {
    if (messageType === backendTypes.authentication) return this.authenticate(frame);
    if (messageType === backendTypes['error-response']) {
      const { events } = this;
      events.rejected(errorField(errorResponse.decode(openFrame(frame, 'error-response')), 'C') ?? 'XX000');
      return 'pass';
    }
    // INVARIANT(server-proven): nothing that follows a log-in is taken before the log-in.
    if (!this.done) throw new ProtocolViolation('the server skipped the log-in');
    if (messageType === backendTypes['backend-key-data']) this.events.keyed(frame);
    return messageType === backendTypes['ready-for-query'] ? this.events.ready(frame) : 'pass';
  }

  private authenticate(frame: Buffer): Verdict {
    const step = this.step ?? this.exchange.answer(decodeFrame(authentication, frame, 'authentication'));
    // The same message is shown again when the key is there.
    if (step instanceof Promise) return this.hold.until(step, (known) => (this.step = known));
    this.step = undefined;
    switch (step.kind) {
      case 'send':
        this.events.toUpstream(encodeFrontend(step.message));
        return 'drop';
      case 'wait':
        return 'drop';
      case 'done':
        this.done = true;
        this.events.authenticated();
        return 'pass';
      case 'other-verifier':
        this.events.otherVerifier();
        return 'stop';
      case 'refused':
        this.events.refused(step.why);
        return 'stop';
    }
  }
}
