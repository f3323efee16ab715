/**
 * What of a spool may be deleted, and whether there is room for more. Deletes whole closed segments from the oldest on,
 * so that what is left is one stretch of the chain; never one with an open intent.
 *
 * INVARIANT(spool-keeps-unshipped): with Redis nothing goes that Redis has not acknowledged, however full the spool is;
 * without it nothing goes but by an age limit that a person has stated.
 */
import type { OpenIntents } from './spool-intents.js';
import type { SpoolLimits } from './spool-limits.js';
import type { SegmentFiles } from './spool-segments.js';

export class SpoolRetention {
  readonly #files: SegmentFiles;
  readonly #limits: SpoolLimits;
  readonly #intents: OpenIntents;
  /** Undefined: the spool alone is the log. */
  #shippedBelow: number | undefined;

  constructor(files: SegmentFiles, limits: SpoolLimits, shipping: boolean, intents: OpenIntents) {
    this.#files = files;
    this.#limits = limits;
    this.#intents = intents;
    this.#shippedBelow = shipping ? 0 : undefined;
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

  /** Deletes what is older than it may be. */
  expire(): void {
    const { ageMs } = this.#limits;
    if (ageMs === undefined) return;
    for (const number of this.#deletable()) {
      if (this.#files.ageMs(number) <= ageMs) break;
      this.#files.delete(number);
    }
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

  /** Closed, shipped where there is Redis, and without an open intent, as all before it; from the oldest on. */
  #deletable(): readonly number[] {
    let end = Math.min(this.#files.current, this.#shippedBelow ?? Infinity);
    for (const segment of this.#intents.segments()) end = Math.min(end, segment);
    return this.#files.sizes.numbers().filter((number) => number < end);
  }
}
