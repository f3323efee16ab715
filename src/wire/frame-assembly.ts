/** Puts one message together that came in several chunks. It knows lengths, nothing of types. */

const FIRST_ALLOCATION = 4096;
const NOTHING: Buffer = Buffer.alloc(0);

/** Grows with what arrives: a peer that only declares a large message costs nothing. */
export class FrameAssembly {
  private frame: Buffer = NOTHING;
  private filled = 0;
  private total = 0;

  /** @param expected - how much is at hand, to allocate once */
  begin(total: number, expected: number): void {
    this.total = total;
    this.filled = 0;
    this.frame = Buffer.allocUnsafe(Math.min(total, Math.max(FIRST_ALLOCATION, expected)));
  }

  /** Copies what the message still lacks from `chunk`, and says how much that was. */
  append(chunk: Buffer, from: number): number {
    const step = Math.min(this.total - this.filled, chunk.length - from);
    const needed = this.filled + step;
    if (needed > this.frame.length) {
      const larger = Buffer.allocUnsafe(Math.min(this.total, Math.max(needed, this.frame.length * 2)));
      this.frame.copy(larger, 0, 0, this.filled);
      this.frame = larger;
    }
    chunk.copy(this.frame, this.filled, from, from + step);
    this.filled = needed;
    return step;
  }

  get complete(): boolean {
    return this.filled === this.total;
  }

  get allocated(): number {
    return this.frame.length;
  }

  /** The whole frame, which is the receiver's from now on. */
  take(): Buffer {
    const frame = this.frame;
    this.frame = NOTHING;
    return frame;
  }
}
