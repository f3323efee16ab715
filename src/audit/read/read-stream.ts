/**
 * Reads the whole audit stream in pages, the next one under way while this one is looked at. A connection that breaks is
 * an error: an answer about half of the events would look like one about all.
 */
import { connectRedis, describeRedisError, type RedisClient } from '../redis-connection.js';
import type { RedisTarget } from '../redis-target.js';
import { KeptEvent, type StoredItem } from './stored-event.js';

export interface StreamRange {
  readonly redis: RedisTarget;
  readonly stream: string;
  /** Ids from and up to these times, in ms since 1970. */
  readonly from?: number | undefined;
  readonly to?: number | undefined;
}

type Entry = readonly [Buffer, readonly Buffer[]];

const PAGE = 5_000;
/** Of a Redis that says nothing any more; a page is some megabytes. */
const SILENCE_MS = 60_000;
const FIELDS = 4;

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
  let read = 0;
  let last = '';
  for (;;) {
    signal?.throwIfAborted();
    const entries = await next;
    if (entries.length === 0) break;
    last = entries.at(-1)![0].toString('latin1');
    next = page(`(${last}`);
    read += entries.length;
    yield entries.map(itemOf);
    onProgress?.(read, Math.max(read, total));
  }
  if (to === undefined && isBefore(last === '' ? '0-0' : last, newest)) {
    const message = `the stream has given out ids up to ${newest}, and its last entry is ${last === '' ? 'none' : last}: its newest entries were deleted`;
    yield [{ kind: 'unreadable', place: newest, message }];
  }
}

function itemOf([id, fields]: Entry): StoredItem {
  const place = id.toString('latin1');
  let uid, instance, sequence, event: Buffer | undefined;
  for (let at = 0; at + 1 < fields.length; at += 2) {
    const value = fields[at + 1]!;
    switch (fields[at]!.toString('latin1')) {
      case 'uid':
        uid = value;
        break;
      case 'instance':
        instance = value;
        break;
      case 'seq':
        sequence = value;
        break;
      case 'event':
        event = value;
        break;
    }
  }
  const number = Number(sequence?.toString('latin1'));
  // A field twice would let two readers see two events.
  if (
    fields.length !== 2 * FIELDS ||
    uid === undefined ||
    instance === undefined ||
    event === undefined ||
    !Number.isSafeInteger(number) ||
    String(number) !== sequence?.toString('latin1')
  ) {
    const message = 'the entry is none that pgveil writes: it needs uid, instance, seq and event, each once';
    return { kind: 'unreadable', place, message };
  }
  return {
    kind: 'event',
    event: new KeptEvent(place, instance.toString('utf8'), number, uid.toString('utf8'), event),
  };
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
