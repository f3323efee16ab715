/**
 * Everything the audit soak runs on, all of it its own so that it may be killed: PostgreSQL with the sample CRM and a log
 * of every statement, Redis with its append-only file, the network between, and the real proxy.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import pg from 'pg';
import { freePort } from '../../../src/cli/launch/free-port.js';
import { startPostgres, type PostgresServer } from '../../../src/cli/launch/postgres.js';
import { startRedis, type RedisServer } from '../../../src/cli/launch/redis.js';
import { passwords } from '../../support/databases.js';
import { startCutRelay, type CutRelay } from './cut-relay.js';
import { startFailingOver, type FailingOver } from './failing-over.js';
import type { Entry } from './join.js';
import { Served } from './served.js';
import { LOG_LINE_PREFIX, ServerLog } from './server-log.js';
import { mountSmallDisk, type SmallDisk } from './small-disk.js';
import { startTornRelay, type TornRelay } from './torn-relay.js';

export const DATABASE = 'soak';
const STREAM = 'soak:audit';

export interface WorldOptions {
  readonly durability: 'strict' | 'relaxed';
  readonly workers: number;
  /** Whether the spool is on a small disk of its own, where one can be mounted. */
  readonly smallDisk: boolean;
  /** Whether the stream is on a master and a replica under a Sentinel, and not behind the network that can be cut. */
  readonly sentinel: boolean;
}

export interface World {
  readonly options: WorldOptions;
  readonly port: number;
  readonly postgres: PostgresServer;
  readonly log: ServerLog;
  readonly redis: RedisServer;
  /** Between the proxy and Redis. */
  readonly network: CutRelay;
  /** Between the proxy and PostgreSQL. */
  readonly upstream: TornRelay;
  readonly failingOver: FailingOver | undefined;
  readonly served: Served;
  readonly disk: SmallDisk | undefined;
  /** For one command over a connection of its own. */
  readonly withRedis: <T>(work: (redis: Redis) => Promise<T>) => Promise<T>;
  /** No statement is under way on the server any more. */
  untilServerIdle(): Promise<void>;
  /** Everything that the proxy has written is in the stream. */
  untilShipped(): Promise<void>;
  /** With the id of the last of them. */
  entriesAfter(id: string): Promise<{ readonly entries: readonly Entry[]; readonly last: string }>;
  stop(): Promise<void>;
}

