/** How much a spool may hold, how its segments are cut, and how long they are kept. Plain figures; it does nothing. */

export interface SpoolLimits {
  /** Of all segments together. Whoever reaches it with events that are in Redis not yet takes no more. */
  readonly bytes: number;
  /** A segment is closed once it has this many bytes, */
  readonly segmentBytes: number;
  /** or once it is this old and holds anything. */
  readonly segmentAgeMs: number;
  /**
   * Closed segments go once their last write is older. With Redis shipped ones alone; without it the spool is the log, and
   * only this, stated by a person, ever deletes any of it.
   */
  readonly ageMs: number | undefined;
  /** Shipped segments that stay at least, while there is room and they are young: Redis may lose what it has, */
  readonly keepShipped: number;
  /** and so may the newest that have no more bytes together. Each start makes a segment, however little is in it. */
  readonly keepShippedBytes: number;
  /** But no more files than these: a pgveil that starts over and over is not to fill a folder. */
  readonly keepShippedMost: number;
}

export const defaultSpoolLimits: SpoolLimits = {
  bytes: 10 * 1024 ** 3,
  segmentBytes: 16 * 1024 ** 2,
  segmentAgeMs: 86_400_000,
  ageMs: undefined,
  keepShipped: 4,
  keepShippedBytes: 256 * 1024 ** 2,
  keepShippedMost: 256,
};
