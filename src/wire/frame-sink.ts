/** What a framer calls for the bytes it cuts, and what it may be told in return. It knows no session. */

/**
 * What becomes of a message that the sink was shown:
 * - `pass`: it goes on as it came, in one range with its neighbours;
 * - `drop`: it goes nowhere;
 * - buffers: they go on in its place;
 * - `hold`: the framer stops before it and keeps the rest, until `resume()` shows the same message again;
 * - `stop`: it and everything behind it is thrown away, for good.
 */
export type Verdict = 'pass' | 'drop' | 'hold' | 'stop' | readonly Buffer[];

export interface FrameSink {
  /**
   * A whole interesting message, header included, or the head of one that the table cuts: then its length word says more
   * than there is, and what becomes of the head becomes of the rest. The buffer is a view, valid during the call only.
   * Bytes before it may not have reached `bytes()` yet, so what must follow them in order is returned, not written.
   */
  message(type: number, frame: Buffer): Verdict;
  /**
   * Bytes to forward, in order: mostly one view of the whole chunk, valid during the call only.
   * INVARIANT(no-retained-chunk): the read buffer is reused, so who cannot write at once must copy.
   */
  bytes(buffer: Buffer): void;
  /** A message of discardOversized beyond its limit was met; its body is thrown away. The result goes on in its place. */
  oversized(type: number, bodyLength: number): readonly Buffer[];
  /**
   * A metered message begins: false throws it away, 'wait' stops before it until `resume()` asks again.
   * Needed only where the table meters something.
   */
  allows?(type: number): boolean | 'wait';
  /**
   * A piece of the body of a tapped message passes, before `bytes()` has it: a view, valid during the call only. The first
   * may be empty. Needed only where the table taps something.
   */
  tap?(type: number, chunk: Buffer, from: number, to: number, begins: boolean, ends: boolean): void;
}
