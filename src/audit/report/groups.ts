/**
 * Collections whose size has a bound and whose content depends on what was put in, never on the order in which it came:
 * groups by key, names, and the first of a list. What does not fit is told as such, and still counted.
 */
import { hash } from 'node:crypto';

/** What is counted for one group. */
export interface Tally<Self> {
  /** Adds what another one has counted. */
  absorb(other: Self): void;
}

/** Tallies by key. Keys are lists of names, which a client may have chosen. */
export class Groups<T extends Tally<T>> {
  readonly #max: number;
  readonly #make: () => T;
  readonly #found = new Map<string, { readonly key: readonly (string | null)[]; readonly tally: T }>();
  /** Digests from here on are not told apart any more. */
  #limit: string | undefined;
  #others: T | undefined;

  constructor(max: number, make: () => T) {
    this.#max = max;
    this.#make = make;
  }

  /** Undefined, unless there are more groups than are told apart: all the others together. */
  get others(): T | undefined {
    return this.#others;
  }

  of(...key: readonly (string | null)[]): T {
    const text = JSON.stringify(key);
    const known = this.#found.get(text);
    if (known !== undefined) return known.tally;
    if (this.#limit !== undefined && digest(text) >= this.#limit) return this.#rest();
    const tally = this.#make();
    this.#found.set(text, { key, tally });
    // Twice as many are kept for a while, so that the sorting is rare.
    if (this.#found.size > 2 * this.#max) this.#shrink();
    return tally;
  }

  /** Undefined: no such group, or not one of its own. */
  known(...key: readonly (string | null)[]): T | undefined {
    return this.#found.get(JSON.stringify(key))?.tally;
  }

  /** In no particular order. */
  entries(): readonly { readonly key: readonly (string | null)[]; readonly tally: T }[] {
    if (this.#found.size > this.#max) this.#shrink();
    return [...this.#found.values()];
  }

  absorb(other: Groups<T>): void {
    for (const { key, tally } of other.entries()) this.of(...key).absorb(tally);
    if (other.#others !== undefined) this.#rest().absorb(other.#others);
  }

  /** Keeps the keys with the smallest digests: the same ones, whatever came first. */
  #shrink(): void {
    const sorted = [...this.#found.keys()].map((text) => [digest(text), text] as const).sort(byFirst);
    this.#limit = sorted[this.#max]![0];
    for (const [, text] of sorted.slice(this.#max)) {
      this.#rest().absorb(this.#found.get(text)!.tally);
      this.#found.delete(text);
    }
  }

  #rest(): T {
    return (this.#others ??= this.#make());
  }
}

function digest(text: string): string {
  return hash('sha256', text);
}

function byFirst(a: readonly [string, string], b: readonly [string, string]): number {
  return compare(a[0], b[0]);
}

/** By UTF-16 code units: the same everywhere. */
export function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** The alphabetically first names, and whether there were more. */
export class Names {
  readonly #max: number;
  #names = new Set<string>();
  #more = false;

  constructor(max: number) {
    this.#max = max;
  }

  add(name: string): void {
    if (this.#names.has(name)) return;
    this.#names.add(name);
    if (this.#names.size > 2 * this.#max) this.#shrink();
  }

  addAll(other: Names): void {
    for (const name of other.#names) this.add(name);
    this.#more ||= other.#more;
  }

  list(): { names: string[]; more: boolean } {
    this.#shrink();
    return { names: [...this.#names].sort(compare), more: this.#more };
  }

  #shrink(): void {
    if (this.#names.size <= this.#max) return;
    this.#names = new Set([...this.#names].sort(compare).slice(0, this.#max));
    this.#more = true;
  }
}

/** The first of a list in its own order, and how many there were. */
export class FirstOf<T> {
  readonly #max: number;
  readonly #order: (a: T, b: T) => number;
  #kept: T[] = [];
  #count = 0;

  constructor(max: number, order: (a: T, b: T) => number) {
    this.#max = max;
    this.#order = order;
  }

  get count(): number {
    return this.#count;
  }

  add(item: T): void {
    this.#count++;
    this.#kept.push(item);
    if (this.#kept.length > 2 * this.#max) this.#shrink();
  }

  list(): readonly T[] {
    this.#shrink();
    return this.#kept;
  }

  #shrink(): void {
    this.#kept = this.#kept.sort(this.#order).slice(0, this.#max);
  }
}
