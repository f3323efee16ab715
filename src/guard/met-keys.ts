/** Fields that a result has shown already, by their bytes, so that each is turned into a key once. It knows no formats. */

/** 256^6 times the lengths up to it is still exact in a double. */
const NUMBERED_BYTES = 6;

export class MetKeys {
  private readonly met = new Set<number | string>();
  /** Rows of one person mostly stand together. */
  private last: number | string | undefined;

  has(chunk: Buffer, from: number, to: number): boolean {
    const name = nameOf(chunk, from, to);
    if (name === this.last) return true;
    if (!this.met.has(name)) return false;
    this.last = name;
    return true;
  }

  add(chunk: Buffer, from: number, to: number): void {
    this.last = nameOf(chunk, from, to);
    this.met.add(this.last);
  }

  clear(): void {
    this.met.clear();
    this.last = undefined;
  }
}

/** Short fields as a number, since making a string takes longer than all the rest of a row. */
function nameOf(chunk: Buffer, from: number, to: number): number | string {
  const length = to - from;
  if (length > NUMBERED_BYTES) return chunk.toString('latin1', from, to);
  let number = length;
  for (let at = from; at < to; at++) number = number * 256 + chunk[at]!;
  return number;
}
