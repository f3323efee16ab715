/**
 * The Redis client as pgveil wants it: one server, behind Sentinels, or a Cluster; what its errors may tell. Knows
 * nothing of the stream.
 */
import { readFileSync } from 'node:fs';
import { Cluster, Redis, type RedisOptions } from 'ioredis';
import { redisDetails, type RedisDetails, type RedisTarget, type RedisTls } from './redis-target.js';

export const redisBackoffMs = { first: 100, longest: 5_000 };

export type RedisClient = Redis | Cluster;

/** ioredis's own type of this one does not hold with exactOptionalPropertyTypes. */
type ClientOptions = Omit<RedisOptions, 'replyMapping'>;

export interface RedisClientOptions {
  /** A command without an answer for so long is given up. Not for clients that block in a read. */
  readonly commandTimeout?: number;
}

/** A client that reports instead of throwing, reconnects for ever, and never sends a command twice by itself. */
export function connectRedis(target: RedisTarget, options: RedisClientOptions = {}): RedisClient {
  const details = redisDetails(target);
  const common: ClientOptions = {
    lazyConnect: true,
    connectTimeout: 5_000,
    keepAlive: 10_000,
    maxRetriesPerRequest: 0,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    retryStrategy: backoff,
    // A name that now leads to a replica has to be looked up again; true does not send the command again.
    reconnectOnError: (error) => error.message.startsWith('READONLY'),
    ...options,
    // A cut cable closes nothing: without it a connection that has died is found out after a quarter of an hour.
    ...(options.commandTimeout === undefined ? {} : { socketTimeout: options.commandTimeout }),
    ...credentials(details),
  };
  if (details.cluster !== undefined) return connectCluster(details, details.cluster, common);
  if (details.sentinels !== undefined) {
    const own = details.sentinel ?? {};
    return new Redis({
      ...common,
      sentinels: details.sentinels.map(hostAndPort),
      name: details.name ?? '',
      sentinelRetryStrategy: backoff,
      // One that is connected to and says nothing must not keep the others from being asked.
      sentinelCommandTimeout: 5_000,
      // It ends the client for good when it hears of a failover while that connects (tried, ioredis 6.0.0). A Sentinel
      // closes the connections of a server that it has demoted, and a replica refuses writes.
      failoverDetector: false,
      ...(details.tls === undefined ? {} : { tls: tlsOptions(details.tls), enableTLSForSentinelMode: true }),
      ...(own.username === undefined ? {} : { sentinelUsername: own.username }),
      ...(own.password === undefined ? {} : { sentinelPassword: own.password }),
      ...(own.tls === undefined ? {} : { sentinelTLS: tlsOptions(own.tls) }),
    });
  }
  return new Redis({ ...common, ...addressOf(details) });
}

function connectCluster(details: RedisDetails, nodes: readonly string[], common: ClientOptions): Cluster {
  return new Cluster(nodes.map(hostAndPort), {
    lazyConnect: true,
    enableOfflineQueue: false,
    clusterRetryStrategy: backoff,
    slotsRefreshTimeout: 5_000,
    slotsRefreshInterval: 10_000,
    // MOVED, ASK and TRYAGAIN were not executed and are followed; a lost connection may have been.
    retryDelayOnFailover: 0,
    retryDelayOnClusterDown: 0,
    redisOptions: { ...common, ...(details.tls === undefined ? {} : { tls: tlsOptions(details.tls) }) },
  });
}

function backoff(times: number): number {
  const wait = Math.min(redisBackoffMs.first * 2 ** Math.min(times, 10), redisBackoffMs.longest);
  return wait * (0.75 + Math.random() / 2);
}

/** Those of the object go before those of the URL. */
function credentials({ url, username, password }: RedisDetails): ClientOptions {
  const parsed = url === undefined ? undefined : new URL(url);
  const user = username ?? decodeURIComponent(parsed?.username ?? '');
  const word = password ?? decodeURIComponent(parsed?.password ?? '');
  return { ...(user === '' ? {} : { username: user }), ...(word === '' ? {} : { password: word }) };
}

function addressOf({ url = '', tls }: RedisDetails): ClientOptions {
  const parsed = new URL(url);
  if (parsed.protocol === 'unix:') return { path: decodeURIComponent(parsed.pathname) };
  return {
    // An IPv6 address stands in brackets in a URL, and in no socket's options.
    host: parsed.hostname.replace(/^\[|\]$/g, ''),
    port: parsed.port === '' ? 6379 : Number(parsed.port),
    ...(/^\/\d+$/.test(parsed.pathname) ? { db: Number(parsed.pathname.slice(1)) } : {}),
    ...(parsed.protocol === 'rediss:' ? { tls: tlsOptions(tls ?? {}) } : {}),
  };
}

function hostAndPort(address: string): { host: string; port: number } {
  const at = address.lastIndexOf(':');
  return { host: address.slice(0, at).replace(/^\[|\]$/g, ''), port: Number(address.slice(at + 1)) };
}

/** Its files are read at each connection (ioredis copies the properties then), so that a renewed certificate is used. */
function tlsOptions(tls: RedisTls): NonNullable<RedisOptions['tls']> {
  const { verify = 'full' } = tls;
  const options: NonNullable<RedisOptions['tls']> = {
    rejectUnauthorized: verify !== 'none',
    minVersion: 'TLSv1.2',
    ...(tls.server_name === undefined ? {} : { servername: tls.server_name }),
    ...(verify === 'full' ? {} : { checkServerIdentity: () => undefined }),
  };
  for (const part of ['ca', 'cert', 'key'] as const) {
    const file = tls[part];
    if (file === undefined) continue;
    let last = readFileSync(file, 'utf8');
    Object.defineProperty(options, part, {
      enumerable: true,
      get() {
        try {
          last = readFileSync(file, 'utf8');
        } catch {
          // It is being replaced; the one before serves until it is there.
        }
        return last;
      },
    });
  }
  return options;
}

/** ioredis puts the command, and so the events, into its errors; only the text of the answer is told. */
export function describeRedisError(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown error';
  const { code } = error as NodeJS.ErrnoException;
  // A Cluster that cannot be reached says why of one of its nodes.
  const { lastNodeError } = error as { lastNodeError?: unknown };
  if (lastNodeError instanceof Error) return describeRedisError(lastNodeError);
  return error.message === '' ? (code ?? error.name) : error.message;
}
