/**
 * Tokens in one typed array, three numbers a token. It knows offsets and kinds, not the text they point into.
 */
import type { TokenKind, TokenList } from './types.js';

const kinds = [
  'identifier',
  'quoted-identifier',
  'string',
  'bit-string',
  'integer',
  'big-integer',
  'decimal',
  'parameter',
  'operator',
  'punctuation',
] as const satisfies readonly TokenKind[];

/** The number that stands for a kind in the packed array. */
export const KindCode = {
  identifier: 0,
  quotedIdentifier: 1,
  string: 2,
  bitString: 3,
  integer: 4,
  bigInteger: 5,
  decimal: 6,
  parameter: 7,
  operator: 8,
  punctuation: 9,
} as const;

class PackedTokens implements TokenList {
  readonly length: number;
  readonly #packed: Int32Array;

  constructor(packed: Int32Array) {
    this.#packed = packed;
    this.length = packed.length / 3;
  }

  kind(index: number): TokenKind {
    return kinds[this.#field(index, 0)]!;
  }

  start(index: number): number {
    return this.#field(index, 1);
  }

  end(index: number): number {
    return this.#field(index, 2);
  }

  at(offset: number): number {
    let low = 0;
    let high = this.length - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const start = this.#packed[middle * 3 + 1]!;
      if (start === offset) return middle;
      if (start < offset) low = middle + 1;
      else high = middle - 1;
    }
    return -1;
  }

  #field(index: number, field: number): number {
    const value = this.#packed[index * 3 + field];
    if (value === undefined) throw new RangeError(`token ${index} is not one of ${this.length}`);
    return value;
  }
}

/** Collects tokens; reused from one text to the next, since most texts are small and many. */
export class TokenBuffer {
  #packed = new Int32Array(3 * 256);
  count = 0;

  push(kind: number, start: number, end: number): void {
    const at = this.count * 3;
    if (at === this.#packed.length) this.#grow();
    this.#packed[at] = kind;
    this.#packed[at + 1] = start;
    this.#packed[at + 2] = end;
    this.count += 1;
  }

  /** Kind and end of the last token; there is one. */
  last(): readonly [kind: number, end: number] {
    const at = (this.count - 1) * 3;
    return [this.#packed[at]!, this.#packed[at + 2]!];
  }

  /** The collected tokens as a list of their own; the buffer is empty again. */
  take(): TokenList {
    const list = new PackedTokens(this.#packed.slice(0, this.count * 3));
    this.reset();
    return list;
  }

  reset(): void {
    this.count = 0;
    // A rare huge text must not pin its memory.
    if (this.#packed.length > 3 * 65_536) this.#packed = new Int32Array(3 * 256);
  }

  #grow(): void {
    const grown = new Int32Array(this.#packed.length * 2);
    grown.set(this.#packed);
    this.#packed = grown;
  }
}
