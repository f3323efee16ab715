/**
 * The hashes of a chain's events by sequence, to tell a copy from another event in its place: 16 bytes each, since who
 * wants to pass another event for a copy has to find one with the same half of SHA-256 (2^128 attempts).
 */
/** Small, since a chain may be short: each pod of a fleet begins one of its own. */
const CHUNK = 256;
const BYTES = 16;
const EMPTY = Buffer.alloc(BYTES);

export class SeenHashes {
  readonly #chunks = new Map<number, Buffer>();

  put(sequence: number, hash: string): void {
    const number = Math.floor(sequence / CHUNK);
    let chunk = this.#chunks.get(number);
    if (chunk === undefined) {
      chunk = Buffer.alloc(CHUNK * BYTES);
      this.#chunks.set(number, chunk);
    }
    chunk.write(hash.slice(0, 2 * BYTES), (sequence - number * CHUNK) * BYTES, 'hex');
  }

  /** `none`: no event with this sequence was seen. */
  compare(sequence: number, hash: string): 'same' | 'other' | 'none' {
    const number = Math.floor(sequence / CHUNK);
    const at = (sequence - number * CHUNK) * BYTES;
    const seen = this.#chunks.get(number)?.subarray(at, at + BYTES);
    if (seen === undefined || seen.equals(EMPTY)) return 'none';
    return seen.equals(Buffer.from(hash.slice(0, 2 * BYTES), 'hex')) ? 'same' : 'other';
  }
}
