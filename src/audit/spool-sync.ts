/**
 * When written bytes of a spool are synced: one fdatasync at a time, shared by all who wait for one, and after a failure
 * of the disk again and again until it takes them. Owns the failure and those who wait. Knows nothing of the queue in
 * front of it or of the chain.
 */
import { close, fdatasync, fsync, open } from 'node:fs';
import type { AppendEntry } from './spool-entry.js';
import { SpoolLostError } from './spool-lock.js';
import { removedError, type SegmentFiles } from './spool-segments.js';

export interface SpoolSyncPorts {
  readonly directory: string;
  readonly files: SegmentFiles;
  /** Longest time a written byte stays unsynced. */
  readonly syncAfterMs: number;
  /** How long those in `begun` are left waiting. */
  readonly patienceMs: number;
  /** No sync is running, so the segment may be changed. What it throws is a failure of the disk. */
  rotateWhenDue(): void;
  /** The open segment is not to be trusted: what is not synced is written to a new one. */
  startOver(): void;
  /** Throws when the directory is, or may have been, another's; looks at the lock now. */
  hold(): void;
  /** The same, unless the lock was looked at a moment ago. */
  checkLock(): void;
  /** Records which intents stand for no statement. */
  writeCancels(): void;
  /** The disk has no room: deletes what is not needed. */
  freeRoom(): void;
  /** The disk takes bytes again: writes what is queued. */
  flush(): void;
  /** Entries not yet written that somebody waits for, and who is told at once; of them, what need not stay is gone. */
  waiting(): readonly AppendEntry[];
  /** The ends of statements that have begun, not yet written: whoever waits for one is told when patience is over. */
  begun(): readonly AppendEntry[];
  /** Whoever waited for this entry is told of the failure. */
  refused(entry: AppendEntry): void;
  /** The disk began to fail, or works again. */
  readonly onState: ((failure: Error | undefined) => void) | undefined;
  /** Synced bytes have grown. */
  readonly onDurable: (() => void) | undefined;
}

const RETRY_MS = 250;
const NO_ROOM = ['ENOSPC', 'EDQUOT'];

export class SpoolSync {
  readonly #to: SpoolSyncPorts;
  readonly #files: SegmentFiles;
  #waiters: AppendEntry[] = [];
  #failure: Error | undefined;
  #reportedFailure = false;
  #running = false;
  #stopped = false;
  #timer: NodeJS.Timeout | undefined;
  #retryTimer: NodeJS.Timeout | undefined;
  #patience: NodeJS.Timeout | undefined;
  #patient = true;

  constructor(to: SpoolSyncPorts) {
    this.#to = to;
    this.#files = to.files;
  }

  /** While it is there, nothing may be written. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  /** The disk has not failed for so long that nobody should wait for it. */
  get patient(): boolean {
    return this.#patient;
  }

  get running(): boolean {
    return this.#running;
  }

  /** A written entry calls back when it is synced. */
  wait(entry: AppendEntry): void {
    this.#waiters.push(entry);
  }

