/**
 * What is known of one instance's chain while its events come in the order of the log: its head, the gaps that nothing
 * has filled yet, and what its checkpoints sign. Knows nothing of streams and files.
 */
import type { KeyObject } from 'node:crypto';
import { CHAIN_START } from '../chain.js';
import { isSignedBy } from '../checkpoint.js';
import type { CheckpointMember, EventFacts } from './check-event.js';
import type { ChainHead, Findings } from './result.js';
import { SeenHashes } from './seen-hashes.js';

/** Public keys by name (`keyName`). */
export type PublicKeys = ReadonlyMap<string, KeyObject>;

interface Gap {
  readonly from: number;
  readonly to: number;
  /** Of the events on both sides; undefined: at the beginning of the chain. */
  readonly before: string | undefined;
  readonly behind: string;
}

export class ChainCheck {
  readonly instance: string;
  readonly hashes = new SeenHashes();
  readonly #findings: Findings;
  readonly #keys: PublicKeys;
  events = 0;
  duplicates = 0;
  checkpoints = 0;
  first: { readonly sequence: number; readonly prev: string; readonly place: string } | undefined;
  last: (ChainHead & { readonly place: string }) | undefined;
  signedUpTo: { readonly sequence: number; readonly time: number } | undefined;
  /** Time of the first event behind the last good signature. */
  unsignedSince: number | undefined;
  #gaps: Gap[] = [];
  readonly #early = new Map<number, { readonly event: EventFacts; readonly place: string }>();

  constructor(instance: string, findings: Findings, keys: PublicKeys) {
    this.instance = instance;
    this.#findings = findings;
    this.#keys = keys;
  }

