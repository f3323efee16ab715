import { readFileSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { freePort } from '../../../src/cli/launch/free-port.js';
import { createDatabase, passwords, type TestDatabase, type TestRole } from '../../support/databases.js';
import { redisServer } from '../../support/servers.js';
import { folderWith, run, start, type Folder, type Running } from './run.js';

const policy = readFileSync('policies/crm.yaml', 'utf8');
let database: TestDatabase;
let folder: Folder;
let server: Running;
let port: number;
let admin: number;
let stream: string;
const clients: pg.Client[] = [];

beforeAll(async () => {
  database = await createDatabase(18, { fixture: 'fixtures/crm.sql' });
});
afterAll(() => database.drop());

beforeEach(async () => {
  [port, admin] = [await freePort(), await freePort()];
  stream = `test:${database.name}:${port}`;
  folder = folderWith(`listen: { port: ${port} }
upstream: { host: ${database.host}, port: ${database.port} }
catalog: { url: "${database.url('pgveil_catalog')}", refresh: 1s }
audit: { redis: "${redisServer().url}", stream: "${stream}" }
admin: { port: ${admin} }
`);
  server = start(['serve'], { cwd: folder.path });
  await server.until('pgveil accepts connections');
});
afterEach(async () => {
  await Promise.allSettled(clients.splice(0).map((client) => client.end()));
  server.child.kill('SIGKILL');
  await server.finished;
  folder.remove();
});

async function connect(role: TestRole): Promise<pg.Client> {
  const client = new pg.Client({
    host: '127.0.0.1',
    port,
    user: role,
    password: passwords[role],
    database: database.name,
  });
  client.on('error', () => undefined);
  await client.connect();
  clients.push(client);
  return client;
}

async function column(client: pg.Client, sql: string): Promise<unknown[]> {
  const result = await client.query({ text: sql, rowMode: 'array' });
  return (result.rows as unknown[][]).map((row) => row[0]);
}

async function metric(name: string): Promise<string | undefined> {
  const text = await (await fetch(`http://127.0.0.1:${admin}/metrics`)).text();
  return text
    .split('\n')
    .find((line) => line.startsWith(name))
    ?.split(' ')
    .at(-1);
}

async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 15_000;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`${what} did not happen; the log says:\n${server.stderr()}`);
    await sleep(50);
  }
}

const EMAIL = 'SELECT email FROM customers ORDER BY id';

