/**
 * What a governed client may be shown at all: messages that are what their type says, and COPY where a COPY was sent.
 * It stands before everything else on the way back, and changes nothing.
 */
import type { FrameSink, Verdict } from '../wire/framer.js';
import { backendTypes } from '../wire/message-types.js';
import { ProtocolViolation } from '../wire/protocol-violation.js';
import { requireWellFormed } from '../wire/well-formed.js';
import { currentRun } from './answers.js';
import type { SessionState } from './session-state.js';

export class StrictAnswers implements FrameSink {
  private readonly inner: FrameSink;
  private readonly state: SessionState;

  constructor(inner: FrameSink, state: SessionState) {
    this.inner = inner;
    this.state = state;
  }

  bytes(buffer: Buffer): void {
    this.inner.bytes(buffer);
  }

  oversized(type: number, bodyLength: number): readonly Buffer[] {
    return this.inner.oversized(type, bodyLength);
  }

  allows(type: number): boolean | 'wait' {
    return this.inner.allows?.(type) ?? false;
  }

  tap(type: number, chunk: Buffer, from: number, to: number, begins: boolean, ends: boolean): void {
    this.inner.tap?.(type, chunk, from, to, begins, ends);
  }

  message(type: number, frame: Buffer): Verdict {
    requireWellFormed(frame);
    // FAIL-CLOSED: the client would send data for a statement that is not one, and nothing behind it would be understood.
    if (isCopyStart(type) && currentRun(this.state.answers.head)?.record.command !== 'COPY')
      throw new ProtocolViolation('the server began a COPY that was not sent');
    return this.inner.message(type, frame);
  }
}

function isCopyStart(type: number): boolean {
  return type === backendTypes['copy-in-response'] || type === backendTypes['copy-out-response'];
}
