/**
 * Distinct data subjects, counted exactly for many groups in bounded memory: each HMAC gets a number once, and a group is
 * a set of numbers. Knows nothing of events.
 */

/** HMACs are 16 bytes (subject-hmac.ts), 22 characters in base64url. */
const WORDS = 4;
const TEXT = /^[A-Za-z0-9_-]{22}$/;

/** About 100 MB when it is full. */
const MAX_SUBJECTS = 4_194_304;

/** The numbers of all HMACs, given in the order in which they come. */
export class SubjectTable {
  readonly #max: number;
  readonly #scratch = Buffer.alloc(16);
  #words = new Uint32Array(1_024 * WORDS);
  /** Open addressing: number + 1, or 0 for a free slot. An HMAC is as good as random, so its own bits are the hash. */
  #slots = new Uint32Array(2_048);
  #size = 0;
  #full = false;

  constructor(max = MAX_SUBJECTS) {
    this.#max = max;
  }

  get size(): number {
    return this.#size;
  }

  /** More came than are told apart, so that every count is a least. */
  get full(): boolean {
    return this.#full;
  }

  /** Undefined: no HMAC of pgveil, or one more than are told apart. */
  numberOf(hmac: string): number | undefined {
    if (!TEXT.test(hmac)) return undefined;
    this.#scratch.write(hmac, 'base64url');
    const words = [0, 4, 8, 12].map((at) => this.#scratch.readUInt32LE(at));
    let slot = this.#slotOf(words[0]!);
    for (let entry = this.#slots[slot]!; entry !== 0; entry = this.#slots[slot]!) {
      const at = (entry - 1) * WORDS;
      if (words.every((word, index) => this.#words[at + index] === word)) return entry - 1;
      slot = (slot + 1) % this.#slots.length;
    }
    if (this.#size === this.#max) {
      this.#full = true;
      return undefined;
    }
    const number = this.#size++;
    if (number * WORDS === this.#words.length) this.#words = doubled(this.#words);
    this.#words.set(words, number * WORDS);
    this.#slots[slot] = number + 1;
    if (this.#size * 2 > this.#slots.length) this.#spread();
    return number;
  }

  hmacOf(number: number): string {
    for (let word = 0; word < WORDS; word++)
      this.#scratch.writeUInt32LE(this.#words[number * WORDS + word]!, 4 * word);
    return this.#scratch.toString('base64url');
  }

  #slotOf(word: number): number {
    return word % this.#slots.length;
  }

  #spread(): void {
    this.#slots = new Uint32Array(this.#slots.length * 2);
    for (let number = 0; number < this.#size; number++) {
      let slot = this.#slotOf(this.#words[number * WORDS]!);
      while (this.#slots[slot] !== 0) slot = (slot + 1) % this.#slots.length;
      this.#slots[slot] = number + 1;
    }
  }
}

function doubled(words: Uint32Array<ArrayBuffer>): Uint32Array<ArrayBuffer> {
  const more = new Uint32Array(words.length * 2);
  more.set(words);
  return more;
}

/** Above this a set of numbers costs more than the bits of all of them would. */
const FEW = 1_024;

/** A set of numbers, small while it holds few. */
export class SubjectSet {
  #few: Set<number> | undefined = new Set();
  #bits = new Uint32Array(0);
  #size = 0;

  get size(): number {
    return this.#few?.size ?? this.#size;
  }

  add(number: number): void {
    if (this.#few !== undefined) {
      this.#few.add(number);
      if (this.#few.size <= FEW) return;
      const few = this.#few;
      this.#few = undefined;
      for (const one of few) this.#set(one);
      return;
    }
    this.#set(number);
  }

  addAll(other: SubjectSet): void {
    for (const number of other.numbers()) this.add(number);
  }

  *numbers(): Generator<number> {
    if (this.#few !== undefined) {
      yield* this.#few;
      return;
    }
    for (let word = 0; word < this.#bits.length; word++) {
      for (let bits = this.#bits[word]!, bit = 0; bits !== 0; bits >>>= 1, bit++)
        if ((bits & 1) === 1) yield word * 32 + bit;
    }
  }

  #set(number: number): void {
    const word = number >>> 5;
    if (word >= this.#bits.length) {
      const more = new Uint32Array(Math.max(word + 1, this.#bits.length * 2));
      more.set(this.#bits);
      this.#bits = more;
    }
    const mask = 1 << (number & 31);
    if ((this.#bits[word]! & mask) !== 0) return;
    this.#bits[word]! |= mask;
    this.#size++;
  }
}
