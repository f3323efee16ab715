/**
 * The spool: the append-only log on disk that every event goes to first. Owns the order of events, their sequence and
 * hash chain, which intents are open, and when a write or a rotation is due. Knows nothing of sessions or of Redis.
 *
 * Appends of one turn of the event loop go out in one write(); those that ask for it wait for a shared fdatasync.
 * INVARIANT(spool-before-redis): readers see synced bytes only, so that nothing outside knows an event (or a sequence
 * number) that the spool could still forget.
 */
import { mkdirSync } from 'node:fs';
import { CHAIN_START } from './chain.js';
import type { RecordBatch } from './spool-batch.js';
import type { AppendEntry } from './spool-entry.js';
import { recordKind, type SpoolRecord } from './spool-format.js';
import { lockSpool, type SpoolLock } from './spool-lock.js';
import { recoverSpool, type Recovered } from './spool-recover.js';
import { SegmentFiles } from './spool-segments.js';
import type { SpoolPosition } from './spool-reader.js';
import { SpoolSync } from './spool-sync.js';

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

const RELAXED_DELAY_MS = 5;
const BATCH_ENTRIES = 256;

export class Spool {
  readonly instance: string;
  readonly recovered: Recovered;
  readonly #options: SpoolOptions;
  readonly #lock: SpoolLock;
  readonly #files: SegmentFiles;
  readonly #sync: SpoolSync;
  /** Statements under way: uid → segment of the intent. Those segments may not be deleted. */
  readonly #openIntents = new Map<string, number>();
  #queue: AppendEntry[] = [];
  #sequence: number;
  #prev: string;
  #closed = false;
  #events = 0;
  #scheduled: 'no' | 'timer' | 'immediate' = 'no';
  #flushTimer: NodeJS.Timeout | undefined;

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
    this.#sync = new SpoolSync({
      directory: options.directory,
      files: this.#files,
      syncAfterMs: options.syncAfterMs ?? 50,
      rotateWhenDue: () => this.#rotateWhenDue(),
      flush: () => this.flush(),
      refused: ({ uid }) => {
        // The statement of such an intent is refused, so it must not be found open after a crash.
        if (this.#openIntents.delete(uid)) this.#files.pendingCancels.push(uid);
      },
      onState: options.onState,
      onDurable: options.onDurable,
    });
  }

  get failure(): Error | undefined {
    return this.#sync.failure;
  }

  get directory(): string {
    return this.#options.directory;
  }

  /** Of the newest event written. */
  get sequence(): number {
    return this.#sequence;
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
    if (this.#sync.failure !== undefined) {
      // FAIL-CLOSED: an intent cannot be promised while the disk fails; an outcome waits for the retry.
      if (entry.content.kind === 'intent') {
        this.#queue.pop();
        return false;
      }
      entry.done?.(this.#sync.failure);
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
      this.#sync.failure === undefined &&
      !this.#closed &&
      (this.#queue.length > 0 || this.#files.dirty || this.#sync.running)
    ) {
      this.#sync.start();
      await new Promise((resolve) => setTimeout(resolve, 1));
      this.flush();
    }
    if (this.#sync.failure !== undefined) throw this.#sync.failure;
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
    this.#sync.stop();
    // An fd must not be closed under a sync that still runs on it; the process is ending and will close it.
    if (!this.#sync.running) this.#files.close();
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
    if (this.#closed || this.#sync.failure !== undefined) return;
    // A disk that hangs in a sync fills neither the kernel's cache nor our memory: the queue grows to its bound instead.
    if (this.#queue.length === 0 || (this.#sync.running && this.#files.unsyncedRecords >= this.#maxQueued))
      return;
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
      this.#sync.fail(error, batch);
      return;
    }
    this.#written(batch);
  }

  /** A running sync holds the file, so a segment may grow a little beyond its size. */
  #rotateWhenDue(): void {
    if (this.#sync.running || !this.#files.needsSegment()) return;
    this.#files.rotate(this.#header());
    this.#sync.allSynced();
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
        this.#sync.wait(entry);
      } else entry.done?.(undefined);
    }
    if (wantSync) this.#sync.start();
    else this.#sync.startSoon();
  }

  /** False: it could not be turned into bytes. */
  #encode({ content, uid, time, done }: AppendEntry, records: RecordBatch): boolean {
    try {
      if (content.kind === 'intent') {
        records.add({ kind: recordKind.intent, uid, sequence: 0, time, json: content.json() });
      } else {
        // INVARIANT(audit-sequence): assigned here alone, in the order of the file, without gaps.
        const link = { sequence: this.#sequence + 1, prev: this.#prev };
        this.#prev = records.addEvent(uid, time, content.draft(link), link.sequence, link.prev);
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

  #header(): SpoolRecord {
    const open = Object.fromEntries(this.#openIntents);
    const header = { instance: this.instance, sequence: this.#sequence, prev: this.#prev, open };
    return { kind: recordKind.header, uid: '', sequence: 0, time: Date.now(), json: JSON.stringify(header) };
  }
}
