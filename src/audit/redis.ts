/**
 * The shipper: copies the spool into the Redis stream. Knows nothing of sessions; never holds anybody up.
 *
 * INVARIANT(at-least-once): the cursor moves only behind events that Redis has acknowledged. A batch is one script or
 * one MULTI, so that it is in the stream whole and in order, or not at all; after a lost connection it is sent again,
 * and the copies are recognisable by `uid`.
 */
import { connectRedis, describeRedisError, redisBackoffMs, type RedisClient } from './redis-connection.js';
import { settingWarnings } from './redis-settings.js';
import type { RedisTarget } from './redis-target.js';
import { loadCursor, saveCursor } from './spool-cursor.js';
import { recordKind, type RawRecord } from './spool-format.js';
import { SpoolReader, type SpoolPosition } from './spool-reader.js';
import type { Spool } from './spool.js';

export interface ShipperOptions {
  readonly target: RedisTarget;
  readonly stream: string;
  readonly spool: Spool;
  /** Whole segments kept after they have been shipped. */
  readonly retainSegments: number;
  readonly batchRecords?: number;
  /** Redis became reachable or unreachable. */
  readonly onState: (up: boolean, reason: string | undefined) => void;
  /** A setting of the server, or damage in the spool, that may lose events. */
  readonly onWarning: (message: string) => void;
}

const COMMAND_TIMEOUT_MS = 10_000;
const CURSOR_EVERY_MS = 500;
const TELL_AGAIN_MS = 30_000;

/**
 * Redis runs a script whole and refuses its first write or none (redis.io, "Scripting with Lua"). As one command it costs
 * a third of the processor time of a MULTI with a command, a promise and a reply for each event.
 */
const APPEND_SCRIPT = `for i = 2, #ARGV, 3 do
redis.call('XADD', KEYS[1], '*', 'uid', ARGV[i], 'instance', ARGV[1], 'seq', ARGV[i + 1], 'event', ARGV[i + 2])
end`;

export class Shipper {
  readonly #options: ShipperOptions;
  readonly #redis: RedisClient;
  readonly #reader: SpoolReader;
  #position: SpoolPosition;
  #oldestUnshipped: number | undefined;
  #up = false;
  #toldDown = false;
  #lastError: string | undefined;
  #notTakenToldAt: number | undefined;
  #stopping = false;
  #savedAt = 0;
  #shipped = 0;
  #scriptsForbidden = false;
  #waker: (() => void) | undefined;
  readonly #running: Promise<void>;

