/** `pgveil serve` with two workers: real processes that look like one proxy, and of which one may be killed. */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect as connectTcp } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { freePort } from '../../src/cli/launch/free-port.js';
import { createDatabase, passwords, type TestDatabase, type TestRole } from '../support/databases.js';
import { redisServer } from '../support/servers.js';
import { folderWith, start, type Folder, type Running } from './cli/run.js';
import { brokenChains, type ChainedEvent } from './workers/chains.js';

const policy = readFileSync('policies/crm.yaml', 'utf8');
const EMAIL = 'SELECT email FROM customers ORDER BY id LIMIT 1';
vi.setConfig({ testTimeout: 240_000, hookTimeout: 120_000 });

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
afterEach(async () => {
  server.child.kill('SIGKILL');
  for (const one of clients.splice(0)) one.connection.stream.destroy();
  await server.finished;
  folder.remove();
});
afterAll(() => database.drop());

async function prepare(): Promise<void> {
  [port, admin] = [await freePort(), await freePort()];
  stream = `test:${database.name}:${port}`;
  folder = folderWith('');
}

async function serve(workers: number, limits = '{}'): Promise<void> {
  folder.write(
    'pgveil.yaml',
    `listen: { port: ${port} }
upstream: { host: ${database.host}, port: ${database.port} }
catalog: { url: "${database.url('pgveil_catalog')}", refresh: 1s }
audit: { redis: "${redisServer().url}", stream: "${stream}" }
admin: { port: ${admin} }
workers: ${workers}
limits: ${limits}
`,
  );
  server = start(['serve'], { cwd: folder.path });
  await server.until('pgveil accepts connections', 90_000);
}

function client(role: TestRole): pg.Client {
  const made = new pg.Client({
    host: '127.0.0.1',
    port,
    user: role,
    password: passwords[role],
    database: database.name,
  });
  made.on('error', () => undefined);
  clients.push(made);
  return made;
}

async function connect(role: TestRole): Promise<pg.Client> {
  const made = client(role);
  await made.connect();
  return made;
}

async function several(count: number, role: TestRole): Promise<pg.Client[]> {
  const all: pg.Client[] = [];
  // One after the other, so that round robin spreads them.
  for (let n = 0; n < count; n++) all.push(await connect(role));
  return all;
}

async function first(one: pg.Client, sql: string): Promise<unknown> {
  const { rows } = await one.query<unknown[]>({ text: sql, rowMode: 'array' });
  return rows[0]?.[0];
}

async function metric(name: string): Promise<number | undefined> {
  const text = await (await fetch(`http://127.0.0.1:${admin}/metrics`)).text();
  const line = text.split('\n').find((one) => one.startsWith(name));
  return line === undefined ? undefined : Number(line.split(' ').at(-1));
}

async function ready(): Promise<{
  status: string;
  checks: Record<string, { ok: boolean; detail?: string }>;
}> {
  const answer = await fetch(`http://127.0.0.1:${admin}/readyz`);
  return (await answer.json()) as Awaited<ReturnType<typeof ready>>;
}

async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`${what} did not happen; the log says:\n${server.stderr()}`);
    await sleep(50);
  }
}

async function events(): Promise<ChainedEvent[]> {
  const redis = new Redis(redisServer().url);
  const entries = await redis.xrange(stream, '-', '+');
  redis.disconnect();
  return entries.map(([, fields]) => JSON.parse(fields[fields.indexOf('event') + 1]!) as ChainedEvent);
}

/** So many statements have come to the server and wait there. */
async function asleep(statements: number): Promise<void> {
  await until('the sleep', async () => {
    const { rows } = await database.query(
      "SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'",
    );
    return (rows as { n: number }[])[0]?.n === statements;
  });
}

/** Gone, or a zombie whose new parent has not asked after it yet (proc_pid_stat(5), field 3). */
function hasEnded(pid: number): boolean {
  try {
    return / Z /.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return true;
  }
}

/** The workers' process ids (proc(5), /proc/PID/task/TID/children). */
function workerPids(): number[] {
  const pid = server.child.pid!;
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').map(Number);
}

/** Over a connection of its own, which goes to the next worker in turn (PostgreSQL manual, 54.2.8). */
async function cancel(processID: number, secretKey: number): Promise<void> {
  const packet = Buffer.alloc(16);
  [16, 80_877_102, processID, secretKey].forEach((word, index) => packet.writeInt32BE(word, index * 4));
  const socket = connectTcp(port, '127.0.0.1', () => socket.end(packet));
  await once(socket, 'close');
}

