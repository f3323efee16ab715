/**
 * When written bytes of a spool are synced: one fdatasync at a time, shared by all who wait for one, and after a failure
 * of the disk again and again until it takes them. Owns the failure and those who wait. Knows nothing of the queue in
 * front of it or of the chain.
 */
import { fdatasync } from 'node:fs';
import type { AppendEntry } from './spool-entry.js';
import { recordKind } from './spool-format.js';
import type { SegmentFiles } from './spool-segments.js';

export interface SpoolSyncPorts {
  readonly directory: string;
  readonly files: SegmentFiles;
  /** Longest time a written byte stays unsynced. */
  readonly syncAfterMs: number;
  /** No sync is running, so the segment may be changed. What it throws is a failure of the disk. */
  rotateWhenDue(): void;
  /** The disk takes bytes again: writes what is queued. */
  flush(): void;
  /** Whoever waited for this entry is told of the failure. */
  refused(entry: AppendEntry): void;
  /** The disk began to fail, or works again. */
  readonly onState: ((failure: Error | undefined) => void) | undefined;
  /** Synced bytes have grown. */
  readonly onDurable: (() => void) | undefined;
}

const RETRY_MS = 250;

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

  constructor(to: SpoolSyncPorts) {
    this.#to = to;
    this.#files = to.files;
  }

  /** While it is there, nothing may be written. */
  get failure(): Error | undefined {
    return this.#failure;
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
      if (error !== null) {
        this.fail(error, waiters);
        return;
      }
      this.#files.synced(upTo);
      settle(waiters, undefined);
      // A write has failed meanwhile: the file stays as it is until the retry has written it again.
      if (this.#failure !== undefined) return;
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
    const failure = new Error(
      `audit spool "${this.#to.directory}" cannot be written: free space or repair the disk; pgveil retries by itself`,
      { cause },
    );
    this.#failure = failure;
    const refused = [...waiting, ...this.#waiters.splice(0)];
    for (const entry of refused) this.#to.refused(entry);
    settle(refused, failure);
    this.#report();
    this.#retryTimer ??= setTimeout(() => this.#retry(), RETRY_MS);
  }

  /** Starts nothing more. A sync that is running goes on. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#retryTimer);
  }

  /** Writes the unsynced bytes once more, as the kernel may have dropped them after a failed sync, and syncs them. */
  #retry(): void {
    this.#retryTimer = undefined;
    if (this.#stopped) return;
    if (this.#running) {
      // A slow sync still runs on the file: a second one beside it could be counted against another segment.
      this.#retryTimer = setTimeout(() => this.#retry(), RETRY_MS);
      return;
    }
    try {
      this.#files.rewrite();
      const cancels = this.#files.batch();
      for (const uid of this.#files.pendingCancels)
        cancels.add({ kind: recordKind.cancel, uid, sequence: 0, time: Date.now(), json: '{}' });
      if (cancels.records > 0) this.#files.write(cancels);
      this.#files.pendingCancels.length = 0;
    } catch {
      this.#retryTimer = setTimeout(() => this.#retry(), RETRY_MS);
      return;
    }
    const upTo = this.#files.written;
    this.#running = true;
    fdatasync(this.#files.fd, (error) => {
      this.#running = false;
      if (error !== null) {
        this.#retryTimer = setTimeout(() => this.#retry(), RETRY_MS);
        return;
      }
      this.#files.synced(upTo);
      // A queue that is still too much for the disk fails again in flush, before anybody is told that all is well.
      this.#failure = undefined;
      this.#to.flush();
      this.#report();
      this.#to.onDurable?.();
    });
  }

  /** Tells of changes only. */
  #report(): void {
    if ((this.#failure !== undefined) === this.#reportedFailure) return;
    this.#reportedFailure = this.#failure !== undefined;
    this.#to.onState?.(this.#failure);
  }
}

function settle(entries: readonly AppendEntry[], failure: Error | undefined): void {
  for (const entry of entries) entry.done?.(failure);
}