  /** The next event of the log. Its hash has been looked at; if it does not hold, that has been told. */
  add(event: EventFacts, place: string): void {
    const { sequence, hash } = event;
    const about = { chain: this.instance, sequence, uid: event.uid };
    const head = this.last?.sequence ?? 0;
    if (this.last === undefined || sequence > head) {
      this.#append(event, place);
      return;
    }
    switch (this.hashes.compare(sequence, hash)) {
      case 'same':
        // INVARIANT(at-least-once): the same event once more.
        this.duplicates++;
        return;
      case 'other':
        this.#findings.add(
          'conflict',
          place,
          `another event with sequence ${sequence} stands before this one`,
          about,
        );
        return;
      case 'none':
        if (this.first !== undefined && sequence < this.first.sequence) {
          this.#addEarly(event, place);
          return;
        }
        this.events++;
        this.hashes.put(sequence, hash);
        this.#fill(sequence);
        this.#findings.add(
          'reordered',
          place,
          `event ${sequence} stands behind event ${head}, at ${this.last.place}`,
          about,
        );
    }
  }

  /** A later segment of the spool says where the chain stood when it was begun. */
  addHeader(header: { readonly sequence: number; readonly prev: string; readonly place: string }): void {
    const { sequence, prev, place } = header;
    const last = this.last ?? { sequence: 0, hash: CHAIN_START, time: 0, place };
    if (sequence > last.sequence) {
      this.#gaps.push({ from: last.sequence + 1, to: sequence, before: last.place, behind: place });
      this.last = { sequence, hash: prev, time: last.time, place };
    } else if (sequence < last.sequence || prev !== last.hash) {
      const problem = `the segment was begun behind event ${sequence}, and stands behind another event ${last.sequence}, at ${last.place}`;
      this.#findings.add('segment-header', place, problem, { chain: this.instance, sequence });
    }
  }

  /**
   * What came behind the first event and belongs before it. Where pgveil has removed the beginning these are copies of
   * removed events, sent once more, and chained to the first one; anything else was put there.
   */
  settleEarly(removed: boolean): void {
    const head = this.first;
    if (head === undefined) return;
    if (removed) {
      let { sequence, prev } = head;
      for (;;) {
        const copy = this.#early.get(--sequence);
        if (copy?.event.hash !== prev) break;
        this.#early.delete(sequence);
        this.duplicates++;
        ({ prev } = copy.event);
      }
    }
    for (const [sequence, { event, place }] of this.#early) {
      const problem = `event ${sequence} stands behind event ${head.sequence}, at ${head.place}`;
      this.#findings.add('reordered', place, problem, { chain: this.instance, sequence, uid: event.uid });
      this.events++;
      this.hashes.put(sequence, event.hash);
      this.#fill(sequence);
    }
    this.#early.clear();
  }

  #addEarly(event: EventFacts, place: string): void {
    const { sequence, uid, hash } = event;
    const known = this.#early.get(sequence);
    if (known === undefined) this.#early.set(sequence, { event, place });
    else if (known.event.hash === hash) this.duplicates++;
    else {
      const problem = `another event with sequence ${sequence} stands at ${known.place}`;
      this.#findings.add('conflict', place, problem, { chain: this.instance, sequence, uid });
    }
  }

  /** Events that no good signature covers. A checkpoint directly behind what it covers is none. */
  get unsigned(): number {
    if (this.last === undefined) return 0;
    if (this.signedUpTo === undefined) return this.last.sequence - (this.first?.sequence ?? 1) + 1;
    return this.last.sequence - this.signedUpTo.sequence - 1;
  }

  /** Gaps that nothing has filled, but for the beginning of the chain. */
  finish(): void {
    for (const { from, to, before, behind } of this.#gaps) {
      if (before === undefined) continue;
      const what = from === to ? `event ${from} is` : `events ${from} to ${to} are`;
      const problem = `${what} missing between ${before} and ${behind}`;
      this.#findings.add('missing', behind, problem, { chain: this.instance, sequence: from });
    }
  }

  /** The events before the first one that the log holds, unless they came later. */
  get beginning(): { readonly missing: number; readonly place: string } | undefined {
    const gap = this.#gaps.find(({ before }) => before === undefined);
    return gap === undefined ? undefined : { missing: gap.to, place: gap.behind };
  }

  #append(event: EventFacts, place: string): void {
    const { sequence, uid, hash, prev, time } = event;
    const { last } = this;
    this.first ??= { sequence, prev, place };
    const expected = (last?.sequence ?? 0) + 1;
    if (sequence > expected)
      this.#gaps.push({ from: expected, to: sequence - 1, before: last?.place, behind: place });
    else if (prev !== (last?.hash ?? CHAIN_START)) {
      const problem =
        last === undefined
          ? `event ${sequence} names an event before it, and is the first of its chain`
          : `event ${sequence} was not chained to the event ${last.sequence} that stands before it, at ${last.place}`;
      this.#findings.add('broken-link', place, problem, { chain: this.instance, sequence, uid });
    }
    this.events++;
    this.hashes.put(sequence, hash);
    this.last = { sequence, hash, time, place };
    this.unsignedSince ??= time;
    if (event.checkpoint !== undefined) this.#checkpoint(event, event.checkpoint, place);
  }

  #checkpoint(event: EventFacts, checkpoint: CheckpointMember, place: string): void {
    this.checkpoints++;
    const { sequence, uid, time, prev } = event;
    const about = { chain: this.instance, sequence, uid };
    const good =
      this.signedUpTo === undefined
        ? ''
        : `; the last good one covers up to event ${this.signedUpTo.sequence}`;
    if (checkpoint.sequence !== sequence - 1 || checkpoint.hash !== prev) {
      this.#findings.add(
        'checkpoint-forged',
        place,
        `the checkpoint does not sign the event before it${good}`,
        about,
      );
      return;
    }
    if (this.#keys.size === 0) return;
    const key = this.#keys.get(checkpoint.key);
    if (key === undefined) {
      this.#findings.add(
        'checkpoint-other-key',
        place,
        `the checkpoint is signed with a key that was not given${good}`,
        about,
      );
      return;
    }
    const facts = { instance: this.instance, sequence: checkpoint.sequence, hash: checkpoint.hash, time };
    if (!isSignedBy(key, facts, checkpoint.signature)) {
      this.#findings.add(
        'checkpoint-forged',
        place,
        `the signature of the checkpoint does not hold${good}`,
        about,
      );
      return;
    }
    this.signedUpTo = { sequence: checkpoint.sequence, time };
    this.unsignedSince = undefined;
  }

  /** An event came late. */
  #fill(sequence: number): void {
    this.#gaps = this.#gaps.flatMap((gap) => {
      if (sequence < gap.from || sequence > gap.to) return [gap];
      const parts = [
        { ...gap, to: sequence - 1 },
        { ...gap, from: sequence + 1 },
      ];
      return parts.filter(({ from, to }) => from <= to);
    });
  }
}
