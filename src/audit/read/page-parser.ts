/**
 * Cuts the reply to XRANGE into entries, from the pieces in which it comes. Knows of RESP the arrays and the bulk strings
 * ("Redis serialization protocol specification"), which XRANGE answers with in version 2 and 3.
 */

/** Its id, and names and values in turn. */
export type Entry = readonly [Buffer, readonly Buffer[]];

const ARRAY = '*'.charCodeAt(0);
const STRING = '$'.charCodeAt(0);
const CR = '\r'.charCodeAt(0);
const LF = '\n'.charCodeAt(0);
const MAX_DIGITS = 10;

export class PageParser {
  readonly #entries: Entry[] = [];
  /** What is not taken yet: pieces while they cannot be an entry, else one. */
  #pieces: Buffer[] = [];
  #length = 0;
  /** So many bytes are needed to go on. */
  #needed = 1;
  #bytes: Buffer = Buffer.alloc(0);
  #at = 0;
  /** Entries still to come. */
  #left: number | undefined;

  get begun(): boolean {
    return this.#length > 0;
  }

  /** The entries, once all are there. */
  get page(): readonly Entry[] | undefined {
    return this.#left === 0 ? this.#entries : undefined;
  }

  /** Throws where the bytes are something else. */
  add(piece: Buffer): void {
    this.#pieces.push(piece);
    this.#length += piece.length;
    if (this.#length < this.#needed) return;
    this.#bytes = this.#pieces.length === 1 ? piece : Buffer.concat(this.#pieces, this.#length);
    this.#at = 0;
    let taken = 0;
    this.#left ??= this.#header(ARRAY);
    while (this.#left !== undefined && this.#left > 0) {
      taken = this.#at;
      const entry = this.#entry();
      if (entry === undefined) break;
      this.#entries.push(entry);
      this.#left -= 1;
    }
    if (this.#left === 0) {
      if (this.#at < this.#bytes.length) throw new Error('Redis has sent more than it was asked for');
      return;
    }
    this.#needed -= taken;
    this.#length -= taken;
    this.#pieces = [this.#bytes.subarray(taken)];
  }

  /** Undefined, here and below: its end is not there yet. */
  #entry(): Entry | undefined {
    if (this.#header(ARRAY) === undefined) return undefined;
    const id = this.#string();
    if (id === undefined) return undefined;
    const count = this.#header(ARRAY);
    if (count === undefined) return undefined;
    const fields: Buffer[] = [];
    while (fields.length < count) {
      const field = this.#string();
      if (field === undefined) return undefined;
      fields.push(field);
    }
    return [id, fields];
  }

  #string(): Buffer | undefined {
    const length = this.#header(STRING);
    if (length === undefined) return undefined;
    const from = this.#at;
    this.#at += length + 2;
    this.#needed = this.#at;
    return this.#at > this.#bytes.length ? undefined : this.#bytes.subarray(from, from + length);
  }

  /** How many there are: `*2\r\n`, `$15\r\n`. */
  #header(type: number): number | undefined {
    const bytes = this.#bytes;
    let at = this.#at;
    let number = 0;
    if (at < bytes.length && bytes[at] !== type) throw new Error('Redis has sent no stream entries');
    for (at += 1; at < bytes.length && bytes[at] !== CR; at++) {
      const digit = bytes[at]! - 48;
      if (digit < 0 || digit > 9 || at - this.#at > MAX_DIGITS) throw new Error('Redis has sent no length');
      number = 10 * number + digit;
    }
    this.#needed = at + 2;
    if (this.#needed > bytes.length) return undefined;
    if (bytes[at + 1] !== LF) throw new Error('Redis has sent no length');
    this.#at = at + 2;
    return number;
  }
}
