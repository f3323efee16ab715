/** The database server goes away and comes back, and pgveil stays: what sessions are told, and when new ones work again. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { startApp, type App } from '../../src/app.js';
import { loadSampleDatabase } from '../../src/cli/demo/sample-database.js';
import { startPostgres, type PostgresServer } from '../../src/cli/launch/postgres.js';
import { loadConfig } from '../../src/config/load.js';

const PATIENCE_MS = 90_000;
let server: PostgresServer;
let app: App | undefined;
let folder: string;

beforeAll(async () => {
  server = await startPostgres({ version: 18 });
  await loadSampleDatabase(server);
}, PATIENCE_MS);
afterEach(async () => {
  await app?.close();
  rmSync(folder, { recursive: true, force: true });
});
afterAll(() => server.stop());

async function start(): Promise<App> {
  folder = mkdtempSync(join(tmpdir(), 'pgveil-restart-'));
  const loaded = loadConfig({
    env: {},
    flags: {
      'listen.port': '0',
      'admin.port': '0',
      'upstream.port': String(server.port),
      'catalog.url': `postgres://pgveil_catalog:catalog@127.0.0.1:${server.port}/crm`,
      'catalog.refresh': '500ms',
      policies: 'policies',
      'audit.spool': join(folder, 'audit'),
    },
  });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
  return startApp(loaded.config, { version: 'test', logLevel: 'silent', watchMs: 0 });
}

function client(user: string, password: string): pg.Client {
  const made = new pg.Client({ host: '127.0.0.1', port: app!.ports.proxy, user, password, database: 'crm' });
  made.on('error', () => undefined);
  return made;
}

async function connected(user: string, password: string): Promise<pg.Client> {
  const made = client(user, password);
  await made.connect();
  return made;
}

const codeOf = (error: unknown): string => (error as { code?: string }).code ?? String(error);

async function readiness(): Promise<{ status: number; upstream: boolean }> {
  const answer = await fetch(`http://127.0.0.1:${app!.ports.admin}/readyz`);
  const { checks } = (await answer.json()) as { checks: Record<string, { ok: boolean }> };
  return { status: answer.status, upstream: checks['upstream']?.ok === true };
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`${what} did not happen`);
    await sleep(100);
  }
}

const answers = async (): Promise<boolean> => {
  const made = client('crm_support', 'support');
  try {
    await made.connect();
    const { rows } = await made.query<{ email: string }>('SELECT email FROM customers WHERE id = 1');
    return rows[0]?.email === 'a***@example.com';
  } catch {
    return false;
  } finally {
    await made.end().catch(() => undefined);
  }
};

test(
  'a crash of the server ends its sessions with an error of class 08 or 57, and new ones work when it is back',
  async () => {
    app = await start();
    const [support, admin] = [
      await connected('crm_support', 'support'),
      await connected('crm_admin', 'admin'),
    ];
    expect(await readiness()).toEqual({ status: 200, upstream: true });
    const busy = [
      support.query('SELECT pg_catalog.pg_sleep(60) FROM customers').catch(codeOf),
      admin.query('SELECT pg_catalog.pg_sleep(60)').catch(codeOf),
    ];
    await sleep(300);
    await server.kill();
    for (const code of await Promise.all(busy)) expect(code).toMatch(/^(57P0[12]|08006)$/);
    await expect(connected('crm_support', 'support').catch(codeOf)).resolves.toBe('08006');
    expect(await readiness()).toEqual({ status: 503, upstream: false });

    await server.restart();
    await until('the return', answers);
    await until('readiness', async () => (await readiness()).status === 200);
  },
  PATIENCE_MS * 2,
);

test(
  'pgveil starts before its server does',
  async () => {
    await server.kill();
    app = await start();
    expect(await readiness()).toEqual({ status: 503, upstream: false });
    await expect(connected('crm_support', 'support').catch(codeOf)).resolves.toBe('08006');
    await server.restart();
    await until('the first answer', answers);
    await until('readiness', async () => (await readiness()).status === 200);
  },
  PATIENCE_MS * 2,
);
