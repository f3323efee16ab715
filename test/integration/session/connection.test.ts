import { execFile } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import { promisify } from 'node:util';
import pg from 'pg';
import postgres from 'postgres';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { errorField } from '../../../src/wire/messages/error-response.js';
import { encodeStartupPacket } from '../../../src/wire/startup.js';
import { startPostgres } from '../../../src/cli/launch/postgres.js';
import { createDatabase, passwords, type TestDatabase } from '../../support/databases.js';
import { postgresVersions } from '../../support/servers.js';
import * as s from './support.js';

const run = promisify(execFile);

describe.each(postgresVersions)('connections to PostgreSQL %i', (version) => {
  let db: TestDatabase;
  let proxy: s.Proxy;
  const settings = (user: 'crm_support' | 'postgres' | 'crm_admin' = 'crm_support') => ({
    host: proxy.host,
    port: proxy.port,
    user,
    password: passwords[user],
    database: db.name,
  });

  beforeAll(async () => {
    db = await createDatabase(version);
    await db.query('CREATE TABLE public.t (i int PRIMARY KEY, x text); GRANT ALL ON public.t TO crm_support');
    proxy = await s.startProxy(db);
  });
  afterAll(async () => {
    await proxy.stop();
    await db.drop();
  });
  beforeEach(() => {
    proxy.audit.statements.length = 0;
    proxy.audit.events.length = 0;
  });

  test.each(['crm_support', 'postgres', 'crm_admin'] as const)('node pg works as %s', async (user) => {
    const client = new pg.Client(settings(user));
    await client.connect();
    expect((await client.query('SELECT $1::int + 1 AS n', [41])).rows).toEqual([{ n: 42 }]);
    const named = { name: 'n', text: 'SELECT $1::text AS t' };
    expect((await client.query({ ...named, values: ['a'] })).rows).toEqual([{ t: 'a' }]);
    expect((await client.query({ ...named, values: ['b'] })).rows).toEqual([{ t: 'b' }]);
    await expect(client.query('SELECT nope')).rejects.toMatchObject({ code: '42703' });
    expect((await client.query('SELECT 1 AS one; SELECT 2 AS two')) as unknown).toHaveLength(2);
    await client.end();
  });

  test('postgres.js pipelines, and a refusal inside hits only its own query', async () => {
    const sql = postgres({ ...settings(), max: 1, onnotice: () => undefined });
    const results = await Promise.allSettled([
      ...Array.from({ length: 50 }, (_, n) => sql`SELECT ${n}::int AS n`),
      sql`SELECT 'REFUSED'`,
      ...Array.from({ length: 50 }, (_, n) => sql`SELECT ${n}::int AS n`),
    ]);
    expect(results.filter((one) => one.status === 'rejected')).toHaveLength(1);
    expect(results[50]).toMatchObject({ status: 'rejected', reason: { code: '42501' } });
    await sql.end();
  });

  test('psql: queries, an error in a transaction, notices, \\copy both ways', async () => {
    await db.query('TRUNCATE public.t');
    const { host, port, user, password, database } = settings();
    const script = [
      'SELECT 1 AS one;',
      'BEGIN;',
      'SELECT REFUSED;',
      'SELECT 2;',
      'ROLLBACK;',
      '\\copy t from stdin',
      '1\ta',
      '2\tb',
      '\\.',
      '\\copy t to stdout',
    ].join('\n');
    const child = run(
      'psql',
      ['-h', host, '-p', String(port), '-U', user, '-d', database, '-At', '-f', '-'],
      {
        env: { ...process.env, PGPASSWORD: password },
      },
    );
    child.child.stdin!.end(script);
    const { stdout, stderr } = await child;
    expect(stdout.split('\n')).toEqual(['1', 'BEGIN', 'ROLLBACK', 'COPY 2', '1\ta', '2\tb', '']);
    expect(stderr).toMatch(/pgveil: this is refused[\s\S]*current transaction is aborted/);
  });

  test('an exempt session gets the bytes of the server', async () => {
    const texts = [
      'SELECT 1; SELECT i, x FROM t; SELECT 1/0',
      "SELECT 'x' AS canary; SET TimeZone = 'UTC'",
      "DO $$ BEGIN RAISE NOTICE 'hello %', 42; END $$",
      "SELECT repeat('x', 100000) FROM generate_series(1, 20)",
      'COPY (SELECT generate_series(1, 100)) TO STDOUT',
      "SELECT 'a'::int",
      '',
    ];
    for (const user of ['postgres', 'crm_admin'] as const) {
      const bytes = async (at: { host: string; port: number }): Promise<Buffer> => {
        const client = await s.RawClient.login(at, { user, database: db.name }, passwords[user]);
        for (const text of texts) client.send(s.query(text));
        client.send(
          s.parse('SELECT 1', 'n'),
          s.describeStatement('n'),
          s.bind('n'),
          s.execute('', 1),
          s.sync,
        );
        await client.until('ready-for-query', texts.length + 1);
        client.close();
        return client.received;
      };
      const direct = await bytes(db);
      expect((await bytes(proxy)).equals(direct)).toBe(true);
    }
    expect(proxy.audit.lines()).toHaveLength(texts.length + 1);
    expect(proxy.audit.events.filter((event) => event.kind === 'session-open')).toHaveLength(2);
  });

  test('SSLRequest and GSSENCRequest get N, then the startup goes on', async () => {
    const socket = net.connect({ host: proxy.host, port: proxy.port });
    for (const kind of ['gssenc-request', 'ssl-request'] as const) {
      const answer = once(socket, 'data');
      socket.write(encodeStartupPacket({ kind }));
      expect(String((await answer)[0])).toBe('N');
    }
    socket.write(Buffer.concat([encodeStartupPacket({ kind: 'ssl-request' }), Buffer.from('x')]));
    expect(String((await once(socket, 'data'))[0])).toContain('08P01');
    socket.destroy();
    const { host, port, user, password, database } = settings();
    const { stdout } = await run(
      'psql',
      ['-At', '-c', 'SELECT 1', `host=${host} port=${port} user=${user} dbname=${database} sslmode=prefer`],
      {
        env: { ...process.env, PGPASSWORD: password },
      },
    );
    expect(stdout).toBe('1\n');
  });

  const startupCases: readonly [string, Record<string, string>, string][] = [
    ['a setting off the list', { default_transaction_read_only: 'on' }, '42501'],
    ['session_replication_role in options', { options: '-c session_replication_role=replica' }, '42501'],
    ['another encoding', { client_encoding: 'LATIN1' }, '22023'],
    ['replication', { replication: 'database' }, '42501'],
    ['a stray option word', { options: '-f s' }, '42501'],
  ];
  test.each(startupCases)('a governed startup is refused for %s', async (_name, parameters, sqlstate) => {
    const client = await s.RawClient.open(proxy);
    client.startup({ user: 'crm_support', database: db.name, ...parameters });
    const messages = await client.untilClosed();
    expect(s.transcript(messages)).toEqual([`error ${sqlstate}`]);
    expect(proxy.audit.events).toMatchObject([{ kind: 'login-failed', sqlstate }]);
  });

  test('an unmatched session is refused before the server is asked, and audited', async () => {
    const client = await s.RawClient.open(proxy);
    client.startup({ user: 'pgveil_catalog', database: db.name });
    expect(s.transcript(await client.untilClosed())).toEqual(['error 28000']);
    expect(proxy.audit.events).toMatchObject([
      { kind: 'login-failed', sqlstate: '28000', user: 'pgveil_catalog' },
    ]);
  });

  test("a wrong password is the server's to refuse, and audited with its SQLSTATE", async () => {
    const client = new pg.Client({ ...settings(), password: 'wrong' });
    await expect(client.connect()).rejects.toMatchObject({ code: '28P01' });
    expect(proxy.audit.events).toMatchObject([{ kind: 'login-failed', sqlstate: '28P01' }]);
  });

  test('search_path of the options is read from the server', async () => {
    const client = new pg.Client({ ...settings(), options: '-c search_path=a,"$user"' });
    await client.connect();
    expect((await client.query('SELECT PLANNED_PATH AS path')).rows).toEqual([{ path: 'a,crm_support' }]);
    await client.end();
  });

  test('a cancel request stops a statement, and is counted against its bound', async () => {
    const client = new pg.Client(settings());
    await client.connect();
    const sleeping = client.query('SELECT pg_catalog.pg_sleep(20)');
    const { processID, secretKey } = client as unknown as { processID: number; secretKey: number };
    await new Promise((resolve) => setTimeout(resolve, 100));
    const key = Buffer.alloc(4);
    key.writeInt32BE(secretKey);
    const socket = net.connect({ host: proxy.host, port: proxy.port });
    socket.end(encodeStartupPacket({ kind: 'cancel-request', processId: processID, secretKey: key }));
    await expect(sleeping).rejects.toMatchObject({ code: '57014' });
    expect(proxy.audit.lines()).toEqual(['SELECT forward failure 0']);
    await client.end();
  });

  test('the server cuts a statement: 57P01 goes on, the statement has an outcome', async () => {
    const client = new pg.Client(settings());
    client.on('error', () => undefined);
    await client.connect();
    const { processID } = client as unknown as { processID: number };
    const sleeping = client.query('SELECT pg_catalog.pg_sleep(20)');
    const failed = expect(sleeping).rejects.toMatchObject({ code: '57P01' });
    await new Promise((resolve) => setTimeout(resolve, 100));
    await db.query(`SELECT pg_terminate_backend(${processID})`);
    await failed;
    expect(proxy.audit.lines()).toEqual(['SELECT forward failure 0']);
  });

  test('the client vanishes in the middle of a result: the statement ends as interrupted, with the rows that went', async () => {
    const client = await s.RawClient.login(
      proxy,
      { user: 'crm_support', database: db.name },
      passwords.crm_support,
    );
    client.send(s.query("SELECT repeat('x', 1000) FROM generate_series(1, 1000000)"));
    await client.until('data-row', 10);
    client.close();
    const interrupted: unknown = expect.stringMatching(/^SELECT forward interrupted [1-9]\d+$/);
    await expect.poll(() => proxy.audit.lines()).toEqual([interrupted]);
  });

  test('a large result streams in bounded memory past a slow reader, unchanged', async () => {
    const rss = (): number => process.memoryUsage().rss;
    const socket = net.connect({ host: proxy.host, port: proxy.port });
    const client = await s.RawClient.login(
      proxy,
      { user: 'crm_support', database: db.name },
      passwords.crm_support,
    );
    socket.destroy();
    client.socket.removeAllListeners('data');
    let total = 0;
    let tail = Buffer.alloc(0);
    const before = rss();
    client.send(s.query("SELECT repeat('x', 10000) FROM generate_series(1, 10000)"));
    client.socket.pause();
    await new Promise((resolve) => setTimeout(resolve, 500));
    // The proxy has stopped reading: 100 MB are not in its memory.
    expect(rss() - before).toBeLessThan(40 * 1024 * 1024);
    let peak = 0;
    client.socket.on('data', (chunk: Buffer) => {
      total += chunk.length;
      peak = Math.max(peak, rss() - before);
      tail = Buffer.concat([tail, chunk]).subarray(-6);
    });
    client.socket.resume();
    await expect.poll(() => tail[0] === 0x5a && total > 100_000_000, { timeout: 20_000 }).toBe(true);
    expect(total).toBe(10_000 * (10_000 + 11) + 32 + 18 + 6);
    expect(peak).toBeLessThan(80 * 1024 * 1024);
    client.close();
  });

  test('drain: idle sessions get 57P01 at once, busy ones finish', async () => {
    const own = await s.startProxy(db);
    const login = () =>
      s.RawClient.login(own, { user: 'crm_support', database: db.name }, passwords.crm_support);
    const [idle, busy] = [await login(), await login()];
    busy.send(s.query('SELECT pg_catalog.pg_sleep(0.3)'));
    await new Promise((resolve) => setTimeout(resolve, 100));
    const closed = own.close({ graceMs: 5000 });
    expect(s.transcript(await idle.untilClosed())).toEqual(['error 57P01']);
    expect(s.transcript(await busy.untilClosed()).slice(-3)).toEqual([
      'complete SELECT 1',
      'ready I',
      'error 57P01',
    ]);
    await closed;
  });

  test('one connection too many gets 53300', async () => {
    const own = await s.startProxy(db, { limits: { connections: 1 } });
    const first = await s.RawClient.login(
      own,
      { user: 'crm_support', database: db.name },
      passwords.crm_support,
    );
    const second = await s.RawClient.open(own);
    second.startup({ user: 'crm_support', database: db.name });
    expect(s.transcript(await second.untilClosed())).toEqual(['error 53300']);
    first.close();
    await own.stop();
  });

  test.each(['postgres', 'crm_admin'] as const)('DDL of the exempt session of %s is told', async (user) => {
    proxy.ddl.length = 0;
    const client = new pg.Client(settings(user));
    await client.connect();
    await client.query('SELECT 1');
    expect(proxy.ddl).toEqual([]);
    await client.query(`CREATE TABLE public.made_by_${user} (i int)`);
    expect(proxy.ddl).toEqual([db.name]);
    await client.end();
  });

  test('an upload is held back while the server is busy, then arrives whole', async () => {
    await db.query('TRUNCATE public.t');
    const client = await s.RawClient.login(
      proxy,
      { user: 'crm_support', database: db.name },
      passwords.crm_support,
    );
    const locker = await db.connect();
    await locker.query('BEGIN; LOCK TABLE public.t IN ACCESS EXCLUSIVE MODE');
    const before = process.memoryUsage().rss;
    const line = `\t${'y'.repeat(8000)}\n`;
    client.send(s.query('COPY t FROM STDIN'));
    let sent = 0;
    // The kernel's buffers fill, then the proxy's bound holds.
    while (sent < 2000) {
      const room = client.socket.write(
        Buffer.concat([
          Buffer.from('d'),
          lengthWord(String(sent).length + line.length),
          Buffer.from(`${sent++}${line}`),
        ]),
      );
      if (!room && sent > 1900) break;
    }
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(process.memoryUsage().rss - before).toBeLessThan(60 * 1024 * 1024);
    await locker.query('COMMIT');
    client.send(s.copyDone);
    await client.until('ready-for-query');
    expect(s.transcript(client.messages).slice(-2)).toEqual([`complete COPY ${sent}`, 'ready I']);
    client.close();
  });
});

