/**
 * How long one direction of one session may keep the process to itself. All sessions of a worker share one thread, and a
 * pipelining client can put thousands of statements into one chunk: behind its share of work a session waits until the
 * others have had theirs. It knows no messages.
 */
import type { FrameSink, Verdict } from '../wire/frame-sink.js';
import type { Hold } from './hold.js';

/** A hundred statements or so whose plans are known. Longer would be felt by the others, shorter costs turns of the event loop. */
const SHARE_MS = 2;

/** Until sockets that are ready have been read. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/**
 * Stands before all else in its direction, and adds up what the messages behind it cost. What a session has spent is
 * not forgotten when its work is done, only when it has let the others go first: one that is never behind waits for
 * nothing, for then the turn comes at once.
 */
export class FairShare implements FrameSink {
  private readonly inner: FrameSink;
  private readonly hold: Hold;
  private spentMs = 0;

  constructor(inner: FrameSink, hold: Hold) {
    this.inner = inner;
    this.hold = hold;
  }

  bytes(buffer: Buffer): void {
    this.inner.bytes(buffer);
  }

  message(type: number, frame: Buffer): Verdict {
    if (this.spentMs >= SHARE_MS) return this.hold.until(nextTurn(), () => (this.spentMs = 0));
    const begunAt = performance.now();
    const verdict = this.inner.message(type, frame);
    this.spentMs += performance.now() - begunAt;
    return verdict;
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
}
