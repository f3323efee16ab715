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
  /** Shipped segments that stay, while there is room and they are young. */
  readonly keepShipped: number;
}

export const defaultSpoolLimits: SpoolLimits = {
  bytes: 10 * 1024 ** 3,
  segmentBytes: 16 * 1024 ** 2,
  segmentAgeMs: 86_400_000,
  ageMs: undefined,
  keepShipped: 4,
};
