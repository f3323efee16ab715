/** Starts everything that the demo needs and stops it again, in order. Shows nothing. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { startApp, type App } from '../../app.js';
import { loadConfig } from '../../config/load.js';
import { CommandFailure, EXIT, ProblemsFailure, reasonOf } from '../exit.js';
import { startPostgres } from '../launch/postgres.js';
import { ensureRedisServer, startRedis } from '../launch/redis.js';
import { packageFile } from '../package-root.js';
import { packageVersion } from '../version.js';
import { requireFreePort } from './ports.js';
import { databaseName, loadSampleDatabase } from './sample-database.js';

export interface DemoServers {
  readonly app: App;
  readonly postgres: { readonly version: string; readonly port: number };
  readonly redis: { readonly port: number; readonly url: string };
  readonly stream: string;
  readonly configFile: string;
  /** Nothing of the demo is left behind it: no process, no file. */
  stop(): Promise<void>;
}

export interface DemoStart {
  /** Told what is being done, for a progress line. */
  readonly progress: (what: string) => void;
  readonly environment: NodeJS.ProcessEnv;
}

const STREAM = 'pgveil:audit';

/** Rejects with a CommandFailure that says what to do; whatever had started is stopped then. */
export async function startDemoServers({ progress, environment }: DemoStart): Promise<DemoServers> {
  const ports = {
    proxy: portFrom(environment, 'PGVEIL_LISTEN_PORT', 6432),
    admin: portFrom(environment, 'PGVEIL_ADMIN_PORT', 9188),
  };
  await requireFreePort(ports.proxy, 'the proxy', 'PGVEIL_LISTEN_PORT');
  await requireFreePort(ports.admin, 'metrics and health', 'PGVEIL_ADMIN_PORT');
  const stops: (() => Promise<void>)[] = [];
  const stop = async (): Promise<void> => {
    for (const one of stops.splice(0).reverse()) await one();
  };
  try {
    // Asked first: an ordinary user without Redis should not wait for PostgreSQL to hear of it.
    progress('looking for redis-server');
    await ensureRedisServer();
    progress('starting PostgreSQL 18 (the first time its binaries are copied)');
    const postgres = await startPostgres({ version: 18 });
    stops.push(() => postgres.stop());
    progress('loading the sample CRM');
    const version = await loadSampleDatabase(postgres);
    progress('starting Redis');
    const redis = await startRedis({ appendonly: true });
    stops.push(() => redis.stop());
    progress('starting pgveil');
    const folder = await mkdtemp(join(tmpdir(), 'pgveil-demo-'));
    stops.push(() => rm(folder, { recursive: true, force: true }));
    const configFile = join(folder, 'pgveil.yaml');
    await writeFile(configFile, configText({ ports, postgres: postgres.port, redis: redis.url, folder }), {
      mode: 0o600,
    });
    const outcome = loadConfig({ file: configFile, env: {} });
    if (!outcome.ok) throw new ProblemsFailure(outcome.problems);
    const app = await startApp(outcome.config, { version: packageVersion(), logLevel: 'error' });
    stops.push(() => app.close());
    return { app, postgres: { version, port: postgres.port }, redis, stream: STREAM, configFile, stop };
  } catch (error) {
    await stop();
    if (error instanceof CommandFailure) throw error;
    throw new CommandFailure(EXIT.findings, `the demo could not start: ${reasonOf(error)}`, { cause: error });
  }
}

function configText(where: {
  readonly ports: { readonly proxy: number; readonly admin: number };
  readonly postgres: number;
  readonly redis: string;
  readonly folder: string;
}): string {
  return stringify({
    listen: { host: '127.0.0.1', port: where.ports.proxy },
    upstream: { host: '127.0.0.1', port: where.postgres },
    auth: { mode: 'passthrough' },
    catalog: { url: `postgres://pgveil_catalog:catalog@127.0.0.1:${where.postgres}/${databaseName}` },
    policies: packageFile('policies'),
    audit: { redis: where.redis, stream: STREAM, spool: join(where.folder, 'audit') },
    admin: { host: '127.0.0.1', port: where.ports.admin },
  });
}

function portFrom(environment: NodeJS.ProcessEnv, name: string, fallback: number): number {
  const text = environment[name];
  if (text === undefined || text === '') return fallback;
  const port = Number(text);
  if (Number.isInteger(port) && port > 0 && port < 65_536) return port;
  throw new CommandFailure(EXIT.usage, `${name} is "${text}", which is no port`, {
    fix: 'set it to a number from 1 to 65535, or unset it',
  });
}
