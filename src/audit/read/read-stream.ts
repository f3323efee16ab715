/**
 * Reads the whole audit stream in pages, the next one under way while this one is looked at. A connection that breaks is
 * an error: an answer about half of the events would look like one about all.
 */
import { connectRedis, describeRedisError, type RedisClient } from '../redis-connection.js';
import type { RedisTarget } from '../redis-target.js';
import { standsAt } from './stands-at.js';
import { digitAt, KeptEvent, type StoredItem } from './stored-event.js';

export interface StreamRange {
  readonly redis: RedisTarget;
  readonly stream: string;
  /** Ids from and up to these times, in ms since 1970. */
  readonly from?: number | undefined;
  readonly to?: number | undefined;
}

/** Its id, and names and values in turn. */
type Entry = readonly [Buffer, readonly Buffer[]];

/** Small enough that what is made of a page is gone before the collector of garbage moves it. */
const PAGE = 1_000;
/** Of a Redis that says nothing any more; a page is some megabytes. */
const SILENCE_MS = 60_000;
/** In the order in which they are written (redis-append.ts). */
const FIELDS = ['uid', 'instance', 'seq', 'event'].map((name) => Buffer.from(name));
const ZERO = '0'.charCodeAt(0);

export async function* readStreamPages(
  range: StreamRange,
  onProgress?: (events: number, total: number) => void,
  signal?: AbortSignal,
): AsyncGenerator<readonly StoredItem[]> {
  const redis = connectRedis(range.redis, { commandTimeout: SILENCE_MS });
  // A refused connection is only told there; commands then fail with a "Connection is closed".
  let cause: unknown;
  redis.on('error', (error: unknown) => (cause = error));
  try {
    await redis.connect();
    yield* pages(redis, range, onProgress, signal);
  } catch (error) {
    if (signal?.aborted === true || error instanceof NoStreamError) throw error;
    throw new Error(
      `the audit stream "${range.stream}" cannot be read: ${describeRedisError(cause ?? error)}`,
      {
        cause: error,
      },
    );
  } finally {
    redis.disconnect();
  }
}

class NoStreamError extends Error {}

async function* pages(
  redis: RedisClient,
  { stream, from, to }: StreamRange,
  onProgress?: (events: number, total: number) => void,
  signal?: AbortSignal,
): AsyncGenerator<readonly StoredItem[]> {
  if ((await redis.exists(stream)) === 0) {
    throw new NoStreamError(
      `there is no stream "${stream}" in this Redis: nothing was shipped, or it was deleted`,
    );
  }
  const newest = await newestId(redis, stream);
  const total = await redis.xlen(stream);
  const end = to === undefined ? '+' : String(to);
  const page = (start: string): Promise<readonly Entry[]> => {
    const answer = redis.xrangeBuffer(stream, start, end, 'COUNT', PAGE) as Promise<unknown>;
    // Nobody waits for a page that was fetched ahead when the reader stops early.
    answer.catch(() => undefined);
    return answer as Promise<readonly Entry[]>;
  };
  let next = page(from === undefined ? '-' : String(Math.max(0, from)));
  const items = new Entries();
  let read = 0;
  let last = '';
  for (;;) {
    signal?.throwIfAborted();
    const entries = await next;
    if (entries.length === 0) break;
    last = entries.at(-1)![0].toString('latin1');
    next = page(`(${last}`);
    read += entries.length;
    yield entries.map((entry) => items.itemOf(entry));
    onProgress?.(read, Math.max(read, total));
  }
  if (to === undefined && isBefore(last === '' ? '0-0' : last, newest)) {
    const message = `the stream has given out ids up to ${newest}, and its last entry is ${last === '' ? 'none' : last}: its newest entries were deleted`;
    yield [{ kind: 'unreadable', place: newest, message }];
  }
}

/** Makes no string that is not asked for: there are a million entries, and few are of interest. */
class Entries {
  /** Entries of one instance stand side by side. */
  #instanceBytes = Buffer.alloc(0);
  #instance = '';

  itemOf([id, fields]: Entry): StoredItem {
    const [uid, instance, sequenceText, event] = inOrder(fields) ?? byName(fields);
    const sequence = sequenceText === undefined ? undefined : sequenceOf(sequenceText);
    if (uid === undefined || instance === undefined || event === undefined || sequence === undefined) {
      const place = id.toString('latin1');
      const message =
        'the entry is none that pgveil writes: it needs uid, instance, seq and event, each once';
      return { kind: 'unreadable', place, message };
    }
    return { kind: 'event', event: new KeptEvent(id, this.#text(instance), sequence, uid, event) };
  }

  #text(instance: Buffer): string {
    const known = this.#instanceBytes;
    if (instance.length !== known.length || !standsAt(instance, 0, known)) {
      // A copy, as the entry is a view of a far larger piece of what Redis has sent.
      this.#instanceBytes = Buffer.from(instance);
      this.#instance = instance.toString('utf8');
    }
    return this.#instance;
  }
}

type Values = readonly (Buffer | undefined)[];

/** The values where the fields stand as pgveil writes them. */
function inOrder(fields: readonly Buffer[]): Values | undefined {
  if (fields.length !== 2 * FIELDS.length) return undefined;
  for (let index = 0; index < FIELDS.length; index++) {
    const field = fields[2 * index]!;
    const name = FIELDS[index]!;
    if (field.length !== name.length || !standsAt(field, 0, name)) return undefined;
  }
  return [fields[1], fields[3], fields[5], fields[7]];
}

/** In any other order. A field twice would let two readers see two events. */
function byName(fields: readonly Buffer[]): Values {
  if (fields.length !== 2 * FIELDS.length) return [];
  return FIELDS.map((name) => {
    const at = fields.findIndex((field, index) => index % 2 === 0 && field.equals(name));
    return at < 0 ? undefined : fields[at + 1];
  });
}

/** Undefined for what is no number as pgveil writes it. */
function sequenceOf(text: Buffer): number | undefined {
  let number = 0;
  for (let at = 0; at < text.length; at++) number = 10 * number + (digitAt(text, at) ?? NaN);
  const canonical = text.length > 0 && (text[0] !== ZERO || text.length === 1);
  return canonical && Number.isSafeInteger(number) ? number : undefined;
}

/** The last id that the stream has given out, also to an entry that is no more. */
async function newestId(redis: RedisClient, stream: string): Promise<string> {
  const info = (await redis.xinfo('STREAM', stream)) as readonly unknown[];
  const at = info.indexOf('last-generated-id');
  return at < 0 ? '0-0' : String(info[at + 1]);
}

/** Ids are `milliseconds-number`. */
function isBefore(id: string, other: string): boolean {
  const [ms = 0, number = 0] = id.split('-').map(Number);
  const [otherMs = 0, otherNumber = 0] = other.split('-').map(Number);
  return ms < otherMs || (ms === otherMs && number < otherNumber);
}
