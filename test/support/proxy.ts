/** The whole proxy in this process, over the sample CRM: real PostgreSQL, real Redis, real sockets. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import pg from 'pg';
import { startApp, type App } from '../../src/app.js';
import { loadConfig } from '../../src/config/load.js';
import { createDatabase, passwords, type TestDatabase, type TestRole } from './databases.js';
import { redisServer } from './servers.js';

export interface AuditedEvent {
  readonly action_id?: number;
  readonly actor: { readonly user: { readonly name: string } };
  readonly query_info?: { readonly query_string: string; readonly uid: string };
  readonly unmapped: Readonly<Record<string, unknown>>;
  readonly metadata: { readonly uid: string; readonly sequence: number };
}

export interface Proxy {
  readonly db: TestDatabase;
  readonly app: App;
  readonly stream: string;
  readonly spool: string;
  settings(role: TestRole): pg.ClientConfig;
  /** A connected client through the proxy; stop() ends it. */
  connect(role: TestRole, options?: pg.ClientConfig): Promise<pg.Client>;
  events(): Promise<readonly AuditedEvent[]>;
  stop(): Promise<void>;
}

export interface ProxyOptions {
  readonly policies?: string;
  readonly redis?: string;
  readonly upstreamPort?: number;
  readonly durability?: 'strict' | 'relaxed';
  /** Takes every log line, also those for finding faults. */
  readonly logTo?: { write(line: string): void };
  /** Further settings, by dotted key. */
  readonly flags?: (db: TestDatabase) => Readonly<Record<string, string>>;
  /** The sample CRM when absent. */
  readonly fixture?: string;
  /** Changes to the database before the proxy reads its catalog. */
  readonly setup?: (db: TestDatabase) => Promise<void>;
}

export async function startProxy(version: 15 | 18, options: ProxyOptions = {}): Promise<Proxy> {
  const db = await createDatabase(version, { fixture: options.fixture ?? 'fixtures/crm.sql' });
  await options.setup?.(db);
  const folder = mkdtempSync(join(tmpdir(), 'pgveil-whole-'));
  const stream = `whole:${db.name}`;
  const redisUrl = options.redis ?? redisServer().url;
  const loaded = loadConfig({
    env: {},
    flags: {
      'listen.port': '0',
      'admin.port': '0',
      'upstream.host': db.host,
      'upstream.port': String(options.upstreamPort ?? db.port),
      'catalog.url': db.url('pgveil_catalog'),
      policies: options.policies ?? 'policies',
      'audit.redis': redisUrl,
      'audit.stream': stream,
      'audit.spool': join(folder, 'audit'),
      'audit.durability': options.durability ?? 'strict',
      ...options.flags?.(db),
    },
  });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
  const app = await startApp(loaded.config, {
    version: 'test',
    logLevel: options.logTo === undefined ? 'silent' : 'debug',
    ...(options.logTo === undefined ? {} : { logTo: options.logTo }),
  });
  const clients: pg.Client[] = [];
  const settings = (role: TestRole): pg.ClientConfig => ({
    host: '127.0.0.1',
    port: app.ports.proxy,
    user: role,
    password: passwords[role],
    database: db.name,
  });
  return {
    db,
    app,
    stream,
    spool: join(folder, 'audit'),
    settings,
    async connect(role, more = {}) {
      const client = new pg.Client({ ...settings(role), ...more });
      client.on('error', () => undefined);
      await client.connect();
      clients.push(client);
      return client;
    },
    async events() {
      const redis = new Redis(redisUrl);
      const entries = await redis.xrange(stream, '-', '+');
      redis.disconnect();
      return entries.map(([, fields]) => JSON.parse(fields[fields.indexOf('event') + 1]!) as AuditedEvent);
    },
    async stop() {
      await Promise.allSettled(clients.map((client) => client.end()));
      await app.close({ graceMs: 0 });
      await db.drop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
