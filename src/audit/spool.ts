/**
 * The spool: the append-only log on disk that every event goes to first. Owns the order of events, their sequence and
 * hash chain (spool-chain.ts), which intents are open, and when a write or a rotation is due. Knows nothing of sessions or
 * of Redis.
 *
 * Appends of one turn of the event loop go out in one write(); those that ask for it wait for a shared fdatasync.
 * INVARIANT(spool-before-redis): readers see synced bytes only, so that nothing outside knows an event (or a sequence
 * number) that the spool could still forget.
 */
import { mkdirSync } from 'node:fs';
import { CHAIN_START } from './chain.js';
import { SpoolChain } from './spool-chain.js';
import type { AppendEntry } from './spool-entry.js';
import type { SegmentHeader } from './spool-format.js';
import { rewriteSegment } from './spool-files.js';
import { OpenIntents } from './spool-intents.js';
import { defaultSpoolLimits } from './spool-limits.js';
import { lockSpool, type SpoolLock } from './spool-lock.js';
import type { SpoolOptions } from './spool-options.js';
import { SpoolQueue } from './spool-queue.js';
import type { SpoolPosition } from './spool-reader.js';
import { cutTails, findingsOf, recoverSpool, type Recovered } from './spool-recover.js';
import { SpoolRetention } from './spool-retention.js';
import { SpoolRoom } from './spool-room.js';
import { SegmentFiles } from './spool-segments.js';
import { SpoolSync } from './spool-sync.js';

const RELAXED_DELAY_MS = 5;
const BATCH_ENTRIES = 256;
const LOOK_AGAIN_MS = 60_000;
/** A disk that is freed meanwhile costs no session. */
const PATIENCE_MS = 10_000;

export class Spool {
  readonly instance: string;
  readonly recovered: Recovered;
  readonly #options: SpoolOptions;
  readonly #lock: SpoolLock;
  readonly #chain: SpoolChain;
  readonly #files: SegmentFiles;
  readonly #sync: SpoolSync;
  readonly #intents: OpenIntents;
  readonly #retention: SpoolRetention;
  readonly #room: SpoolRoom;
  readonly #queue: SpoolQueue;
  readonly #maxQueued: number;
  readonly #maxQueuedBytes: number;
  readonly #housekeeping: NodeJS.Timeout;
  #closed = false;
  #events = 0;
  #scheduled: 'no' | 'timer' | 'immediate' = 'no';
  #flushTimer: NodeJS.Timeout | undefined;

