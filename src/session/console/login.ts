/**
 * The log-in to the virtual database where the proxy relays it: the server says who the client is, and nothing else of
 * what it says concerns the client. It knows no sockets.
 */
import type { FrameSink, Verdict } from '../../wire/framer.js';
import { backendTypes } from '../../wire/message-types.js';
import { parameterFrame, readyFrame } from './frames.js';
import { reportedParameters } from './parameters.js';

/** What a client gets at the end of its log-in, behind AuthenticationOk. There is nothing to cancel, so no key. */
export function consoleGreeting(): readonly Buffer[] {
  return [...reportedParameters.map(([name, value]) => parameterFrame(name, value)), readyFrame('I')];
}

/** Keeps back what the server tells of itself. */
export class ConsoleLogin implements FrameSink {
  private readonly relay: FrameSink;

  constructor(relay: FrameSink) {
    this.relay = relay;
  }

  bytes(buffer: Buffer): void {
    this.relay.bytes(buffer);
  }

  oversized(type: number, bodyLength: number): readonly Buffer[] {
    return this.relay.oversized(type, bodyLength);
  }

  message(type: number, frame: Buffer): Verdict {
    if (type === backendTypes['parameter-status'] || type === backendTypes['backend-key-data']) return 'drop';
    return this.relay.message(type, frame);
  }
}
