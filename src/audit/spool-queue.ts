/** Entries of a spool that wait for the disk: bounded by number and by what they hold, so that a flood fills no memory. */
import type { AppendEntry } from './spool-entry.js';

/** Of an entry's closures and what they share with the session. */
const ENTRY_BYTES = 1_024;

export class SpoolQueue {
  readonly #maxEntries: number;
  readonly #maxBytes: number;
  #entries: AppendEntry[] = [];
  #bytes = 0;

  constructor(maxEntries: number, maxBytes: number) {
    this.#maxEntries = maxEntries;
    this.#maxBytes = maxBytes;
  }

  get length(): number {
    return this.#entries.length;
  }

  get full(): boolean {
    return this.#entries.length >= this.#maxEntries || this.#bytes >= this.#maxBytes;
  }

  push(entry: AppendEntry): void {
    this.#entries.push(entry);
    this.#bytes += bytesOf(entry);
  }

  /** All of them, or those that the condition names; the others keep their order. */
  take(which?: (entry: AppendEntry) => boolean): AppendEntry[] {
    const all = this.#entries;
    if (which === undefined) {
      this.#entries = [];
      this.#bytes = 0;
      return all;
    }
    const taken = all.filter(which);
    if (taken.length === 0) return taken;
    const gone = new Set(taken);
    this.#set(all.filter((entry) => !gone.has(entry)));
    return taken;
  }

  /** Those that somebody waits for; they stay. */
  waiting(): readonly AppendEntry[] {
    return this.#entries.filter(({ done }) => done !== undefined);
  }

  /** Those that a write has not taken, in front of all others. */
  putBack(entries: readonly AppendEntry[]): void {
    this.#set([...entries, ...this.#entries]);
  }

  #set(entries: AppendEntry[]): void {
    this.#entries = entries;
    this.#bytes = entries.reduce((sum, entry) => sum + bytesOf(entry), 0);
  }
}

function bytesOf({ bytes = 0 }: AppendEntry): number {
  return ENTRY_BYTES + bytes;
}
