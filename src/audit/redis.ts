/**
 * Everything that speaks to Redis: the client, the shipper that copies the spool into the stream, and the reading of
 * that stream. The only file that imports ioredis. Knows nothing of sessions; never holds anybody up.
 *
 * INVARIANT(at-least-once): the cursor moves only behind events that Redis has acknowledged. A batch is one script or
 * one MULTI, so that it is in the stream whole and in order, or not at all; after a lost connection it is sent again,
 * and the copies are recognisable by `uid`.
 */
import { Redis } from 'ioredis';
import { loadCursor, saveCursor } from './spool-cursor.js';
import { recordKind, type RawRecord } from './spool-format.js';
import { SpoolReader, type SpoolPosition } from './spool-reader.js';
import type { Spool } from './spool.js';

export interface ShipperOptions {
  readonly url: string;
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

const BACKOFF_MS = { first: 100, longest: 5_000 };
const COMMAND_TIMEOUT_MS = 10_000;
const CURSOR_EVERY_MS = 500;

/**
 * Redis runs a script whole and refuses its first write or none (redis.io, "Scripting with Lua"). As one command it costs
 * a third of the processor time of a MULTI with a command, a promise and a reply for each event.
 */
const APPEND_SCRIPT = `for i = 2, #ARGV, 3 do
redis.call('XADD', KEYS[1], '*', 'uid', ARGV[i], 'instance', ARGV[1], 'seq', ARGV[i + 1], 'event', ARGV[i + 2])
end`;

/** A client that reports instead of throwing, reconnects for ever, and never sends a command twice by itself. */
function connectRedis(url: string, options: { readonly commandTimeout?: number } = {}): Redis {
  return new Redis(url, {
    lazyConnect: true,
    connectTimeout: 5_000,
    keepAlive: 10_000,
    maxRetriesPerRequest: 0,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    retryStrategy: (times) =>
      Math.min(BACKOFF_MS.first * 2 ** Math.min(times, 10), BACKOFF_MS.longest) * (0.75 + Math.random() / 2),
    ...options,
  });
}

export class Shipper {
  readonly #options: ShipperOptions;
  readonly #redis: Redis;
  readonly #reader: SpoolReader;
  #position: SpoolPosition;
  #oldestUnshipped: number | undefined;
  #up = false;
  #toldDown = false;
  #lastError: string | undefined;
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
    this.#redis = connectRedis(options.url, { commandTimeout: COMMAND_TIMEOUT_MS });
    this.#redis.on('error', (error: Error) => {
      this.#lastError = describe(error);
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
      this.#options.onWarning(`audit spool cannot be read, shipping waits: ${describe(error)}`);
      return undefined;
    }
  }

  /** False: stopped before Redis took the batch. */
  async #shipUntilDone(events: readonly RawRecord[]): Promise<boolean> {
    let backoff = BACKOFF_MS.first;
    while (!this.#isStopping()) {
      if (this.#redis.status === 'ready') {
        try {
          await this.#ship(events);
          return true;
        } catch (error) {
          this.#lastError = describe(error);
          this.#options.onWarning(
            `Redis did not take audit events, they stay in the spool and are sent again: ${this.#lastError}`,
          );
        }
      }
      await this.#pause(backoff);
      backoff = Math.min(backoff * 2, BACKOFF_MS.longest);
    }
    return false;
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
        if (!/^(NOPERM|ERR unknown command)/.test(describe(error))) throw error;
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
      this.#options.onWarning(`audit cursor cannot be saved: ${describe(error)}`);
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
        `Redis settings cannot be read (${describe(error)}): make sure that appendonly is yes and maxmemory-policy is noeviction`,
      );
    }
  }
}

function settingWarnings(settings: ReadonlyMap<string, string>): string[] {
  const warnings = [];
  if (settings.get('appendonly') === 'no') {
    warnings.push(
      'Redis has appendonly off: events it has acknowledged are lost when it crashes; set "appendonly yes"',
    );
  }
  const policy = settings.get('maxmemory-policy');
  if (policy?.startsWith('allkeys') === true) {
    warnings.push(
      `Redis has maxmemory-policy "${policy}": it may evict the whole audit stream; set "maxmemory-policy noeviction"`,
    );
  }
  return warnings;
}

/** ioredis puts the command, and so the events, into its errors; only the text of the answer is told. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown error';
  const { code } = error as NodeJS.ErrnoException;
  return error.message === '' ? (code ?? error.name) : error.message;
}

export interface ReadStreamOptions {
  readonly url: string;
  readonly stream: string;
  readonly from: string;
  readonly signal: AbortSignal;
  readonly onWarning?: (message: string) => void;
}

/** XREAD BLOCK until the signal; survives a Redis that goes away in between. */
export async function readStream(
  options: ReadStreamOptions,
  onEntry: (id: string, fields: ReadonlyMap<string, string>) => void,
): Promise<void> {
  const redis = connectRedis(options.url);
  redis.on('error', () => undefined);
  const abort = (): void => redis.disconnect();
  options.signal.addEventListener('abort', abort);
  try {
    if (options.signal.aborted) return;
    await redis.connect();
    // "$" anew after each answer would miss what arrives between two reads, so it is made an id once.
    let last = options.from === '$' ? await lastId(redis, options.stream) : options.from;
    while (!stopped(options.signal)) {
      try {
        const answer = await redis.xread('COUNT', 200, 'BLOCK', 2_000, 'STREAMS', options.stream, last);
        for (const [, entries] of answer ?? []) {
          for (const [id, fields] of entries) {
            if (stopped(options.signal)) return;
            last = id;
            onEntry(id, fieldMap(fields));
          }
        }
      } catch (error) {
        if (stopped(options.signal)) return;
        if (redis.status === 'ready') throw error;
        options.onWarning?.(`Redis is unreachable, waiting for it: ${describe(error)}`);
        await new Promise((resolve) => setTimeout(resolve, 500));
      }
    }
  } catch (error) {
    if (!stopped(options.signal))
      throw new Error(`audit stream cannot be read: ${describe(error)}`, { cause: error });
  } finally {
    options.signal.removeEventListener('abort', abort);
    redis.disconnect();
  }
}

function stopped(signal: AbortSignal): boolean {
  return signal.aborted;
}

async function lastId(redis: Redis, stream: string): Promise<string> {
  const newest = await redis.xrevrange(stream, '+', '-', 'COUNT', 1);
  return newest[0]?.[0] ?? '0';
}

function fieldMap(fields: readonly string[]): ReadonlyMap<string, string> {
  const map = new Map<string, string>();
  for (let at = 0; at + 1 < fields.length; at += 2) map.set(fields[at]!, fields[at + 1]!);
  return map;
}
