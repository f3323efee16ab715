/** Reads the audit stream as it grows, for `pgveil audit tail`. */
import { connectRedis, describeRedisError, type RedisClient } from './redis-connection.js';
import type { RedisTarget } from './redis-target.js';

export interface ReadStreamOptions {
  readonly target: RedisTarget;
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
  const redis = connectRedis(options.target);
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
        options.onWarning?.(`Redis is unreachable, waiting for it: ${describeRedisError(error)}`);
        await new Promise((resolve) => setTimeout(resolve, 500));
      }
    }
  } catch (error) {
    if (!stopped(options.signal))
      throw new Error(`audit stream cannot be read: ${describeRedisError(error)}`, { cause: error });
  } finally {
    options.signal.removeEventListener('abort', abort);
    redis.disconnect();
  }
}

function stopped(signal: AbortSignal): boolean {
  return signal.aborted;
}

async function lastId(redis: RedisClient, stream: string): Promise<string> {
  const newest = await redis.xrevrange(stream, '+', '-', 'COUNT', 1);
  return newest[0]?.[0] ?? '0';
}

function fieldMap(fields: readonly string[]): ReadonlyMap<string, string> {
  const map = new Map<string, string>();
  for (let at = 0; at + 1 < fields.length; at += 2) map.set(fields[at]!, fields[at + 1]!);
  return map;
}