  constructor(options: SpoolOptions) {
    this.#options = options;
    const limits = { ...defaultSpoolLimits, ...options.limits };
    mkdirSync(options.directory, { recursive: true, mode: 0o700 });
    this.#lock = options.lock ?? lockSpool(options.directory);
    try {
      this.recovered = recoverSpool(options.directory);
      this.instance = options.instance ?? this.recovered.instance ?? crypto.randomUUID().slice(0, 8);
      // Another instance name starts another chain: sequence and prev belong to the name.
      const sameChain = this.recovered.instance === this.instance;
      const { sequence, prev } = sameChain ? this.recovered : { sequence: 0, prev: CHAIN_START };
      this.#chain = new SpoolChain({ sequence, prev }, options.onLost);
      this.#intents = new OpenIntents(this.recovered.intents);
      if (this.recovered.last !== undefined) rewriteSegment(options.directory, this.recovered.last.segment);
      this.#files = new SegmentFiles({ directory: options.directory, ...limits }, this.recovered);
      // A long recovery may have kept it from being renewed.
      this.#lock.hold();
      this.#files.rotate({ ...this.#header(), found: findingsOf(this.recovered) });
      cutTails(options.directory, this.recovered);
      // Restarts alone leave no files behind. After the rotation: its header may be all that knows where the chain is.
      if (this.recovered.last?.empty === true) this.#files.delete(this.recovered.last.segment);
    } catch (error) {
      this.#lock.release();
      throw error;
    }
    this.#maxQueued = options.maxQueued ?? 100_000;
    this.#maxQueuedBytes = options.maxQueuedBytes ?? 128 * 1024 ** 2;
    this.#queue = new SpoolQueue(this.#maxQueued, this.#maxQueuedBytes);
    const shipping = options.shipping ?? false;
    this.#retention = new SpoolRetention(this.#files, this.#intents, {
      directory: options.directory,
      limits,
      shipping,
      announce: options.announce,
      onRoom: () => this.#room.look(),
      onWarning: options.onWarning,
    });
    this.#room = new SpoolRoom({
      directory: options.directory,
      bytes: limits.bytes,
      shipping,
      files: this.#files,
      retention: this.#retention,
      onState: () => {
        if (this.#sync.failure === undefined) options.onState?.(this.#room.full);
      },
      onRoom: () => this.flush(),
      onWarning: options.onWarning,
    });
    this.#sync = new SpoolSync({
      directory: options.directory,
      files: this.#files,
      syncAfterMs: options.syncAfterMs ?? 50,
      patienceMs: options.patienceMs ?? PATIENCE_MS,
      rotateWhenDue: () => this.#rotateWhenDue(),
      startOver: () => this.#startOver(),
      hold: () => this.#lock.hold(),
      checkLock: () => this.#lock.check(),
      writeCancels: () => this.#writeCancels(),
      freeRoom: () => this.#freeRoom(),
      flush: () => this.flush(),
      waiting: () => this.#waitingInQueue(),
      begun: () => this.#queue.waiting().filter((entry) => this.#endsBegun(entry)),
      refused: ({ uid, content }) => {
        // The statement of an outcome has run.
        if (content.kind === 'intent') this.#intents.refused(uid);
      },
      onState: (failure) => options.onState?.(failure ?? this.#room.full),
      onDurable: options.onDurable,
    });
    const { segmentAgeMs, ageMs = segmentAgeMs } = limits;
    const every = Math.min(LOOK_AGAIN_MS, segmentAgeMs, ageMs);
    this.#housekeeping = setInterval(() => this.keepHouse(), every).unref();
  }

  /** Why nothing can be written now. */
  get failure(): Error | undefined {
    return this.#sync.failure ?? this.#room.full;
  }

  /** The limit of bytes is reached, and nothing may be deleted. */
  get atLimit(): boolean {
    return this.#room.full !== undefined;
  }

  /** Gives up what waits in memory. */
  discardQueued(): readonly AppendEntry[] {
    return this.#queue.take();
  }

  get directory(): string {
    return this.#options.directory;
  }

  /** Of the newest event written. */
  get sequence(): number {
    return this.#chain.head.sequence;
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
    return this.#files.sizes.numbers();
  }

  /** Bytes on disk behind a position; all of them without one. */
  bytesBehind(position: SpoolPosition | undefined): number {
    return this.#files.sizes.bytesBehind(position);
  }

  /** True while the disk takes nothing and the memory for waiting entries is used up. */
  get full(): boolean {
    return this.#queue.full;
  }

  /** False: not taken, because nothing can be written and the memory for waiting entries is used up. */
  append(entry: AppendEntry): boolean {
    // However many others wait: the outcomes of statements that have begun are as many as those.
    if (this.#closed || (this.full && !this.#mayPassLimit(entry))) return false;
    const { failure } = this;
    // FAIL-CLOSED: an intent cannot be promised now; an outcome waits until it can be written.
    if (failure !== undefined && entry.content.kind === 'intent') return false;
    this.#queue.push(entry);
    if (this.#sync.failure !== undefined || (failure !== undefined && !this.#mayPassLimit(entry))) {
      if (!this.#sync.patient || !this.#endsBegun(entry)) entry.done?.(failure);
    } else this.#schedule(entry.until !== 'queued' || this.#queue.length >= BATCH_ENTRIES);
    return true;
  }

  /** All segments below are in Redis, and may go. */
  shippedBelow(segment: number): void {
    this.#retention.shippedBelow(segment);
    this.#room.look();
  }

  /** Writes and syncs what is queued, as far as the limit allows; rejects when the disk does not take it. */
  async drain(): Promise<void> {
    this.flush();
    while (
      this.#sync.failure === undefined &&
      !this.#closed &&
      ((this.#queue.length > 0 && this.#room.full === undefined) || this.#files.dirty || this.#sync.running)
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
    this.#room.stop();
    this.#retention.stop();
    clearInterval(this.#housekeeping);
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
    if (this.#queue.length === 0 || (this.#sync.running && this.#isMuchUnsynced())) return;
    const before = this.#chain.head;
    let batch: readonly AppendEntry[] = [];
    try {
      this.#lock.check();
      this.#rotateWhenDue();
      batch = this.#takeWritable();
      if (batch.length === 0) return;
      const records = this.#files.unsynced.batch();
      batch = batch.filter((entry) => this.#chain.encode(entry, records));
      if (records.records > 0) this.#files.write(records, before);
    } catch (error) {
      // The chain goes back to its last written link: nothing of the batch is in the file.
      this.#chain.goBack(before);
      this.#queue.putBack(batch.filter((entry) => entry.content.kind === 'event'));
      this.#sync.fail(
        error,
        batch.filter((entry) => !this.#endsBegun(entry)),
      );
      return;
    }
    this.#written(batch);
  }

  /** What Redis has is kept for the day that it loses some; statements go before that. */
  #freeRoom(): void {
    try {
      this.#retention.giveUpOldest();
    } catch {
      // It is tried again with the disk, and keepHouse tells it.
    }
  }

  #isMuchUnsynced(): boolean {
    const { bytes, records } = this.#files.unsynced;
    return bytes >= this.#maxQueuedBytes || records >= this.#maxQueued;
  }

  /** Those that somebody waits for, save for `begun`. Intents stay no longer, as their statements are refused. */
  #waitingInQueue(): readonly AppendEntry[] {
    const intents = this.#queue.take(({ content }) => content.kind === 'intent');
    return [...intents, ...this.#queue.waiting().filter((entry) => !this.#endsBegun(entry))];
  }

  /**
   * The end of a statement that has run. INVARIANT(end-behind-outcome): its client does not have the end of the result
   * before this is written, so a failing disk is waited for.
   */
  #endsBegun({ uid, content }: AppendEntry): boolean {
    return content.kind === 'event' && this.#intents.has(uid);
  }

  /**
   * Everything that waits; at the limit only the outcomes of statements that have begun, as their number is bounded and
   * their segments could be deleted never otherwise.
   */
  #takeWritable(): readonly AppendEntry[] {
    if (this.#room.make()) return this.#queue.take();
    for (const { done } of this.#queue.take(({ content }) => content.kind === 'intent'))
      done?.(this.#room.full);
    const passing = this.#queue.take((entry) => this.#mayPassLimit(entry));
    for (const { done } of this.#queue.waiting()) done?.(this.#room.full);
    return passing;
  }

  #mayPassLimit(entry: AppendEntry): boolean {
    return (entry.content.kind === 'event' && entry.beyondLimit === true) || this.#endsBegun(entry);
  }

  /** Once in a while: a quiet spool rotates and deletes by age too. */
  keepHouse(): void {
    if (this.#sync.failure !== undefined || this.#closed) return;
    try {
      this.#lock.check();
      this.#rotateWhenDue();
    } catch (error) {
      this.#sync.fail(error, []);
      return;
    }
    try {
      // Moved away by hand, it has no age, and would hold up those behind it.
      this.#room.forgetMissing();
      this.#retention.expire();
      this.#room.look();
    } catch (error) {
      this.#retention.tellFailure(error);
    }
  }

  /** A running sync holds the file, so a segment may grow a little beyond its size. */
  #rotateWhenDue(): void {
    if (this.#sync.running || !this.#files.needsSegment()) return;
    this.#lock.hold();
    this.#files.rotate(this.#header());
    this.#sync.allSynced();
  }

  /** The open segment cannot be trusted or is gone: what is not safe yet is written to a new one. */
  #startOver(): void {
    mkdirSync(this.directory, { recursive: true, mode: 0o700 });
    this.#lock.hold();
    this.#files.startOver(this.#header(this.#files.unsynced.head));
    this.#room.forgetMissing();
  }

  #written(batch: readonly AppendEntry[]): void {
    let wantSync = false;
    for (const entry of batch) {
      if (entry.content.kind === 'intent') this.#intents.opened(entry.uid, this.#files.current);
      else {
        this.#events++;
        this.#intents.closed(entry.uid);
      }
      if (entry.until === 'synced') {
        wantSync = true;
        this.#sync.wait(entry);
      } else entry.done?.(undefined);
    }
    if (wantSync) this.#sync.start();
    else this.#sync.startSoon();
  }

  #writeCancels(): void {
    if (this.#intents.cancels === 0) return;
    const records = this.#files.unsynced.batch();
    this.#intents.addCancels(records);
    this.#files.write(records, this.#chain.head);
    this.#intents.cancelsWritten();
  }

  #header(head = this.#chain.head): SegmentHeader {
    return { instance: this.instance, ...head, open: this.#intents.bySegment() };
  }
}
