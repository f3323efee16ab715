/** The Redis client as pgveil wants it, what its errors may tell, and which settings of the server lose events. */
import { Redis } from 'ioredis';

export const redisBackoffMs = { first: 100, longest: 5_000 };

/** A client that reports instead of throwing, reconnects for ever, and never sends a command twice by itself. */
export function connectRedis(url: string, options: { readonly commandTimeout?: number } = {}): Redis {
  return new Redis(url, {
    lazyConnect: true,
    connectTimeout: 5_000,
    keepAlive: 10_000,
    maxRetriesPerRequest: 0,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    retryStrategy: (times) =>
      Math.min(redisBackoffMs.first * 2 ** Math.min(times, 10), redisBackoffMs.longest) *
      (0.75 + Math.random() / 2),
    ...options,
  });
}

/** Warnings for people about settings under which the server forgets acknowledged events (DESIGN 7). */
export function settingWarnings(settings: ReadonlyMap<string, string>): string[] {
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
export function describeRedisError(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown error';
  const { code } = error as NodeJS.ErrnoException;
  return error.message === '' ? (code ?? error.name) : error.message;
}