  /** Everything written is synced: a rotation has done it. */
  allSynced(): void {
    settle(this.#waiters.splice(0), undefined);
  }

  /** In `syncAfterMs` at the latest. */
  startSoon(): void {
    this.#timer ??= setTimeout(() => this.start(), this.#to.syncAfterMs);
  }

  /** Now, unless one is running: its end starts the next. */
  start(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#running || this.#stopped || this.#failure !== undefined || !this.#files.dirty) return;
    this.#running = true;
    const waiters = this.#waiters;
    this.#waiters = [];
    const upTo = this.#files.written;
    fdatasync(this.#files.fd, (error) => {
      this.#running = false;
      const failure = error ?? this.#taken();
      if (failure !== undefined) {
        this.#files.distrust();
        this.fail(failure, waiters);
        return;
      }
      this.#files.synced(upTo);
      settle(waiters, undefined);
      // A write has failed meanwhile: the file stays as it is until the retry has written it again. And the directory of
      // a spool that was let go may be another's by now.
      if (this.#failure !== undefined || this.#stopped) return;
      try {
        // Here and not only in flush: under steady load a sync is running whenever flush looks.
        this.#to.rotateWhenDue();
      } catch (cause) {
        this.fail(cause, []);
        return;
      }
      this.#to.onDurable?.();
      this.#to.flush();
      if (this.#waiters.length > 0) this.start();
      else if (this.#files.dirty) this.startSoon();
    });
  }

  /** The disk has failed: tells those in `waiting`, and all who wait for a sync, and begins to retry. */
  fail(cause: unknown, waiting: readonly AppendEntry[]): void {
    const failure =
      cause instanceof SpoolLostError
        ? cause
        : new Error(
            `audit spool "${this.#to.directory}" cannot be written: free space or repair the disk; pgveil retries by itself`,
            { cause },
          );
    this.#failure = failure;
    const refused = [...waiting, ...this.#waiters.splice(0), ...this.#to.waiting()];
    for (const entry of refused) this.#to.refused(entry);
    settle(refused, failure);
    this.#report();
    this.#retryTimer ??= setTimeout(() => this.#retry(), RETRY_MS);
    this.#patience ??= setTimeout(() => {
      this.#patient = false;
      settle(this.#to.begun(), this.#failure);
    }, this.#to.patienceMs).unref();
  }

  /** Starts nothing more. A sync that is running goes on. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#retryTimer);
    clearTimeout(this.#patience);
  }

  /**
   * A file without a name takes all writes and syncs, and nobody will ever read it; and a process that stood still between
   * the look at the lock and this moment has written beside another one.
   */
  #taken(): Error | undefined {
    try {
      this.#to.checkLock();
      return this.#files.gone ? removedError() : undefined;
    } catch (error) {
      return error as Error;
    }
  }

  /** Makes the unsynced bytes safe, in a new segment if the one they are in has failed, and lets the queue write. */
  #retry(): void {
    this.#retryTimer = undefined;
    if (this.#stopped) return;
    if (this.#running) {
      // A slow sync still runs on the file: a second one beside it could be counted against another segment.
      this.#retryAgain();
      return;
    }
    try {
      if (this.#files.gone) this.#files.distrust();
      if (this.#files.suspect) this.#to.startOver();
      else this.#to.hold();
      // A disk that has room for a few bytes alone would be called well and full in turns.
      this.#files.probe();
      this.#to.writeCancels();
    } catch (error) {
      if (NO_ROOM.includes((error as NodeJS.ErrnoException).code ?? '')) this.#to.freeRoom();
      this.#retryAgain();
      return;
    }
    const upTo = this.#files.written;
    this.#running = true;
    syncWithName(this.#files.fd, this.#to.directory, (error) => {
      this.#running = false;
      if (error !== null) {
        this.#files.distrust();
        this.#retryAgain();
        return;
      }
      this.#files.synced(upTo);
      this.#files.startedOver();
      // A queue that is still too much for the disk fails again in flush, before anybody is told that all is well.
      this.#failure = undefined;
      this.#to.flush();
      this.#report();
      this.#to.onDurable?.();
    });
  }

  #retryAgain(): void {
    if (!this.#stopped) this.#retryTimer = setTimeout(() => this.#retry(), RETRY_MS);
  }

  /** Tells of changes only. */
  #report(): void {
    if ((this.#failure !== undefined) === this.#reportedFailure) return;
    this.#reportedFailure = this.#failure !== undefined;
    if (this.#failure === undefined) {
      clearTimeout(this.#patience);
      this.#patience = undefined;
      this.#patient = true;
    }
    this.#to.onState?.(this.#failure);
  }
}

function settle(entries: readonly AppendEntry[], failure: Error | undefined): void {
  for (const entry of entries) entry.done?.(failure);
}

/** The bytes, and the name under which a new file can be found (fsync(2)). */
function syncWithName(fd: number, directory: string, done: (error: Error | null) => void): void {
  fdatasync(fd, (failed) => {
    if (failed !== null) done(failed);
    else
      open(directory, 'r', (unopened, directoryFd) => {
        if (unopened !== null) done(unopened);
        else fsync(directoryFd, (unsynced) => close(directoryFd, (unclosed) => done(unsynced ?? unclosed)));
      });
  });
}