  constructor(options: ShipperOptions) {
    this.#options = options;
    this.#reader = new SpoolReader(options.spool.directory);
    const { position, warning } = loadCursor(options.spool.directory, options.spool.durable);
    this.#position = position;
    if (warning !== undefined) options.onWarning(warning);
    this.#redis = connectRedis(options.target, { commandTimeout: COMMAND_TIMEOUT_MS });
    this.#redis.on('error', (error: Error) => {
      this.#lastError = describeRedisError(error);
      // The first attempt fails without a 'close' that follows an 'up', and that too has to be told.
      if (!this.#up) this.#setUp(false, true);
    });
    this.#redis.on('ready', () => {
      this.#setUp(true);
      void this.#checkServer();
      this.wake();
    });
    this.#redis.on('close', () => this.#setUp(false));
    this.#redis.connect().catch(() => undefined);
    this.#running = this.#run();
  }

  get up(): boolean {
    return this.#up;
  }

  get lastError(): string | undefined {
    return this.#lastError;
  }

  /** Behind the last acknowledged record. */
  get position(): SpoolPosition {
    return this.#position;
  }

  /** Events acknowledged by Redis since the process started. */
  get shipped(): number {
    return this.#shipped;
  }

  /** Age of the oldest event that Redis has not acknowledged. */
  lagSeconds(now: number): number {
    return this.#oldestUnshipped === undefined ? 0 : Math.max(0, now - this.#oldestUnshipped) / 1000;
  }

  /** There may be something to ship. */
  wake(): void {
    this.#waker?.();
  }

  /** Ships what is synced as long as the deadline and Redis allow; the rest stays in the spool. */
  async close(deadlineMs: number): Promise<void> {
    const until = Date.now() + deadlineMs;
    // A first connection that is still being made is worth the wait, one that has failed is not.
    while (!this.#toldDown && Date.now() < until && this.#options.spool.bytesBehind(this.#position) > 0) {
      this.wake();
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    this.#stopping = true;
    this.wake();
    this.#redis.disconnect();
    await this.#running;
    this.#saveCursor();
    this.#reader.close();
  }

  async #run(): Promise<void> {
    while (!this.#stopping) {
      const batch = this.#read();
      if (batch === undefined) {
        await this.#pause(1_000);
        continue;
      }
      const events = batch.records.filter((record) => record.kind === recordKind.event);
      this.#oldestUnshipped = events[0]?.time;
      if (batch.damagedBytes > 0) {
        this.#options.onWarning(
          `${batch.damagedBytes} unreadable bytes in the audit spool were stepped over; their events cannot be shipped`,
        );
      }
      if (events.length > 0 && !(await this.#shipUntilDone(events))) break;
      this.#position = batch.next;
      this.#oldestUnshipped = undefined;
      this.#shipped += events.length;
      if (Date.now() - this.#savedAt >= CURSOR_EVERY_MS) this.#saveCursor();
    }
  }

  #read() {
    const { spool } = this.#options;
    const durable = spool.durable;
    if (this.#position.segment === durable.segment && this.#position.offset >= durable.offset) {
      if (Date.now() - this.#savedAt >= CURSOR_EVERY_MS) this.#saveCursor();
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
      this.#options.onWarning(`audit spool cannot be read, shipping waits: ${describeRedisError(error)}`);
      return undefined;
    }
  }

  /** False: stopped before Redis took the batch. */
  async #shipUntilDone(events: readonly RawRecord[]): Promise<boolean> {
    let backoff = redisBackoffMs.first;
    while (!this.#isStopping()) {
      if (this.#redis.status === 'ready') {
        try {
          await this.#ship(events);
          this.#tellTaken();
          return true;
        } catch (error) {
          this.#lastError = describeRedisError(error);
          this.#tellNotTaken(this.#lastError);
        }
      }
      await this.#pause(backoff);
      backoff = Math.min(backoff * 2, redisBackoffMs.longest);
    }
    return false;
  }

  /** Each event that comes tries again: a Redis without memory would fill the log. */
  #tellNotTaken(reason: string): void {
    const now = Date.now();
    if (this.#notTakenToldAt !== undefined && now - this.#notTakenToldAt < TELL_AGAIN_MS) return;
    this.#notTakenToldAt = now;
    this.#options.onWarning(
      `Redis did not take audit events, they stay in the spool and are sent again: ${reason}`,
    );
  }

  #tellTaken(): void {
    if (this.#notTakenToldAt === undefined) return;
    this.#notTakenToldAt = undefined;
    this.#options.onState(true, undefined);
  }

  #isStopping(): boolean {
    return this.#stopping;
  }

  async #ship(events: readonly RawRecord[]): Promise<void> {
    if (!this.#scriptsForbidden) {
      try {
        await this.#shipByScript(events);
        return;
      } catch (error) {
        // The script did not start: an ACL without +eval, or a server where the command was renamed away.
        if (!/^(NOPERM|ERR unknown command)/.test(describeRedisError(error))) throw error;
        this.#scriptsForbidden = true;
      }
    }
    await this.#shipByTransaction(events);
  }

  async #shipByScript(events: readonly RawRecord[]): Promise<void> {
    const { stream, spool } = this.#options;
    const fields = events.flatMap((event) => [event.uid, String(event.sequence), event.json]);
    await this.#redis.eval(APPEND_SCRIPT, 1, stream, spool.instance, ...fields);
  }

  async #shipByTransaction(events: readonly RawRecord[]): Promise<void> {
    const { stream, spool } = this.#options;
    const transaction = this.#redis.multi();
    for (const { uid, sequence, json } of events) {
      const fields = ['uid', uid, 'instance', spool.instance, 'seq', String(sequence), 'event', json];
      transaction.xadd(stream, '*', ...fields);
    }
    const results = await transaction.exec();
    if (results === null) throw new Error('transaction was discarded');
    for (const [error] of results) if (error !== null) throw error;
  }

  #saveCursor(): void {
    this.#savedAt = Date.now();
    const { spool, retainSegments } = this.#options;
    try {
      saveCursor(spool.directory, this.#position);
      spool.deleteBelow(this.#position.segment - retainSegments);
    } catch (error) {
      // Without a saved cursor events are shipped again after a restart, which readers recognise.
      this.#options.onWarning(`audit cursor cannot be saved: ${describeRedisError(error)}`);
    }
  }

  #pause(ms: number): Promise<void> {
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
    this.#toldDown = !up;
    if (!this.#stopping) this.#options.onState(up, up ? undefined : (this.#lastError ?? 'connection closed'));
  }

  /** DESIGN 7: without appendonly a crash of Redis, and with an evicting policy mere memory pressure, loses the stream. */
  async #checkServer(): Promise<void> {
    try {
      const settings = new Map<string, string>();
      for (const name of ['appendonly', 'maxmemory-policy', 'maxmemory']) {
        const answer = (await this.#redis.config('GET', name)) as unknown;
        if (Array.isArray(answer)) settings.set(name, String(answer[1]));
      }
      for (const warning of settingWarnings(settings)) this.#options.onWarning(warning);
    } catch (error) {
      this.#options.onWarning(
        `Redis settings cannot be read (${describeRedisError(error)}): make sure that appendonly is yes and maxmemory-policy is noeviction`,
      );
    }
  }
}