export async function openWorld(options: WorldOptions): Promise<World> {
  const stops: (() => unknown)[] = [];
  const stop = async (): Promise<void> => {
    for (const one of stops.splice(0).reverse()) await one();
  };
  try {
    const [postgres, redis] = await Promise.all([
      preparedPostgres().then((started) => (stops.push(() => started.stop()), started)),
      startRedis({ appendonly: true }).then((started) => (stops.push(() => started.stop()), started)),
    ]);
    const network = await startCutRelay(redis);
    stops.push(() => network.stop());
    const upstream = await startTornRelay(postgres);
    stops.push(() => upstream.stop());
    const failingOver = options.sentinel ? await startFailingOver() : undefined;
    if (failingOver !== undefined) stops.push(() => failingOver.stop());
    const target = failingOver?.yaml ?? `"redis://127.0.0.1:${network.port}"`;
    const folder = mkdtempSync(join(tmpdir(), 'pgveil-soak-audit-'));
    stops.push(() => rmSync(folder, { recursive: true, force: true }));
    const spool = join(folder, 'audit');
    const disk = options.smallDisk ? await mountSmallDisk(spool) : undefined;
    if (disk !== undefined) stops.push(() => disk.stop());
    const [port, admin] = [await freePort(), await freePort()];
    writeFileSync(
      join(folder, 'pgveil.yaml'),
      `listen: { port: ${port} }
upstream: { port: ${upstream.port} }
catalog: { url: "postgres://pgveil_catalog:${passwords.pgveil_catalog}@127.0.0.1:${postgres.port}/${DATABASE}", refresh: 1s }
policies: ${join(process.cwd(), 'policies')}
audit: { redis: ${target}, stream: "${STREAM}", spool: "${spool}", durability: ${options.durability} }
admin: { port: ${admin} }
workers: ${options.workers}
`,
    );
    const served = new Served(folder, admin);
    stops.push(() => served.terminate());
    await served.start();
    const withRedis = async <T>(work: (client: Redis) => Promise<T>): Promise<T> => {
      const client = failingOver?.open() ?? new Redis(redis.url, { maxRetriesPerRequest: 20 });
      client.on('error', () => undefined);
      try {
        return await work(client);
      } finally {
        client.disconnect();
      }
    };
    return {
      ...{ options, port, postgres, redis, network, upstream, failingOver, served, disk, withRedis, stop },
      log: new ServerLog(postgres.logFile),
      untilServerIdle: () => untilServerIdle(postgres),
      untilShipped: () => untilShipped(served, withRedis),
      entriesAfter: (id) => withRedis((client) => entriesAfter(client, id)),
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function preparedPostgres(): Promise<PostgresServer> {
  const server = await startPostgres({
    version: 18,
    logStatements: true,
    settings: { log_line_prefix: LOG_LINE_PREFIX },
  });
  try {
    await asSuperuser(server, 'postgres', async (client) => {
      await client.query(readFileSync('fixtures/roles.sql', 'utf8'));
      await client.query(`CREATE DATABASE ${DATABASE} OWNER crm_admin`);
    });
    const owner = clientOf(server, 'crm_admin', DATABASE);
    await owner.connect();
    for (const file of ['fixtures/crm.sql', 'fixtures/grants.sql'])
      await owner.query(readFileSync(file, 'utf8'));
    await owner.end();
  } catch (error) {
    await server.stop();
    throw error;
  }
  return server;
}

async function asSuperuser<T>(
  server: PostgresServer,
  database: string,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = clientOf(server, 'postgres', database);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

function clientOf({ host, port }: PostgresServer, user: keyof typeof passwords, database: string): pg.Client {
  const client = new pg.Client({ host, port, user, password: passwords[user], database });
  client.on('error', () => undefined);
  return client;
}

async function untilServerIdle(server: PostgresServer): Promise<void> {
  const deadline = Date.now() + 30_000;
  for (;;) {
    const left = await asSuperuser(server, 'postgres', async (client) => {
      const { rows } = await client.query<Record<string, string | null>>(
        `SELECT usename, state, wait_event, age(now(), state_change)::text, query FROM pg_stat_activity
         WHERE usename IN ('crm_support', 'crm_admin')`,
      );
      return rows.map((row) => Object.values(row).join(' '));
    });
    if (left.length === 0) return;
    if (Date.now() > deadline)
      throw new Error(`sessions stay on the server after their clients have gone:\n${left.join('\n')}`);
    await sleep(20);
  }
}

async function untilShipped(served: Served, withRedis: World['withRedis']): Promise<void> {
  const deadline = Date.now() + 60_000;
  const length = (): Promise<number> => withRedis((client) => client.xlen(STREAM));
  // Several times the same, since an event is written and synced a moment after its statement, and one that waits in memory
  // for a disk that was full is tried again every 250 ms.
  for (let quiet = 0, before = -1; quiet < 6;) {
    const waiting = await served.metric('pgveil_audit_spool_bytes');
    const now = await length();
    quiet = waiting === 0 && now === before ? quiet + 1 : 0;
    before = now;
    if (Date.now() > deadline)
      throw new Error(
        `audit events are not shipped within a minute, ${waiting ?? 'unknown'} bytes wait; the log says:\n${served.said()}`,
      );
    await sleep(60);
  }
}

async function entriesAfter(client: Redis, id: string): Promise<{ entries: Entry[]; last: string }> {
  const entries: Entry[] = [];
  for (let from = id; ;) {
    const some = await client.xrange(STREAM, `(${from}`, '+', 'COUNT', 5_000);
    for (const [, fields] of some)
      entries.push({ uid: fields[fields.indexOf('uid') + 1]!, json: fields[fields.indexOf('event') + 1]! });
    if (some.length === 0) return { entries, last: from };
    from = some.at(-1)![0];
  }
}
