/**
 * How many messages of one client the server may still have to answer. Each takes memory here until then, and an error
 * ends all of them at once. It stands before the session's own reading of requests and knows no statements.
 */
import type { FrameSink, Verdict } from '../wire/frame-sink.js';
import { frontendTypes } from '../wire/message-types.js';
import type { SessionState } from './session-state.js';

/** Drivers send batches of some hundred statements; what comes on top waits for answers, as it would for the server. */
const MOST_UNDER_WAY = 4096;

/** Nothing answers these, and those that end something must not wait behind it. */
const UNANSWERED: ReadonlySet<number> = new Set([
  frontendTypes.terminate,
  frontendTypes.flush,
  frontendTypes['copy-done'],
  frontendTypes['copy-fail'],
]);

export interface UnderWayLimitPorts {
  readonly inner: FrameSink;
  readonly state: SessionState;
  /** The server keeps its answers until it is asked, or has 8 KB of them. */
  wantFlush(): void;
}

export class UnderWayLimit implements FrameSink {
  private readonly to: UnderWayLimitPorts;

  constructor(to: UnderWayLimitPorts) {
    this.to = to;
  }

  bytes(buffer: Buffer): void {
    this.to.inner.bytes(buffer);
  }

  message(type: number, frame: Buffer): Verdict {
    const { inner, state } = this.to;
    // While the server reads COPY data it answers nothing, whatever it is asked.
    if (state.answers.pending < MOST_UNDER_WAY || state.copyIn || UNANSWERED.has(type))
      return inner.message(type, frame);
    this.to.wantFlush();
    return 'hold';
  }

  oversized(type: number, bodyLength: number): readonly Buffer[] {
    return this.to.inner.oversized(type, bodyLength);
  }

  allows(type: number): boolean | 'wait' {
    return this.to.inner.allows?.(type) ?? false;
  }
}