function lengthWord(body: number): Buffer {
  const word = Buffer.alloc(4);
  word.writeInt32BE(body + 4);
  return word;
}

describe.each(['trust', 'md5', 'password', 'scram-sha-256'] as const)('passthrough of %s', (auth) => {
  test('the log-in is relayed and a wrong password is refused', async () => {
    const server = await startPostgres({ version: 18, auth });
    const proxy = await s.startProxy(server);
    try {
      const settings = { host: proxy.host, port: proxy.port, user: server.superuser, database: 'postgres' };
      const client = new pg.Client({ ...settings, password: server.password });
      await client.connect();
      expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
      await client.end();
      if (auth !== 'trust')
        await expect(new pg.Client({ ...settings, password: 'wrong' }).connect()).rejects.toMatchObject({
          code: '28P01',
        });
    } finally {
      await proxy.stop();
      await server.stop();
    }
  });
});

test('the upstream is down: 08006 with a text of ours', async () => {
  const taken = net.createServer();
  taken.listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const { port } = taken.address() as net.AddressInfo;
  taken.close();
  const proxy = await s.startProxy({ host: '127.0.0.1', port });
  const client = await s.RawClient.open(proxy);
  client.startup({ user: 'crm_support', database: 'x' });
  const messages = await client.untilClosed();
  expect(s.transcript(messages)).toEqual(['error 08006']);
  expect(messages[0]?.kind === 'error-response' && errorField(messages[0], 'M')).toMatch(/^pgveil: /);
  await proxy.stop();
});
