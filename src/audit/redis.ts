/**
 * The shipper: copies the spool into the Redis stream. Knows nothing of sessions; never holds anybody up.
 *
 * INVARIANT(at-least-once): the cursor moves only behind events that Redis has acknowledged, and back to where the stream
 * ends when Redis has lost them: after each connection, and while nothing is shipped every few seconds, it is asked how
 * far this instance's events are in the stream (redis-append.ts).
 */
import { headOf, parseHead, StreamAppender, type StreamHead } from './redis-append.js';
import { connectRedis, describeRedisError, redisBackoffMs, type RedisClient } from './redis-connection.js';
import { explainRefusal } from './redis-refusal.js';
import { resumeAfter } from './redis-resume.js';
import { readVerdict, type SettingsVerdict } from './redis-settings.js';
import { redisDetails, type RedisTarget } from './redis-target.js';
import { loadCursor, saveCursor } from './spool-cursor.js';
import { recordKind, type RawRecord } from './spool-format.js';
import { Seldom } from './seldom.js';
import { SpoolReader, type SpoolPosition } from './spool-reader.js';
import type { Spool } from './spool.js';

export interface ShipperOptions {
  readonly target: RedisTarget;
  readonly stream: string;
  readonly spool: Spool;
  readonly batchRecords?: number;
  /** A command without an answer for so long is given up, and its connection. */
  readonly commandTimeoutMs?: number;
  /** Redis became reachable or unreachable. */
  readonly onState: (up: boolean, reason: string | undefined) => void;
  /** What may lose events or has, and what holds them up. */
  readonly onProblem: (level: 'warn' | 'error', message: string) => void;
  /** After each connection: which settings of the server lose events. */
  readonly onVerdict: (verdict: SettingsVerdict) => void;
}

const COMMAND_TIMEOUT_MS = 10_000;
const CURSOR_EVERY_MS = 500;
const TELL_AGAIN_MS = 30_000;
const IDLE_MS = 1_000;
/** Attempts without a pause: a pgveil with a copy of our spool may come between our look and our write each time. */
const CONTESTED = 10;
/** How often an idle shipper asks whether the stream still ends where it did. */
const LOOK_EVERY_MS = 5_000;

export class Shipper {
  readonly redis: RedisClient;
  readonly #options: ShipperOptions;
  readonly #reader: SpoolReader;
  readonly #appender: StreamAppender;
  readonly #replicas: number;
  #position: SpoolPosition;
  /** The end of our events in the stream as far as we know; undefined until we have asked. */
  #head: StreamHead | undefined;
  /** Redis has to be asked before anything is sent. */
  #aligned = false;
  #alignedAt = 0;
  /** The newest event that was ever acknowledged. */
  #acknowledged: number | undefined;
  /** Events up to here are in the stream already. */
  #passOver = 0;
  #oldestUnshipped: number | undefined;
  #up = false;
  #toldDown = false;
  #lastError: string | undefined;
  #toldRefusal: { readonly reason: string; readonly at: number } | undefined;
  readonly #forkTold = new Seldom(TELL_AGAIN_MS);
  readonly #cursorTold = new Seldom(TELL_AGAIN_MS);
  #stopping = false;
  #savedAt = 0;
  #shipped = 0;
  #shippedAgain = 0;
  #waker: (() => void) | undefined;
  /** False while a failure is waited out: events that come would try again at once. */
  #wakeable = true;
  readonly #running: Promise<void>;