/** Resolves when another one stands in its place. */
async function killOne(): Promise<void> {
  const pid = workerPids()[0]!;
  process.kill(pid, 'SIGKILL');
  await until('its end', () => !workerPids().includes(pid));
  await until('its return', async () => (await ready()).status === 'ready');
}

describe('two workers', () => {
  it('share the port, and are one proxy to whoever scrapes, asks for health, or reads the audit', async () => {
    await prepare();
    await serve(2);
    const all = await several(6, 'crm_support');
    for (const one of all) expect(await first(one, EMAIL)).toBe('a***@example.com');
    expect(await metric('pgveil_connections{state="active"}')).toBe(6);
    expect(await metric('pgveil_connections_total')).toBe(6);
    expect(await metric('pgveil_statements_total{decision="rewrite",role="support"}')).toBe(6);
    expect(await metric('pgveil_statement_seconds_count')).toBe(6);
    expect(await metric('pgveil_workers')).toBe(2);
    expect(
      (await (await fetch(`http://127.0.0.1:${admin}/metrics`)).text()).match(/pgveil_policy_info{.*/g),
    ).toHaveLength(1);
    expect(await metric('pgveil_policy_info{')).toBe(1);
    expect(await ready()).toMatchObject({
      status: 'ready',
      checks: { workers: { ok: true, detail: '2 of 2' }, upstream: { ok: true }, audit: { ok: true } },
    });
    const opened = async (): Promise<ChainedEvent[]> =>
      (await events()).filter(
        ({ actor, activity_id }) => actor.user.name === 'crm_support' && activity_id === 3,
      );
    await until('the events', async () => (await opened()).length === 6);
    const instances = (await opened()).map(({ unmapped }) => unmapped.instance);
    expect(new Set(instances).size).toBe(2);
    expect(instances.filter((one) => one === instances[0])).toHaveLength(3);
    expect(readdirSync(join(folder.path, 'var/audit')).filter((name) => name.startsWith('worker'))).toEqual([
      'worker-2',
    ]);
    expect(brokenChains(await events())).toEqual([]);
  });

  it("cancel each other's statements: keys are the server's own", async () => {
    await prepare();
    await serve(2);
    for (const one of await several(3, 'crm_support')) {
      const { processID, secretKey } = one as unknown as { processID: number; secretKey: number };
      const sleeping = one
        .query('SELECT pg_catalog.pg_sleep(20) FROM customers')
        .catch((error: unknown) => error);
      await asleep(1);
      await cancel(processID, secretKey);
      expect(await sleeping).toMatchObject({ code: '57014' });
    }
  });

  it('put changed policies in force together, or keep the last good ones together', async () => {
    await prepare();
    await serve(2);
    const all = await several(4, 'crm_support');
    const seen = async (): Promise<unknown[]> => Promise.all(all.map((one) => first(one, EMAIL)));
    const write = (text: string): void => writeFileSync(join(folder.path, 'policies', 'crm.yaml'), text);
    write(policy.replace('contact.email: email_partial', 'contact.email: redact'));
    server.child.kill('SIGHUP');
    await until('the reload', async () => (await seen()).every((one) => one === '***'));
    expect(await metric('pgveil_policy_reloads_total{result="loaded"}')).toBe(1);

    write(policy.replace('customers.phone]', 'customers.phon]'));
    server.child.kill('SIGHUP');
    await until(
      'the refusal',
      async () => (await metric('pgveil_policy_reloads_total{result="kept-last-good"}')) === 1,
    );
    expect(await seen()).toEqual(['***', '***', '***', '***']);

    // A worker that starts now can only read what does not fit: it stays away, and the other one goes on.
    process.kill(workerPids()[0]!, 'SIGKILL');
    await until('its absence', async () => (await ready()).checks['workers']?.detail === '1 of 2');
    await sleep(1_500);
    expect((await ready()).checks['workers']?.detail).toBe('1 of 2');
    expect(await first(await connect('crm_support'), EMAIL)).toBe('***');
    write(policy);
    server.child.kill('SIGHUP');
    await until('its return', async () => (await ready()).status === 'ready');
    for (const one of await several(4, 'crm_support'))
      expect(await first(one, EMAIL)).toBe('a***@example.com');
  });

  it('survive one that is killed: others live, it comes back, its statements are closed as interrupted', async () => {
    await prepare();
    await serve(2);
    const all = await several(4, 'crm_support');
    for (const one of all) await first(one, EMAIL);
    const before = await metric('pgveil_statements_total{decision="rewrite",role="support"}');
    const running = all.map((one) =>
      one.query('SELECT pg_catalog.pg_sleep(30), email FROM customers LIMIT 1').then(
        () => 'done',
        () => 'lost',
      ),
    );
    await asleep(4);
    await killOne();
    expect(await metric('pgveil_statements_total{decision="rewrite",role="support"}')).toBeGreaterThanOrEqual(
      before!,
    );
    expect(await metric('pgveil_worker_restarts_total')).toBe(1);
    expect(await metric('pgveil_connections{state="active"}')).toBe(2);
    for (const one of await several(4, 'crm_support'))
      expect(await first(one, EMAIL)).toBe('a***@example.com');
    const interrupted = async (): Promise<number> =>
      (await events()).filter(({ status }) => status === 'Interrupted').length;
    await until('the interrupted statements', async () => (await interrupted()) === 2);
    for (const one of all) one.connection.stream.destroy();
    expect((await Promise.all(running)).filter((one) => one === 'lost').length).toBeGreaterThanOrEqual(2);
    expect(brokenChains(await events())).toEqual([]);
  });

  it('leave no client waiting whose connection was on its way to one that is killed', async () => {
    await prepare();
    await serve(2);
    const [stopped] = workerPids();
    process.kill(stopped!, 'SIGSTOP');
    // Round robin hands one of them to the worker that does not run, and the others go where there is room.
    const connecting = Array.from({ length: 4 }, () =>
      client('crm_support')
        .connect()
        .then(
          () => 'connected',
          () => 'lost',
        ),
    );
    await Promise.race([Promise.all(connecting), sleep(2_000)]);
    process.kill(stopped!, 'SIGKILL');
    expect((await Promise.all(connecting)).sort()).toEqual(['connected', 'connected', 'connected', 'lost']);
  });

  it('take connections again when they had no descriptors left for them', async () => {
    await prepare();
    await serve(2);
    const limit = (files: (pid: number) => number): void => {
      for (const pid of workerPids())
        execFileSync('prlimit', ['--pid', String(pid), `--nofile=${files(pid)}:4096`]);
    };
    limit((pid) => readdirSync(`/proc/${pid}/fd`).length + 2);
    const crowd = Array.from({ length: 20 }, () =>
      connectTcp(port, '127.0.0.1').on('error', () => undefined),
    );
    await sleep(500);
    limit(() => 4096);
    for (const one of crowd) one.destroy();
    for (const one of await several(4, 'crm_support'))
      expect(await first(one, EMAIL)).toBe('a***@example.com');
  });

  it('count connections together, and give back those of a worker that is killed', async () => {
    await prepare();
    await serve(2, '{ connections: 5, connections_per_user: 4 }');
    const try12 = async (): Promise<number> => {
      const tried = await Promise.allSettled(
        Array.from({ length: 12 }, () => client('crm_support').connect()),
      );
      return tried.filter((one) => one.status === 'fulfilled').length;
    };
    expect(await try12()).toBe(4);
    // Those that were refused give their places back when the primary has heard of it.
    await until('a free place', () =>
      connect('crm_admin').then(
        () => true,
        () => false,
      ),
    );
    await expect(connect('crm_marketing')).rejects.toMatchObject({ code: '53300' });
    // On a busy machine one worker may have taken none of them.
    while ((await metric('pgveil_connections{state="active"}'))! >= 5) await killOne();
    await connect('crm_marketing');
  });

  it('show no more rows an hour than one process would, and no fewer', async () => {
    await prepare();
    const limited = policy.replace(
      /^ {2}support:\n(?= {4}purposes)/m,
      '  support:\n    limits: { rows_per_hour: 1000 }\n',
    );
    expect(limited).not.toBe(policy);
    folder.write('policies/crm.yaml', limited);
    await serve(2);
    const all = await several(4, 'crm_support');
    let shown = 0;
    const ends = all.map(
      (one) =>
        new Promise<unknown>((done) => {
          const query = new pg.Query(
            'SELECT c.id, n FROM customers c, pg_catalog.generate_series(1, 120) AS s(n)',
          );
          query.on('row', () => shown++);
          query.on('end', () => done('end'));
          query.on('error', done);
          one.query(query);
        }),
    );
    const outcomes = await Promise.all(ends);
    expect(shown).toBe(1000);
    expect(outcomes.some((one) => one !== 'end')).toBe(true);
    for (const one of outcomes) if (one !== 'end') expect(one).toMatchObject({ code: '42501' });
    for (const one of all)
      await expect(one.query('SELECT id FROM customers')).rejects.toMatchObject({
        message: 'pgveil: no more rows may be shown in this hour',
      });
    // What a worker had shown counts on when it is gone.
    await killOne();
    for (const one of await several(2, 'crm_support'))
      await expect(one.query('SELECT id FROM customers')).rejects.toMatchObject({ code: '42501' });
  });

  it('raise one alert for what is spread over them', async () => {
    await prepare();
    folder.write(
      'policies/alerts.yaml',
      'version: 1\nalerts: { probing: { kind: refusals, window: 24h, over: 7 } }\n',
    );
    await serve(2);
    for (const one of await several(8, 'crm_support'))
      await expect(one.query('DROP TABLE customers')).rejects.toThrow('not open');
    const raised = async (): Promise<ChainedEvent[]> =>
      (await events()).filter((one) => 'alert' in one.unmapped);
    await until('the alert', async () => (await raised()).length > 0);
    await until('the metric', async () => (await metric('pgveil_audit_alerts_total{kind="refusals"}')) === 1);
    // Both had a part in it, and neither reached the threshold alone.
    const refused = (await events()).filter(({ status }) => status === 'Refused');
    expect(new Set(refused.map(({ unmapped }) => unmapped.instance)).size).toBe(2);
    expect((await raised()).map(({ unmapped }) => unmapped)).toMatchObject([{ alert: { observed: 8 } }]);
    expect(brokenChains(await events())).toEqual([]);
  });

  it('drain together on SIGTERM: idle sessions go, transactions in both finish', async () => {
    await prepare();
    await serve(2);
    const [a, b, c, d] = (await several(4, 'crm_support')) as [pg.Client, pg.Client, pg.Client, pg.Client];
    await a.query('BEGIN');
    await b.query('BEGIN');
    const gone = Promise.all([c, d].map((one) => new Promise((resolve) => one.once('end', resolve))));
    server.child.kill('SIGTERM');
    await gone;
    await expect(connect('crm_support')).rejects.toThrow();
    for (const one of [a, b]) {
      expect(await first(one, EMAIL)).toBe('a***@example.com');
      await one.query('COMMIT');
    }
    expect((await server.finished).code).toBe(0);
    expect(server.stderr()).not.toContain('"level":"error"');
  });

  it('end with their primary, however it ends', async () => {
    await prepare();
    await serve(2);
    const one = await connect('crm_support');
    const ended = new Promise((resolve) => one.once('end', resolve));
    const pids = workerPids();
    server.child.kill('SIGKILL');
    await ended;
    await until("the workers' end", () =>
      pids.every((pid) => {
        try {
          return readFileSync(`/proc/${pid}/stat`, 'latin1').includes(') Z ');
        } catch {
          return true;
        }
      }),
    );
  });
});

describe('fewer workers than before', () => {
  it('adopt the spools of those that are no more: closed, shipped, chains whole', async () => {
    await prepare();
    await serve(2);
    // More than one each, since a busy worker may be passed over.
    const all = await several(6, 'crm_support');
    for (const one of all)
      void one.query('SELECT pg_catalog.pg_sleep(30), email FROM customers LIMIT 1').catch(() => undefined);
    await asleep(6);
    const pids = workerPids();
    server.child.kill('SIGKILL');
    for (const pid of pids) process.kill(pid, 'SIGKILL');
    await server.finished;
    await until('the end of the workers', () => pids.every(hasEnded));
    await serve(1);
    const interrupted = async (): Promise<ChainedEvent[]> =>
      (await events()).filter(({ status }) => status === 'Interrupted');
    await until('the interrupted statements', async () => (await interrupted()).length === 6);
    expect(new Set((await interrupted()).map(({ unmapped }) => unmapped.instance)).size).toBe(2);
    expect(brokenChains(await events())).toEqual([]);
  });
});
