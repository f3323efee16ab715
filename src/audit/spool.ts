/**
 * The spool: the append-only log on disk that every event goes to first. Owns the order of events, their sequence and
 * hash chain, group commit, rotation and its own recovery from failing disks. Knows nothing of sessions or of Redis.
 *
 * Appends of one turn of the event loop go out in one write(); those that ask for it wait for a shared fdatasync.
 * INVARIANT(spool-before-redis): readers see synced bytes only, so that nothing outside knows an event (or a sequence
 * number) that the spool could still forget.
 */
import { fdatasync, mkdirSync } from 'node:fs';
import { CHAIN_START, type EventDraft } from './chain.js';
import type { RecordBatch } from './spool-batch.js';
import { recordKind, type SpoolRecord } from './spool-format.js';
import { lockSpool, type SpoolLock } from './spool-lock.js';
import { recoverSpool, type Recovered } from './spool-recover.js';
import { SegmentFiles } from './spool-segments.js';
import type { SpoolPosition } from './spool-reader.js';

export interface SpoolOptions {
  readonly directory: string;
  readonly instance: string | undefined;
  readonly segmentBytes?: number;
  /** Entries waiting in memory while the disk fails; what comes on top is refused. */
  readonly maxQueued?: number;
  /** Longest time a written byte stays unsynced. */
  readonly syncAfterMs?: number;
  /** The disk began to fail, or works again. */
  readonly onState?: (failure: Error | undefined) => void;
  /** An entry could not be turned into bytes: a bug, and the event is lost. */
  readonly onLost?: (cause: unknown) => void;
  /** Synced bytes have grown. */
  readonly onDurable?: () => void;
}

export interface AppendEntry {
  readonly uid: string;
  readonly time: number;
  /** An event is built when it is written, so that a session's turn pays for little more than a push. */
  readonly content:
    | { readonly kind: 'event'; readonly draft: () => EventDraft }
    | { readonly kind: 'intent'; readonly json: () => string };
  /** When to call back: not at all, once the operating system has the bytes, or once the disk has. */
  readonly until: 'queued' | 'written' | 'synced';
  readonly done?: (failure: Error | undefined) => void;
}

const RETRY_MS = 250;
const RELAXED_DELAY_MS = 5;
const BATCH_ENTRIES = 256;

export class Spool {
  readonly instance: string;
  readonly recovered: Recovered;
  readonly #options: SpoolOptions;
  readonly #lock: SpoolLock;
  readonly #files: SegmentFiles;
  /** Statements under way: uid → segment of the intent. Those segments may not be deleted. */
  readonly #openIntents = new Map<string, number>();
  #queue: AppendEntry[] = [];
  #syncWaiters: AppendEntry[] = [];
  #sequence: number;
  #prev: string;
  #failure: Error | undefined;
  #reportedFailure = false;
  #syncing = false;
  #closed = false;
  #events = 0;
  #scheduled: 'no' | 'timer' | 'immediate' = 'no';
  #flushTimer: NodeJS.Timeout | undefined;
  #syncTimer: NodeJS.Timeout | undefined;
  #retryTimer: NodeJS.Timeout | undefined;

  constructor(options: SpoolOptions) {
    this.#options = options;
    mkdirSync(options.directory, { recursive: true, mode: 0o700 });
    this.#lock = lockSpool(options.directory);
    try {
      this.recovered = recoverSpool(options.directory);
      this.instance = options.instance ?? this.recovered.instance ?? crypto.randomUUID().slice(0, 8);
      // Another instance name starts another chain: sequence and prev belong to the name.
      const sameChain = this.recovered.instance === this.instance;
      this.#sequence = sameChain ? this.recovered.sequence : 0;
      this.#prev = sameChain ? this.recovered.prev : CHAIN_START;
      for (const intent of this.recovered.intents) this.#openIntents.set(intent.uid, intent.segment);
      this.#files = new SegmentFiles(
        options.directory,
        options.segmentBytes ?? 16 * 1024 * 1024,
        this.recovered,
        sameChain,
      );
      if (this.#files.needsSegment()) this.#files.rotate(this.#header());
    } catch (error) {
      this.#lock.release();
      throw error;
    }
  }

  get failure(): Error | undefined {
    return this.#failure;
  }

  get directory(): string {
    return this.#options.directory;
  }

  /** Events appended since the process started. */
  get events(): number {
    return this.#events;
  }

