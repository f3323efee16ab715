/** Counts equal things together, in bounded memory: what comes beyond the bound is counted in one group of each kind. */

export interface Counted {
  count: number;
  /** In ms since 1970. */
  first: number;
  last: number;
}

export class Groups<T extends Counted> {
  readonly #groups = new Map<string, T>();
  readonly #limit: number;
  /** What found no place of its own. */
  overflowed = 0;

  constructor(limit = 10_000) {
    this.#limit = limit;
  }

  /**
   * The group of these words, with one thing more in it.
   * @param rest - made once for each first word, of things that find no place of their own
   */
  add(words: readonly string[], time: number, count: number, make: () => T, rest: () => T): T {
    let key = words.join('\0');
    let make_ = make;
    if (!this.#groups.has(key) && this.#groups.size >= this.#limit) {
      this.overflowed += count;
      key = `\0rest\0${words[0]}`;
      make_ = rest;
    }
    let group = this.#groups.get(key);
    if (group === undefined) this.#groups.set(key, (group = make_()));
    group.count += count;
    group.first = Math.min(group.first, time);
    group.last = Math.max(group.last, time);
    return group;
  }

  /** The most recent first. */
  sorted(): readonly T[] {
    return [...this.#groups.values()].sort((a, b) => b.last - a.last || b.count - a.count);
  }
}

/** Remembers a few distinct texts. */
export class Few {
  readonly texts = new Set<string>();
  readonly #limit: number;

  constructor(limit: number) {
    this.#limit = limit;
  }

  add(text: string | undefined): void {
    if (text !== undefined && text !== '' && this.texts.size < this.#limit) this.texts.add(text);
  }
}