  constructor(options: ShipperOptions) {
    this.#options = options;
    const { spool, stream, target } = options;
    this.#reader = new SpoolReader(spool.directory);
    const { position, sequence, warning } = loadCursor(spool.directory, spool.durable);
    this.#position = position;
    this.#acknowledged = sequence;
    if (warning !== undefined) options.onProblem('warn', warning);
    this.#replicas = redisDetails(target).wait_replicas ?? 0;
    this.redis = connectRedis(target, { commandTimeout: options.commandTimeoutMs ?? COMMAND_TIMEOUT_MS });
    this.#appender = new StreamAppender(this.redis, stream, spool.instance, this.#replicas);
    this.redis.on('error', (error: Error) => {
      this.#lastError = explainRefusal(describeRedisError(error));
      // The first attempt fails without a 'close' that follows an 'up', and that too has to be told.
      if (!this.#up) this.#setUp(false, true);
    });
    this.redis.on('ready', () => {
      this.#aligned = false;
      void this.#checkServer();
      // A server that has refused would be asked at the pace of its own reconnects.
      if (this.#toldRefusal === undefined) this.#waker?.();
    });
    this.redis.on('close', () => {
      this.#aligned = false;
      this.#setUp(false);
    });
    // Whatever makes the client give up: the spool is not to grow until somebody restarts pgveil.
    this.redis.on('end', () => {
      if (!this.#stopping) setTimeout(() => this.#connect(), IDLE_MS).unref();
    });
    this.#connect();
    this.#running = this.#run();
  }

  get up(): boolean {
    return this.#up;
  }

  /** Behind the last acknowledged record. */
  get position(): SpoolPosition {
    return this.#position;
  }

  /** Events acknowledged by Redis since the process started. */
  get shipped(): number {
    return this.#shipped;
  }

  /** Events that Redis had acknowledged, lost, and been sent once more. */
  get shippedAgain(): number {
    return this.#shippedAgain;
  }

  /** Age of the oldest event that Redis has not acknowledged. */
  lagSeconds(now: number): number {
    return this.#oldestUnshipped === undefined ? 0 : Math.max(0, now - this.#oldestUnshipped) / 1000;
  }

  /** There may be something to ship. */
  wake(): void {
    if (this.#wakeable) this.#waker?.();
  }

  /** Resolves when everything before this place of the spool is in the stream. */
  async passed(place: SpoolPosition): Promise<void> {
    while (!this.#stopping) {
      const { segment, offset } = this.#position;
      if (segment > place.segment || (segment === place.segment && offset >= place.offset)) return;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    throw new Error('pgveil stops');
  }

  /** Ships what is synced as long as the deadline and Redis allow; the rest stays in the spool. */
  async close(deadlineMs: number): Promise<void> {
    const until = performance.now() + deadlineMs;
    // A first connection that is still being made is worth the wait, one that has failed or refuses is not.
    while (
      !this.#toldDown &&
      performance.now() < until &&
      this.#options.spool.bytesBehind(this.#position) > 0
    ) {
      if (this.#toldRefusal !== undefined) break;
      this.wake();
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    this.#stopping = true;
    this.#waker?.();
    this.redis.disconnect();
    await this.#running;
    this.#saveCursor();
    this.#reader.close();
    const left = this.#options.spool.sequence - (this.#acknowledged ?? 0);
    if (left > 0)
      this.#options.onProblem(
        'warn',
        `pgveil stops with ${left} audit events that Redis has not confirmed: they stay in the spool "${this.#options.spool.directory}", and the next start on it ships them`,
      );
  }

  #connect(): void {
    if (!this.#stopping) this.redis.connect().catch(() => undefined);
  }

  async #run(): Promise<void> {
    while (!this.#stopping) {
      const batch = this.#read();
      if (batch === undefined) {
        await this.#idle();
        continue;
      }
      const events = batch.records.filter(
        (record) => record.kind === recordKind.event && record.sequence > this.#passOver,
      );
      this.#oldestUnshipped = events[0]?.time;
      if (batch.damagedBytes > 0) {
        this.#options.onProblem(
          'error',
          `${batch.damagedBytes} unreadable bytes in the audit spool were stepped over; their events cannot be shipped`,
        );
      }
      if (events.length > 0 && !(await this.#shipUntilDone(events))) continue;
      this.#position = batch.next;
      this.#oldestUnshipped = undefined;
      if (performance.now() - this.#savedAt >= CURSOR_EVERY_MS) this.#saveCursor();
    }
  }

  async #idle(): Promise<void> {
    const due = !this.#aligned || performance.now() - this.#alignedAt >= LOOK_EVERY_MS;
    if (due && this.redis.status === 'ready') {
      try {
        const moved = await this.#align();
        this.#works();
        if (moved) return;
      } catch (error) {
        this.#failed(error);
        await this.#pause(IDLE_MS, false);
        return;
      }
    }
    await this.#pause(IDLE_MS, true);
  }

  #read() {
    const { spool } = this.#options;
    const durable = spool.durable;
    if (this.#position.segment === durable.segment && this.#position.offset >= durable.offset) {
      if (performance.now() - this.#savedAt >= CURSOR_EVERY_MS) this.#saveCursor();
      return undefined;
    }
    try {
      const batch = this.#reader.read(
        this.#position,
        durable,
        spool.segments(),
        this.#options.batchRecords ?? 500,
      );
      const moved =
        batch.next.segment !== this.#position.segment || batch.next.offset !== this.#position.offset;
      return moved ? batch : undefined;
    } catch (error) {
      this.#options.onProblem(
        'warn',
        `audit spool cannot be read, shipping waits: ${describeRedisError(error)}`,
      );
      return undefined;
    }
  }

  /** False: to be read again from `position`, which has moved, or stopped. */
  async #shipUntilDone(events: readonly RawRecord[]): Promise<boolean> {
    let backoff = redisBackoffMs.first;
    while (!this.#isStopping()) {
      if (this.redis.status === 'ready') {
        try {
          // One that was sent with an answer lost may be in: that is asked before it is sent again.
          if (!this.#aligned && (await this.#align())) return false;
          for (let attempt = 0; attempt < CONTESTED; attempt++) {
            if (await this.#ship(events)) return true;
            // Another head: the stream has lost events between two batches, or it is another one.
            this.#aligned = false;
            if (await this.#align()) return false;
          }
        } catch (error) {
          this.#failed(error);
        }
      }
      await this.#pause(backoff, false);
      backoff = Math.min(backoff * 2, redisBackoffMs.longest);
    }
    return false;
  }

  async #ship(events: readonly RawRecord[]): Promise<boolean> {
    if (!(await this.#appender.append(events, this.#head ?? ''))) return false;
    const head = headOf(events.at(-1)!);
    await this.#appender.confirm(head);
    this.#shippedAgain += events.filter(({ sequence }) => sequence <= (this.#acknowledged ?? 0)).length;
    this.#shipped += events.length;
    this.#acknowledged = Math.max(this.#acknowledged ?? 0, parseHead(head).sequence);
    this.#head = head;
    this.#alignedAt = performance.now();
    this.#works();
    return true;
  }

  /** Asks how far the stream is. True: `position` is another one now. */
  async #align(): Promise<boolean> {
    const found = await this.#appender.head();
    this.#alignedAt = performance.now();
    if (found === this.#head) {
      this.#aligned = true;
      this.#setUp(true);
      return false;
    }
    await this.#appender.confirm(found);
    const resume = resumeAfter(found, this.#options.spool);
    const { sequence } = parseHead(found);
    this.#head = found;
    this.#aligned = true;
    this.#setUp(true);
    if (resume.kind === 'fork') {
      this.#passOver = 0;
      this.#tellFork(sequence);
      return false;
    }
    this.#tellLoss(sequence, resume.kind === 'older' ? resume.missing : 0);
    this.#acknowledged = Math.max(this.#acknowledged ?? 0, sequence);
    this.#passOver = sequence;
    this.#position = resume.position;
    // What has to be shipped again must not be deleted as shipped.
    this.#saveCursor();
    return true;
  }

  /** Where two ship the same spool, each batch of the one is a fork to the other. */
  #tellFork(sequence: number): void {
    if (!this.#forkTold.due()) return;
    this.#options.onProblem(
      'error',
      `Redis has an event ${sequence} of this pgveil (instance ${this.#options.spool.instance}) that is not the one in its spool: the spool was set back or copied. What the cursor has not passed is shipped; run pgveil audit verify, and let no two pgveil share a name or a copied spool`,
    );
  }

  #tellLoss(sequence: number, missing: number): void {
    const lost = (this.#acknowledged ?? 0) - sequence;
    if (lost > 0) {
      this.#options.onProblem(
        'warn',
        `Redis no longer has the last ${lost} audit events that it had acknowledged (a crash, a failover or another stream): they are shipped again from the spool`,
      );
    }
    if (missing > 0) {
      this.#options.onProblem(
        'error',
        `audit events ${sequence + 1} to ${sequence + missing} are neither in Redis nor in the spool any more: keep more of the spool (audit.spool_limits), and let Redis persist`,
      );
    }
  }

  #failed(error: unknown): void {
    this.#aligned = false;
    const text = describeRedisError(error);
    const reason = explainRefusal(text);
    this.#lastError = reason;
    // An answer of the server, or the lack of one. A Cluster stays "ready" while its nodes do not.
    const answered = error instanceof Error && (error.name === 'ReplyError' || text !== reason);
    if (!answered && !/replicas|transaction/.test(text)) this.#setUp(false, true);
    else this.#tellRefusal(reason);
  }

  /** Each attempt fails alike: a Redis without memory would fill the log. */
  #tellRefusal(reason: string): void {
    const at = performance.now();
    const told = this.#toldRefusal;
    if (told?.reason === reason && at - told.at < TELL_AGAIN_MS) return;
    this.#toldRefusal = { reason, at };
    this.#options.onProblem(
      'warn',
      `Redis did not take audit events, they stay in the spool and are sent again: ${reason}`,
    );
  }

  /** Redis does what it is asked. */
  #works(): void {
    const refused = this.#toldRefusal !== undefined;
    this.#toldRefusal = undefined;
    if (!this.#up) this.#setUp(true);
    else if (refused) {
      this.#toldDown = false;
      this.#options.onState(true, undefined);
    }
  }

  #isStopping(): boolean {
    return this.#stopping;
  }