  /** Behind the last synced byte. */
  get durable(): SpoolPosition {
    return this.#files.durable;
  }

  segments(): readonly number[] {
    return this.#files.numbers();
  }

  /** Bytes on disk behind a position; all of them without one. */
  bytesBehind(position: SpoolPosition | undefined): number {
    return this.#files.bytesBehind(position);
  }

  get #maxQueued(): number {
    return this.#options.maxQueued ?? 100_000;
  }

  /** True while the disk takes nothing and the memory for waiting entries is used up. */
  get full(): boolean {
    return this.#queue.length >= this.#maxQueued;
  }

  /** False: not taken, because the disk fails and the memory for waiting entries is used up. */
  append(entry: AppendEntry): boolean {
    if (this.#closed || this.full) return false;
    this.#queue.push(entry);
    if (this.#failure !== undefined) {
      // FAIL-CLOSED: an intent cannot be promised while the disk fails; an outcome waits for the retry.
      if (entry.content.kind === 'intent') {
        this.#queue.pop();
        return false;
      }
      entry.done?.(this.#failure);
      return true;
    }
    this.#schedule(entry.until !== 'queued' || this.#queue.length >= BATCH_ENTRIES);
    return true;
  }

  /** Deletes segments below `number` that hold no open intent. */
  deleteBelow(number: number): void {
    const keepFrom = Math.min(number, ...this.#openIntents.values());
    this.#files.deleteBelow(keepFrom);
  }

  /** Writes and syncs what is queued; rejects when the disk does not take it. */
  async drain(): Promise<void> {
    this.flush();
    while (
      this.#failure === undefined &&
      !this.#closed &&
      (this.#queue.length > 0 || this.#files.dirty || this.#syncing)
    ) {
      this.#startSync();
      await new Promise((resolve) => setTimeout(resolve, 1));
      this.flush();
    }
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Drains, or rejects when the disk or the time does not allow it. */
  async drainWithin(deadlineMs: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const deadline = new Promise<never>((_, reject) => {
      const late = new Error('audit spool could not be synced in time; unsynced events may be lost');
      timer = setTimeout(() => reject(late), deadlineMs);
    });
    try {
      await Promise.race([this.drain(), deadline]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Takes nothing more and lets the directory go. */
  release(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#flushTimer);
    clearTimeout(this.#syncTimer);
    clearTimeout(this.#retryTimer);
    // An fd must not be closed under a sync that still runs on it; the process is ending and will close it.
    if (!this.#syncing) this.#files.close();
    this.#lock.release();
  }

  #schedule(now: boolean): void {
    if (now && this.#scheduled !== 'immediate') {
      clearTimeout(this.#flushTimer);
      this.#scheduled = 'immediate';
      setImmediate(() => this.flush());
    } else if (this.#scheduled === 'no') {
      this.#scheduled = 'timer';
      this.#flushTimer = setTimeout(() => this.flush(), RELAXED_DELAY_MS);
    }
  }

  /** Writes everything queued in one write. */
  flush(): void {
    this.#scheduled = 'no';
    if (this.#closed || this.#failure !== undefined) return;
    // A disk that hangs in a sync fills neither the kernel's cache nor our memory: the queue grows to its bound instead.
    if (this.#queue.length === 0 || (this.#syncing && this.#files.unsyncedRecords >= this.#maxQueued)) return;
    let batch = this.#queue;
    this.#queue = [];
    const chainBefore = { sequence: this.#sequence, prev: this.#prev };
    try {
      this.#rotateWhenDue();
      const records = this.#files.batch();
      batch = batch.filter((entry) => this.#encode(entry, records));
      this.#files.write(records);
    } catch (error) {
      // The chain goes back to its last written link: nothing of the batch is in the file.
      ({ sequence: this.#sequence, prev: this.#prev } = chainBefore);
      this.#queue = [...batch.filter((entry) => entry.content.kind === 'event'), ...this.#queue];
      this.#fail(error, batch);
      return;
    }
    this.#written(batch);
  }

  /** A running sync holds the file, so a segment may grow a little beyond its size. */
  #rotateWhenDue(): void {
    if (this.#syncing || !this.#files.needsSegment()) return;
    this.#files.rotate(this.#header());
    this.#settle(this.#syncWaiters.splice(0), undefined);
  }

  #written(batch: readonly AppendEntry[]): void {
    let wantSync = false;
    for (const entry of batch) {
      if (entry.content.kind === 'intent') this.#openIntents.set(entry.uid, this.#files.current);
      else {
        this.#events++;
        this.#openIntents.delete(entry.uid);
      }
      if (entry.until === 'synced') {
        wantSync = true;
        this.#syncWaiters.push(entry);
      } else entry.done?.(undefined);
    }
    if (wantSync) this.#startSync();
    else this.#syncTimer ??= setTimeout(() => this.#startSync(), this.#options.syncAfterMs ?? 50);
  }

  /** False: it could not be turned into bytes. */
  #encode({ content, uid, time, done }: AppendEntry, records: RecordBatch): boolean {
    try {
      if (content.kind === 'intent') {
        records.add({ kind: recordKind.intent, uid, sequence: 0, time, json: content.json() });
      } else {
        // INVARIANT(audit-sequence): assigned here alone, in the order of the file, without gaps.
        this.#prev = records.addEvent(uid, time, content.draft(), this.#sequence + 1, this.#prev);
        this.#sequence++;
      }
      return true;
    } catch (cause) {
      // One entry that cannot be rendered must not stop all the others; whoever waits for it is refused.
      done?.(new Error('bug: audit event could not be built', { cause }));
      this.#options.onLost?.(cause);
      return false;
    }
  }

  #startSync(): void {
    clearTimeout(this.#syncTimer);
    this.#syncTimer = undefined;
    if (this.#syncing || this.#closed || this.#failure !== undefined || !this.#files.dirty) return;
    this.#syncing = true;
    const waiters = this.#syncWaiters;
    this.#syncWaiters = [];
    const upTo = this.#files.written;
    fdatasync(this.#files.fd, (error) => {
      this.#syncing = false;
      if (error !== null) {
        this.#fail(error, waiters);
        return;
      }
      this.#files.synced(upTo);
      this.#settle(waiters, undefined);
      try {
        // Here and not only in flush: under steady load a sync is running whenever flush looks.
        this.#rotateWhenDue();
      } catch (cause) {
        this.#fail(cause, []);
        return;
      }
      this.#options.onDurable?.();
      this.flush();
      if (this.#syncWaiters.length > 0) this.#startSync();
      else if (this.#files.dirty)
        this.#syncTimer ??= setTimeout(() => this.#startSync(), this.#options.syncAfterMs ?? 50);
    });
  }

  #fail(cause: unknown, waiting: readonly AppendEntry[]): void {
    const failure = new Error(
      `audit spool "${this.#options.directory}" cannot be written: free space or repair the disk; pgveil retries by itself`,
      { cause },
    );
    this.#failure = failure;
    const waiters = this.#syncWaiters.splice(0);
    for (const entry of [...waiting, ...waiters]) {
      // The statement of such an intent is refused, so it must not be found open after a crash.
      if (this.#openIntents.delete(entry.uid)) this.#files.pendingCancels.push(entry.uid);
    }
    this.#settle([...waiting, ...waiters], failure);
    this.#report();
    this.#retryTimer ??= setTimeout(() => this.#retry(), RETRY_MS);
  }

  /** Writes the unsynced bytes once more, as the kernel may have dropped them after a failed sync, and syncs them. */
  #retry(): void {
    this.#retryTimer = undefined;
    if (this.#closed) return;
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
    this.#syncing = true;
    fdatasync(this.#files.fd, (error) => {
      this.#syncing = false;
      if (error !== null) {
        this.#retryTimer = setTimeout(() => this.#retry(), RETRY_MS);
        return;
      }
      this.#files.synced(upTo);
      // A queue that is still too much for the disk fails again in flush, before anybody is told that all is well.
      this.#failure = undefined;
      this.flush();
      this.#report();
      this.#options.onDurable?.();
    });
  }

  /** Tells of changes only. */
  #report(): void {
    if ((this.#failure !== undefined) === this.#reportedFailure) return;
    this.#reportedFailure = this.#failure !== undefined;
    this.#options.onState?.(this.#failure);
  }

  #settle(entries: readonly AppendEntry[], failure: Error | undefined): void {
    for (const entry of entries) entry.done?.(failure);
  }

  #header(): SpoolRecord {
    const open = Object.fromEntries(this.#openIntents);
    const header = { instance: this.instance, sequence: this.#sequence, prev: this.#prev, open };
    return { kind: recordKind.header, uid: '', sequence: 0, time: Date.now(), json: JSON.stringify(header) };
  }
}
