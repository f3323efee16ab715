/**
 * The memory that a socket reads into: one small buffer for a quiet connection, a large one while data flows.
 * It knows no sockets and no messages.
 */
const SMALL = 8 * 1024;
const LARGE = 64 * 1024;

/** Large buffers that no connection uses at present, shared by all of the process. */
const spares: Buffer<ArrayBuffer>[] = [];
const MAX_SPARES = 32;

export class ReadBuffer {
  private readonly small = Buffer.allocUnsafeSlow(SMALL);
  private current: Buffer<ArrayBuffer> = this.small;
  private lastRead = 0;

  /** What the last read has filled. */
  filled(bytes: number): Buffer {
    this.lastRead = bytes;
    return this.current.subarray(0, bytes);
  }

  /**
   * The buffer for the next read.
   * INVARIANT(no-overwritten-write): a buffer of which a view waits in a socket's write queue is not read into.
   * @param lent - such a view may exist; false means that every buffer lent before is free as well
   */
  next(lent: boolean): Buffer {
    if (lent) {
      // Left to the garbage collector: when its write ends is not worth tracking.
      this.current = Buffer.allocUnsafeSlow(LARGE);
    } else if (this.current === this.small) {
      if (this.lastRead === SMALL) this.current = spares.pop() ?? Buffer.allocUnsafeSlow(LARGE);
    } else if (this.lastRead < SMALL) {
      if (spares.length < MAX_SPARES) spares.push(this.current);
      this.current = this.small;
    }
    return this.current;
  }
}
