/** The segments that a spool consists of, and how large each is. Reads no file. */
import type { SpoolPosition } from './spool-reader.js';

export class SegmentSizes {
  readonly #sizes: Map<number, number>;
  #bytes = 0;

  constructor(found: ReadonlyMap<number, number>) {
    this.#sizes = new Map(found);
    for (const size of this.#sizes.values()) this.#bytes += size;
  }

  /** Of all segments. */
  get bytes(): number {
    return this.#bytes;
  }

  numbers(): readonly number[] {
    return [...this.#sizes.keys()];
  }

  /** Bytes of one. */
  of(number: number): number {
    return this.#sizes.get(number) ?? 0;
  }

  /** All bytes without a position. */
  bytesBehind(position: SpoolPosition | undefined): number {
    if (position === undefined) return this.#bytes;
    let behind = 0;
    for (const [number, size] of this.#sizes) {
      if (number > position.segment) behind += size;
      else if (number === position.segment) behind += Math.max(0, size - position.offset);
    }
    return behind;
  }

  /** Undefined: the segment is no more. */
  set(number: number, size: number | undefined): void {
    this.#bytes += (size ?? 0) - (this.#sizes.get(number) ?? 0);
    if (size === undefined) this.#sizes.delete(number);
    else this.#sizes.set(number, size);
  }
}
