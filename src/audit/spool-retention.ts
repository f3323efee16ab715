/**
 * What of a spool may be deleted, and whether there is room for more. Deletes whole closed segments from the oldest on,
 * so that what is left is one stretch of the chain; never one with an open intent.
 *
 * INVARIANT(spool-keeps-unshipped): with Redis nothing goes that Redis has not acknowledged, however full the spool is;
 * without it nothing goes but by an age limit that a person has stated.
 * INVARIANT(expiry-told): without Redis nothing goes before an event that names the last event of what goes is on disk, so
 * that `audit verify` can tell it from what somebody else has deleted. With Redis the cursor says that the stream has it.
 */
import { headsOfSegments } from './spool-heads.js';
import type { OpenIntents } from './spool-intents.js';
import type { SpoolLimits } from './spool-limits.js';
import type { SegmentFiles } from './spool-segments.js';
import type { TrimmedHeads } from './types.js';

/** Segments that are about to be deleted by their age. */
export interface ExpiringSegments {
  readonly segments: number;
  readonly instances: TrimmedHeads;
}

export interface SpoolRetentionOptions {
  readonly directory: string;
  readonly limits: SpoolLimits;
  readonly shipping: boolean;
  /** Resolves when the event about it is on disk. Absent: without Redis nothing is deleted. */
  readonly announce: ((expiring: ExpiringSegments) => Promise<void>) | undefined;
  /** Room has been made. */
  readonly onRoom: () => void;
  readonly onWarning: ((message: string) => void) | undefined;
}

export class SpoolRetention {
  readonly #files: SegmentFiles;
  readonly #options: SpoolRetentionOptions;
  readonly #limits: SpoolLimits;
  readonly #intents: OpenIntents;
  /** Undefined: the spool alone is the log. */
  #shippedBelow: number | undefined;
  #announcing = false;
  #stopped = false;

  constructor(files: SegmentFiles, intents: OpenIntents, options: SpoolRetentionOptions) {
    this.#files = files;
    this.#intents = intents;
    this.#options = options;
    this.#limits = options.limits;
    this.#shippedBelow = options.shipping ? 0 : undefined;
  }

  /** All segments below are in Redis, and no others: fewer than before when Redis has lost some. */
  shippedBelow(segment: number): void {
    this.#shippedBelow = segment;
    const kept = this.#oldestKept(segment);
    for (const number of this.#deletable()) {
      if (number >= kept) break;
      this.#files.delete(number);
    }
    this.expire();
  }

  /** Of the shipped segments the first one that stays, to be shipped again if Redis loses what it had acknowledged. */
  #oldestKept(segment: number): number {
    const { keepShipped, keepShippedBytes, keepShippedMost } = this.#limits;
    const { sizes } = this.#files;
    let oldest = segment;
    let bytes = 0;
    let kept = 0;
    // In the order of their numbers.
    for (const number of sizes.numbers().toReversed()) {
      if (number >= segment) continue;
      bytes += sizes.of(number);
      if (kept >= keepShipped && (bytes > keepShippedBytes || kept >= keepShippedMost)) break;
      oldest = number;
      kept++;
    }
    return oldest;
  }

  isShipped(segment: number): boolean {
    return this.#shippedBelow !== undefined && segment < this.#shippedBelow;
  }

  /** Deletes what is older than it may be; without Redis in a moment, once an event has told it. */
  expire(): void {
    const due = this.#expired();
    if (due.length === 0) return;
    if (this.#shippedBelow === undefined) this.#announce(due);
    else for (const number of due) this.#files.delete(number);
  }

  /** Deletes nothing more: the directory may be another's soon. */
  stop(): void {
    this.#stopped = true;
  }

  #expired(): readonly number[] {
    const { ageMs } = this.#limits;
    if (ageMs === undefined) return [];
    const deletable = this.#deletable();
    const young = deletable.findIndex((number) => this.#files.ageMs(number) <= ageMs);
    return young < 0 ? deletable : deletable.slice(0, young);
  }

  #announce(due: readonly number[]): void {
    const { announce, directory } = this.#options;
    if (announce === undefined || this.#announcing) return;
    const next = this.#files.sizes.numbers().find((number) => number > due.at(-1)!)!;
    const instances = headsOfSegments(directory, due, next);
    this.#announcing = true;
    announce({ segments: due.length, instances })
      .then(
        () => this.#deleteTold(due),
        // The spool takes no event, which it tells itself. They are due again with the next look.
        () => undefined,
      )
      .finally(() => (this.#announcing = false));
  }

  #deleteTold(due: readonly number[]): void {
    if (this.#stopped) return;
    try {
      for (const number of due) this.#files.delete(number);
      this.#options.onRoom();
    } catch (error) {
      this.tellFailure(error);
    }
  }

  /** What is old stays, and is tried again. */
  tellFailure(error: unknown): void {
    const { code } = error as NodeJS.ErrnoException;
    this.#options.onWarning?.(`old audit segments cannot be deleted (${code ?? 'unknown'})`);
  }

  /** False: the limit is reached, and nothing may go. */
  makeRoom(): boolean {
    if (this.#files.sizes.bytes >= this.#limits.bytes && this.#shippedBelow !== undefined) {
      for (const number of this.#deletable()) {
        if (this.#files.sizes.bytes < this.#limits.bytes) break;
        this.#files.delete(number);
      }
    }
    return this.#files.sizes.bytes < this.#limits.bytes;
  }

  /** The disk is full: of what is shipped the oldest goes, however young. */
  giveUpOldest(): void {
    if (this.#shippedBelow === undefined) return;
    const [oldest] = this.#deletable();
    if (oldest !== undefined) this.#files.delete(oldest);
  }

  /** Closed, shipped where there is Redis, and without an open intent, as all before it; from the oldest on. */
  #deletable(): readonly number[] {
    let end = Math.min(this.#files.current, this.#shippedBelow ?? Infinity);
    for (const segment of this.#intents.segments()) end = Math.min(end, segment);
    return this.#files.sizes.numbers().filter((number) => number < end);
  }
}
