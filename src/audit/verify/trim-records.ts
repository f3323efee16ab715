/** The trims that a log tells of (INVARIANT(trim-told), INVARIANT(expiry-told)): the only thing that explains why the beginning of a chain is gone. */
import type { TrimMember } from './check-event.js';
import type { SeenHashes } from './seen-hashes.js';

/** Which event tells of it. */
export interface Teller {
  readonly instance: string;
  readonly sequence: number;
}

interface Removed {
  readonly sequence: number;
  readonly hash: string;
  readonly by: Teller;
}

export class TrimRecords {
  readonly #stream: string | undefined;
  readonly #believes: (by: Teller) => boolean;
  /** Per instance, in the order in which they were told. */
  readonly #removed = new Map<string, Removed[]>();

  /**
   * @param stream - the one that is verified, of which alone records count then; undefined: a spool is, and every record counts
   * @param believes - whether an event may tell of trims; asked when the whole log has been read
   */
  constructor(stream: string | undefined, believes: (by: Teller) => boolean) {
    this.#stream = stream;
    this.#believes = believes;
  }

  add({ stream, instances }: TrimMember, by: Teller): void {
    if (this.#stream !== undefined && stream !== this.#stream) return;
    for (const [instance, last] of Object.entries(instances)) {
      const known = this.#removed.get(instance) ?? [];
      known.push({ ...last, by });
      this.#removed.set(instance, known);
    }
  }

  /**
   * May events up to `missing` be gone? Either they are just those that were removed; or fewer (a trim that was told and
   * not finished, or copies that are still there), and then the last one of the record is still to be seen.
   */
  explain(instance: string, missing: number, prev: string | undefined, hashes: SeenHashes): boolean {
    return this.#told(instance).some(({ sequence, hash }) =>
      sequence === missing
        ? prev === undefined || prev === hash
        : sequence > missing && hashes.compare(sequence, hash) === 'same',
    );
  }

  /** Nothing of the chain is left; was it all removed? */
  covers(instance: string, sequence: number): boolean {
    return this.#told(instance).some((removed) => removed.sequence >= sequence);
  }

  #told(instance: string): readonly Removed[] {
    return (this.#removed.get(instance) ?? []).filter(({ by }) => this.#believes(by));
  }
}