describe('pgveil serve', () => {
  it('serves three users as their roles say, is ready, and audits what they did', async () => {
    const [dba, support, marketing] = [
      await connect('crm_admin'),
      await connect('crm_support'),
      await connect('crm_marketing'),
    ];
    expect(await column(dba, EMAIL)).toHaveLength(6);
    expect(await column(dba, EMAIL)).toContain('ada.canary1@example.com');
    expect(await column(support, EMAIL)).toEqual([
      'a***@example.com',
      'b***@example.com',
      'c***@example.org',
      'd***@example.net',
      'f***@example.com',
    ]);
    expect(await column(marketing, EMAIL)).toEqual(['a***@example.com', 'c***@example.org']);
    await expect(marketing.query('SELECT * FROM payments')).rejects.toMatchObject({ code: '42501' });

    const ready = await fetch(`http://127.0.0.1:${admin}/readyz`);
    expect([ready.status, await ready.json()]).toMatchObject([200, { status: 'ready' }]);
    expect((await fetch(`http://127.0.0.1:${admin}/healthz`)).status).toBe(200);
    expect(await metric('pgveil_statements_total{decision="deny",role="marketing"}')).toBe('1');
    expect(Number(await metric('pgveil_unlabelled_columns'))).toBeGreaterThan(0);

    const tail = start(['audit', 'tail', '--from', '0', '--format', 'json'], { cwd: folder.path });
    await tail.until('"action_id":2');
    tail.child.kill('SIGINT');
    expect((await tail.finished).code).toBe(0);
    const events = tail
      .stdout()
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { unmapped: { role: string | null; rows: number } });
    expect(
      events.filter((event) => event.unmapped.role === 'support' && event.unmapped.rows === 5),
    ).toHaveLength(1);
    expect(tail.stdout()).not.toContain('canary');
    expect(server.stderr()).not.toContain('canary');
  });

  it('puts a changed policy in force on SIGHUP and keeps the last good one when the next is broken', async () => {
    const support = await connect('crm_support');
    expect((await column(support, EMAIL))[0]).toBe('a***@example.com');
    writeFileSync(
      join(folder.path, 'policies', 'crm.yaml'),
      policy.replace('contact.email: email_partial', 'contact.email: redact'),
    );
    server.child.kill('SIGHUP');
    await until('the reload', async () => (await column(support, EMAIL))[0] === '***');

    writeFileSync(
      join(folder.path, 'policies', 'crm.yaml'),
      policy.replace('customers.phone]', 'customers.phon]'),
    );
    server.child.kill('SIGHUP');
    await until(
      'the refusal of the broken policy',
      async () => Number(await metric('pgveil_policy_reloads_total{result="kept-last-good"}')) > 0,
    );
    expect(server.stderr()).toMatch(/"place":"policies\/crm\.yaml:\d+:\d+","code":"unknown-column"/);
    expect(server.stderr()).toContain('those in force stay in force');
    expect((await column(support, EMAIL))[0]).toBe('***');
  });

  it('takes a policy that names a table made a moment before', async () => {
    await database.query('CREATE TABLE public.prospects (id integer PRIMARY KEY, email text)', 'crm_admin');
    try {
      const changed = policy.replace('public.leads.email]', 'public.leads.email, public.prospects.email]');
      expect(changed).not.toBe(policy);
      writeFileSync(join(folder.path, 'policies', 'crm.yaml'), changed);
      server.child.kill('SIGHUP');
      await until(
        'the reload',
        async () => Number(await metric('pgveil_policy_reloads_total{result="loaded"}')) > 0,
      );
      expect(server.stderr()).not.toContain('those in force stay in force');
    } finally {
      await database.query('DROP TABLE public.prospects', 'crm_admin');
    }
  });

  it('puts a saved policy in force without a signal', async () => {
    const support = await connect('crm_support');
    writeFileSync(
      join(folder.path, 'policies', 'crm.yaml'),
      policy.replace('contact.email: email_partial', 'contact.email: redact'),
    );
    await until('the reload', async () => (await column(support, EMAIL))[0] === '***');
  });

  it('FAIL-CLOSED: refuses governed statements while the policy does not fit the tables, and says so', async () => {
    const [dba, support] = [await connect('crm_admin'), await connect('crm_support')];
    await dba.query('ALTER TABLE customers RENAME COLUMN phone TO telephone');
    try {
      // Until the catalog is read again, the server itself refuses the renamed column.
      await until('the refusal', async () => {
        const error = await support.query('SELECT id FROM customers').catch((cause: unknown) => cause);
        return error instanceof pg.DatabaseError && error.code === '57P03';
      });
      const ready = await fetch(`http://127.0.0.1:${admin}/readyz`);
      expect([ready.status, await ready.json()]).toMatchObject([
        503,
        { checks: { policies: { ok: false } } },
      ]);
      expect(server.stderr()).toContain('the policy does not fit this database');
      expect(await column(dba, 'SELECT count(*) FROM customers')).toEqual(['6']);
    } finally {
      await dba.query('ALTER TABLE customers RENAME COLUMN telephone TO phone');
    }
    await until('the recovery', () =>
      support.query('SELECT id FROM customers').then(
        () => true,
        () => false,
      ),
    );
  });

  it('drains on SIGTERM: a transaction may finish, nobody else gets in, and it ends with 0', async () => {
    const [busy, idle] = [await connect('crm_support'), await connect('crm_marketing')];
    await busy.query('BEGIN');
    const idleEnded = new Promise((resolve) => idle.once('end', resolve));
    server.child.kill('SIGTERM');
    await idleEnded;
    await expect(connect('crm_support')).rejects.toThrow();
    expect((await column(busy, EMAIL)).length).toBe(5);
    await busy.query('COMMIT');
    expect((await server.finished).code).toBe(0);
  });

  it('leaves nobody waiting at the door while it drains: a connection that comes too late is closed', async () => {
    const busy = await connect('crm_support');
    await busy.query('BEGIN');
    const ends: Promise<unknown>[] = [];
    const knock = (): void => {
      const socket = net.connect(port, '127.0.0.1');
      socket.on('error', () => undefined).resume();
      ends.push(new Promise((resolve) => socket.once('close', resolve)));
    };
    for (let n = 0; n < 50; n++) knock();
    server.child.kill('SIGTERM');
    while (!server.stderr().includes('pgveil stops')) {
      knock();
      await sleep(0);
    }
    // The workers close their doors in these milliseconds, each at its own.
    for (const until = performance.now() + 300; performance.now() < until;) {
      knock();
      await sleep(0);
    }
    await Promise.all(ends);
    await busy.query('COMMIT');
    expect((await server.finished).code).toBe(0);
  });

  it('stops at once on SIGINT, transactions or not', async () => {
    const busy = await connect('crm_support');
    await busy.query('BEGIN');
    server.child.kill('SIGINT');
    expect((await server.finished).code).toBe(0);
  });
});

describe('pgveil serve that cannot start', () => {
  it('names the port that is taken', async () => {
    const second = await run(['serve'], {
      cwd: folder.path,
      env: { PGVEIL_AUDIT_SPOOL: join(folder.path, 'other'), PGVEIL_ADMIN_PORT: '0' },
    });
    expect(second.code).toBe(1);
    expect(second.stderr).toMatch(
      new RegExp(`cannot listen on 127\\.0\\.0\\.1:${port}; another process listens there`),
    );
  });
  it('shows the problems of a policy that does not fit', async () => {
    writeFileSync(
      join(folder.path, 'policies', 'crm.yaml'),
      policy.replace('customers.phone]', 'customers.phon]'),
    );
    const env = {
      PGVEIL_AUDIT_SPOOL: join(folder.path, 'other'),
      PGVEIL_LISTEN_PORT: '0',
      PGVEIL_ADMIN_PORT: '0',
    };
    const second = await run(['serve'], { cwd: folder.path, env });
    expect(second.code).toBe(78);
    expect(second.stderr).toMatch(/policies\/crm\.yaml:\d+:\d+: error: .*no column "phon"[^]*fix: /);
  });
});
