/** Starts everything that a measurement needs, and stops it again in the opposite order. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { startRedis } from '../../src/cli/launch/redis.js';
import { makeCertificates } from '../../test/support/certificates.js';
import { makeContenders, verify, type Contender } from './contenders.js';
import { database, startDatabase, users } from './database.js';
import { startPgbouncer } from './pgbouncer.js';
import { startPgveil, stream } from './pgveil.js';

export interface Stage {
  readonly contenders: readonly Contender[];
  readonly postgresVersion: string;
  /** What pgveil makes of the measured statement. */
  readonly guardedSql: string;
  readonly stop: () => Promise<void>;
}

export interface StageOptions {
  readonly scale: number;
  readonly consent: 'single' | 'history';
  readonly withoutRedis: boolean;
  readonly tls: boolean;
  readonly workers: number;
  /** For the node of pgveil. */
  readonly nodeFlags?: readonly string[];
}

/** Rejects when a part does not start or a contender answers wrongly; whatever had started is stopped then. */
export async function openStage(
  options: StageOptions,
  progress: (what: string) => void,
  signal: AbortSignal,
): Promise<Stage> {
  const stops: (() => Promise<void>)[] = [];
  const stop = async (): Promise<void> => {
    for (const one of stops.splice(0).reverse()) await one();
  };
  const begin = async <T extends { stop(): Promise<void> }>(what: string, start: Promise<T>): Promise<T> => {
    progress(`starting ${what}`);
    const started = await start;
    stops.push(() => started.stop());
    signal.throwIfAborted();
    return started;
  };
  try {
    progress(`filling PostgreSQL 18 with pgbench's tables at scale ${options.scale}`);
    const { server, version, accounts } = await startDatabase(options, signal);
    stops.push(() => server.stop());
    const redis = await begin('Redis', startRedis());
    const certificates = options.tls ? await makeCertificates() : undefined;
    if (certificates !== undefined) {
      stops.push(() => {
        certificates.remove();
        return Promise.resolve();
      });
    }
    const tls = certificates === undefined ? {} : { tls: certificates.server };
    const pgbouncer = await begin(
      'PgBouncer',
      startPgbouncer({ upstreamPort: server.port, database, users: Object.values(users), ...tls }),
    );
    const { consent, nodeFlags = [] } = options;
    const proxy = { upstreamPort: server.port, consent, nodeFlags, ...tls };
    const pgveil = await begin('pgveil', startPgveil({ ...proxy, redisUrl: redis.url }));
    const pgveilWithoutRedis = options.withoutRedis
      ? await begin('pgveil without Redis', startPgveil(proxy))
      : undefined;
    const pgveilOfWorkers =
      options.workers === 1
        ? undefined
        : await begin(
            `pgveil with ${options.workers} workers`,
            startPgveil({ ...proxy, redisUrl: redis.url, workers: options.workers }),
          );
    const folder = await mkdtemp(join(tmpdir(), 'pgveil-bench-scripts-'));
    stops.push(() => rm(folder, { recursive: true, force: true }));
    const trim = async (): Promise<void> => {
      await promisify(execFile)('redis-cli', ['-p', String(redis.port), 'xtrim', stream, 'MAXLEN', '1']);
    };
    const ports = {
      postgres: server.port,
      pgbouncer,
      pgveil,
      pgveilWithoutRedis,
      pgveilOfWorkers,
      ...options,
    };
    const { contenders, guardedSql } = await makeContenders(ports, folder, accounts, trim);
    progress('checking that each contender answers rightly');
    await verify(contenders);
    return { contenders, guardedSql, postgresVersion: version, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