  #saveCursor(): void {
    this.#savedAt = performance.now();
    const { spool } = this.#options;
    try {
      saveCursor(spool.directory, { ...this.#position, sequence: this.#acknowledged ?? 0 });
    } catch (error) {
      this.#tellCursor(error);
    }
    try {
      // Also without a saved cursor, as the stream is asked after a restart: on a full disk this alone makes room for it.
      spool.shippedBelow(this.#position.segment);
    } catch (error) {
      this.#tellCursor(error);
    }
  }

  /** It is tried twice a second. */
  #tellCursor(error: unknown): void {
    if (!this.#cursorTold.due()) return;
    this.#options.onProblem(
      'warn',
      `how far the audit spool is shipped cannot be noted, or shipped segments not be deleted: make room on its disk, and give all files in it to the user that runs pgveil (${describeRedisError(error)})`,
    );
  }

  #pause(ms: number, wakeable: boolean): Promise<void> {
    this.#wakeable = wakeable;
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#waker = undefined;
        resolve();
      };
      const timer = setTimeout(done, ms);
      this.#waker = done;
    });
  }

  #setUp(up: boolean, tell = false): void {
    if (up === this.#up && (!tell || this.#toldDown)) return;
    this.#up = up;
    // A replica that refuses to write is connected to again and again, in case its name leads elsewhere by now.
    const refusal = this.#toldRefusal?.reason;
    if (this.#stopping || (refusal !== undefined && (up || refusal === this.#lastError))) return;
    this.#toldDown = !up;
    this.#options.onState(up, up ? undefined : (this.#lastError ?? 'connection closed'));
  }

  async #checkServer(): Promise<void> {
    const verdict = await readVerdict(this.redis, this.#replicas);
    if (!this.#stopping && this.redis.status === 'ready') this.#options.onVerdict(verdict);
  }
}
