/**
 * Vitest's global setup: one PostgreSQL 18, one PostgreSQL 15 and one Redis for the whole run, stopped at its end.
 * Tests reach them through servers.ts and databases.ts. A test that has to crash a server starts its own with
 * startPostgres or startRedis of src/cli/launch.
 */
import { readFile } from 'node:fs/promises';
import pg from 'pg';
import type { TestProject } from 'vitest/node';
import { startPostgres, type PostgresServer } from '../../src/cli/launch/postgres.js';
import { startRedis } from '../../src/cli/launch/redis.js';
import type { ProvidedPostgres, ProvidedRedis } from './servers.js';

declare module 'vitest' {
  interface ProvidedContext {
    postgres18: ProvidedPostgres;
    postgres15: ProvidedPostgres;
    redis: ProvidedRedis;
  }
}

let stops: (() => Promise<void>)[] = [];

export async function setup({ provide }: TestProject): Promise<void> {
  const starting = [
    preparedPostgres(18),
    preparedPostgres(15),
    startRedis({ appendonly: true, settings: { appendfsync: 'everysec' } }),
  ] as const;
  try {
    const [postgres18, postgres15, redis] = await Promise.all(starting);
    provide('postgres18', described(postgres18));
    provide('postgres15', described(postgres15));
    provide('redis', { host: redis.host, port: redis.port, url: redis.url });
  } finally {
    const settled = await Promise.allSettled(starting);
    stops = settled.flatMap((one) => (one.status === 'fulfilled' ? [() => one.value.stop()] : []));
  }
}

export async function teardown(): Promise<void> {
  await Promise.all(stops.map((stop) => stop()));
}

async function preparedPostgres(version: 15 | 18): Promise<PostgresServer> {
  const server = await startPostgres({ version, logStatements: true });
  const client = new pg.Client({
    host: server.host,
    port: server.port,
    user: server.superuser,
    password: server.password,
    database: 'postgres',
  });
  try {
    await client.connect();
    await client.query(await readFile('fixtures/roles.sql', 'utf8'));
    await client.end();
  } catch (error) {
    await server.stop();
    throw error;
  }
  return server;
}

/** Only plain data can be provided: functions do not cross to the workers. */
function described(server: PostgresServer): ProvidedPostgres {
  const { version, host, port, superuser, password, logFile } = server;
  return { version, host, port, superuser, password, logFile };
}
