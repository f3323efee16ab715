/** What a spool is told when it is opened. */
import type { SpoolLimits } from './spool-limits.js';
import type { SpoolLock } from './spool-lock.js';
import type { ExpiringSegments } from './spool-retention.js';

export interface SpoolOptions {
  readonly directory: string;
  readonly instance: string | undefined;
  /** The directory's, taken already; the spool lets it go. Absent: it is taken now, or the spool is not opened. */
  readonly lock?: SpoolLock;
  readonly limits?: Partial<SpoolLimits>;
  /** Events go to Redis from here. Absent: the spool alone is the log. */
  readonly shipping?: boolean;
  /**
   * Without Redis: writes the event that tells of segments which their age deletes, and resolves when it is on disk.
   * Absent: none is deleted.
   */
  readonly announce?: (expiring: ExpiringSegments) => Promise<void>;
  /** Entries waiting in memory while the disk takes nothing; what comes on top is refused. */
  readonly maxQueued?: number;
  /** The same, by what they hold. */
  readonly maxQueuedBytes?: number;
  /** How long whoever waits for the end of a statement that has run is left waiting while the disk takes nothing. */
  readonly patienceMs?: number;
  /** Longest time a written byte stays unsynced. */
  readonly syncAfterMs?: number;
  /** Nothing can be written any more, because the disk fails or the limit is reached; or it can again. */
  readonly onState?: (failure: Error | undefined) => void;
  /** An entry could not be turned into bytes: a bug, and the event is lost. */
  readonly onLost?: (cause: unknown) => void;
  readonly onWarning?: (message: string) => void;
  /** Synced bytes have grown. */
  readonly onDurable?: () => void;
}
