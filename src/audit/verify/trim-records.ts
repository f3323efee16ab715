/** The trims that a log tells of (INVARIANT(trim-told), INVARIANT(expiry-told)): the only thing that explains why the beginning of a chain is gone. */
import type { TrimMember } from './check-event.js';
import type { SeenHashes } from './seen-hashes.js';

interface Removed {
  readonly sequence: number;
  readonly hash: string;
}

export class TrimRecords {
  readonly #stream: string | undefined;
  /** Per instance, in the order in which they were told. */
  readonly #removed = new Map<string, Removed[]>();

  /** @param stream - the one that is verified, of which alone records count then; undefined: a spool is, and every record counts */
  constructor(stream: string | undefined) {
    this.#stream = stream;
  }

  add({ stream, instances }: TrimMember): void {
    if (this.#stream !== undefined && stream !== this.#stream) return;
    for (const [instance, last] of Object.entries(instances)) {
      const known = this.#removed.get(instance) ?? [];
      known.push(last);
      this.#removed.set(instance, known);
    }
  }

  /**
   * May events up to `missing` be gone? Either they are just those that were removed; or fewer (a trim that was told and
   * not finished, or copies that are still there), and then the last one of the record is still to be seen.
   */
  explain(instance: string, missing: number, prev: string | undefined, hashes: SeenHashes): boolean {
    return (this.#removed.get(instance) ?? []).some(({ sequence, hash }) =>
      sequence === missing
        ? prev === undefined || prev === hash
        : sequence > missing && hashes.compare(sequence, hash) === 'same',
    );
  }

  /** Nothing of the chain is left; was it all removed? */
  covers(instance: string, sequence: number): boolean {
    return (this.#removed.get(instance) ?? []).some((removed) => removed.sequence >= sequence);
  }
}
