/**
 * What events say of statements, through the whole proxy: no value and no literal, whatever the client sends, and the text
 * that ran where the statement names it alone.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { passwords } from '../../support/databases.js';
import { startProxy, type AuditedEvent, type Proxy } from '../../support/proxy.js';
import { redisServer } from '../../support/servers.js';
import { RawClient } from '../session/support.js';

let proxy: Proxy;
const log: string[] = [];

beforeAll(async () => {
  proxy = await startProxy(18, { logTo: { write: (line) => void log.push(line) } });
});
afterAll(() => proxy.stop());

const nobody = (): undefined => undefined;

/** Texts of the events that a session's statements made. */
async function textsOf(user: string, run: () => Promise<void>): Promise<string[]> {
  return (await queriesOf(user, run)).map(({ query_string: text }) => text);
}

async function queriesOf(
  user: string,
  run: () => Promise<void>,
): Promise<NonNullable<AuditedEvent['query_info']>[]> {
  const before = new Set((await shipped()).map(({ metadata }) => metadata.uid));
  await run();
  const marker = `marker${Date.now()}`;
  const client = await proxy.connect('crm_admin');
  await client.query(`SELECT 1 AS ${marker}`);
  const text = (event: AuditedEvent): string => event.query_info?.query_string ?? '';
  await expect
    .poll(async () => (await shipped()).some((event) => text(event).includes(marker)), { timeout: 10_000 })
    .toBe(true);
  const fresh = (await shipped()).filter(
    (event) => !before.has(event.metadata.uid) && event.actor.user.name === user && text(event) !== '',
  );
  return fresh.filter((event) => !text(event).includes(marker)).map((event) => event.query_info!);
}

async function shipped(): Promise<readonly AuditedEvent[]> {
  return proxy.events();
}

describe.each(['crm_support', 'crm_admin'] as const)('the event of %s', (role) => {
  const asked = 'SELECT id FROM customers WHERE id = ?';

  it('names the text behind EXECUTE, however it was prepared', async () => {
    const texts = await textsOf(role, async () => {
      const client = await proxy.connect(role);
      await client.query('PREPARE byname (int) AS SELECT id FROM customers WHERE id = 1');
      await client.query('EXECUTE byname(2)');
      await client.query({ name: 'Parsed', text: 'SELECT id FROM customers WHERE id = $1', values: [1] });
      await client.query('EXECUTE "Parsed"(2)');
      await client.query('DEALLOCATE byname');
      await client.query('EXECUTE byname(2)').catch(nobody);
    });
    expect(texts).toEqual([
      `PREPARE ? (int) AS ${asked}`,
      `PREPARE ? (int) AS ${asked}`,
      asked.replace('?', '$1'),
      asked.replace('?', '$1'),
      'DEALLOCATE ?',
      'EXECUTE ?(?)',
    ]);
  });

  it('names the text behind FETCH', async () => {
    const texts = await textsOf(role, async () => {
      const client = await proxy.connect(role);
      await client.query('BEGIN');
      await client.query(`DECLARE curs CURSOR FOR ${asked.replace('?', '1')}`);
      await client.query('FETCH 1 FROM curs');
      await client.query('CLOSE curs');
      await client.query('ROLLBACK');
    });
    expect(texts).toEqual([
      'BEGIN',
      `DECLARE ? CURSOR FOR ${asked}`,
      `DECLARE ? CURSOR FOR ${asked}`,
      'CLOSE ?',
      'ROLLBACK',
    ]);
  });
});

it('does not name what an exempt text has prepared and a failure or another text has undone', async () => {
  const texts = await textsOf('crm_admin', async () => {
    const client = await proxy.connect('crm_admin');
    await client.query('PREPARE q AS SELECT 1 AS first');
    await client.query('PREPARE q AS SELECT 2 AS second').catch(nobody);
    await client.query('EXECUTE q');
    await client.query('DEALLOCATE ALL; PREPARE q AS SELECT 3 AS third');
    await client.query('EXECUTE q');
    await client.query('EXECUTE q; SELECT 4 AS fourth');
  });
  expect(texts.slice(2)).toEqual([
    'PREPARE ? AS SELECT ? AS first',
    'DEALLOCATE ALL; PREPARE ? AS SELECT ? AS third',
    'EXECUTE ?',
    'EXECUTE ?; SELECT ? AS fourth',
  ]);
});

it('says of each statement of a governed text what it says of the statement alone', async () => {
  const asked = ['SELECT id FROM customers WHERE id = 1', 'SELECT count(*) FROM tickets', 'SELECT 4 AS x'];
  const alone = await queriesOf('crm_support', async () => {
    const client = await proxy.connect('crm_support');
    for (const sql of asked) await client.query(sql);
  });
  expect(alone.map(({ query_string: text }) => text)).toEqual([
    'SELECT id FROM customers WHERE id = ?',
    'SELECT count(*) FROM tickets',
    'SELECT ? AS x',
  ]);
  const together = await queriesOf('crm_support', async () => {
    const client = await proxy.connect('crm_support');
    // The second one has other literals, and its shape is known by then.
    await client.query(`; ${asked.join(' ; -- c\n')};`);
    await client.query(`; ${asked.join(' ; -- c\n')};`.replaceAll(/[14]/g, '7'));
  });
  expect(together).toEqual([...alone, ...alone]);
});

it('says of a statement nothing of those that stand beside it', async () => {
  const texts = await textsOf('crm_support', async () => {
    const client = await proxy.connect('crm_support');
    const first = 'SELECT id FROM customers WHERE id = 1';
    for (const second of [`${first} AND first_name = Jane`, 'SELECT * FROM payments', 'SELECT 1/0 AS x'])
      await client.query(`${first}; ${second}; ${first}`).catch(nobody);
    await client.query(`${first}; SELECT 'a\\'Jane'`).catch(nobody);
    await client.query(`${first}; SELECT Jane Jane Jane`).catch(nobody);
  });
  const first = 'SELECT id FROM customers WHERE id = ?';
  const hidden = 'SELECT ? FROM ? WHERE ? = ?';
  expect(texts).toEqual([
    first,
    `${hidden} AND ? = ?`,
    // Behind a failure nothing runs, and whose names were not known is not known.
    hidden,
    first,
    'SELECT * FROM payments',
    first,
    'SELECT ?/? AS x',
    first,
    '<not understood>',
    'SELECT ? FROM ? WHERE ? = ?; SELECT ? ? ?',
  ]);
});

it('keeps the names that pgveil does not find where the server finds them, and hides them where it stops before', async () => {
  const seen = "SELECT c.id, key FROM customers c, (SELECT (j).* FROM (SELECT json_each('{}') AS j) x) AS s";
  const texts = await textsOf('crm_support', async () => {
    const client = await proxy.connect('crm_support');
    await client.query(seen);
    // The server looks for the type first.
    await client.query('SELECT id::absent FROM customers WHERE first_name = Jane').catch(nobody);
  });
  expect(texts).toEqual([
    'SELECT c.id, key FROM customers c, (SELECT (j).* FROM (SELECT json_each(?) AS j) x) AS s',
    'SELECT ?::? FROM ? WHERE ? = ?',
  ]);
  // The intent of the first one came before the server's answer.
  expect(spoolBytes(proxy.spool).includes('SELECT ?.?, ? FROM ? ?, (SELECT (?).* FROM (SELECT')).toBe(true);
});

/** A canary of its own for each place; the digits make a number of it, too. */
let count = 0;
const canaries: string[] = [];
function canary(): string {
  const token = `cnry${(7_300_001 + count++).toString()}`;
  canaries.push(token.slice(4));
  return token;
}
const number = (): string => canary().slice(4);

/** Statements that hold a canary wherever a client can put data. */
function statements(): string[] {
  const c = canary;
  const n = number;
  return [
    `SELECT id FROM customers WHERE email = '${c()}' OR email = E'${c()}\\n' OR email = $$${c()}$$ OR email = $x$${c()}$x$`,
    `SELECT id FROM customers WHERE id = ${n()} OR id = -${n()} OR id IN (${n()}, ${n()}) OR id > ${n()}.5e1`,
    `SELECT id FROM customers WHERE email = N'${c()}' AND B'1' = X'${n()}'::bit(1)`,
    `SELECT id FROM customers WHERE email = U&'${c()}'`,
    `SELECT 1_${n()}, 0x${n()}`,
    `SELECT id FROM customers WHERE email = '${c()}'::text OR email = CAST('${c()}' AS text) OR email = text '${c()}'`,
    `SELECT id /* ${c()} */ FROM customers -- ${c()}\n WHERE id = 1 /*customer='${c()}',traceparent='${c()}',route='/c/${n()}'*/`,
    `SELECT id FROM customers WHERE first_name = "${c()}"`,
    `SELECT id AS "Jo ${c()}" FROM customers`,
    // Without quotes it reads as a column, and what the server says of it comes behind the intent.
    `SELECT id FROM customers WHERE first_name = ${c()}`,
    `SELECT id FROM customers; SELECT id FROM customers WHERE first_name = ${c()}`,
    `SELECT id FROM customers, json_to_record('{}') AS r(a text) WHERE first_name = ${c()}`,
    `SELECT c.${c()} FROM customers c WHERE id > (SELECT max(id) FROM customers WHERE email = ${c()})`,
    `UPDATE customers SET notes = ${c()} WHERE first_name = ${c()}`,
    `INSERT INTO tickets (customer_id, subject) SELECT id, ${c()} FROM customers`,
    `PREPARE canary AS SELECT id FROM customers WHERE first_name = ${c()}`,
    `DECLARE canary CURSOR FOR SELECT id FROM customers WHERE first_name = ${c()}`,
    `SELECT id FROM payments WHERE id = ${c()}`,
    `SELECT id FROM customers WHERE first_name = 'O'${c()}' AND last_name = 'L'${c()}'`,
    `SELECT id FROM customers WHERE email = '${c()}`,
    `SELECT ${c()} ${c()} ${c()}`,
    `INSERT INTO tickets (customer_id, subject) VALUES (${n()}, '${c()}'), (${n()}, '${c()}')`,
    `UPDATE customers SET notes = '${c()}' WHERE id = ${n()}`,
    `DELETE FROM tickets WHERE subject = '${c()}'`,
    `SELECT '${c()}'::int`,
    `SELECT 1 / 0, '${c()}'`,
    `SET application_name.x = '${c()}'`,
    `SET my.setting = ${c()}`,
    `SET pgveil.actor = '{"name": "${c()}"}'`,
    `SET pgveil.token = '${c()}'`,
    `SELECT set_config('my.setting', '${c()}', false)`,
    `PREPARE ${c()} AS SELECT id FROM customers WHERE email = '${c()}'`,
    `EXECUTE ${c()}('${c()}', ${n()})`,
    `DEALLOCATE ${c()}`,
    'BEGIN',
    `SAVEPOINT ${c()}`,
    `DECLARE ${c()} CURSOR FOR SELECT id FROM customers WHERE email = '${c()}'`,
    `FETCH 1 FROM ${c()}`,
    'ROLLBACK',
    `LISTEN ${c()}`,
    `NOTIFY ${c()}, '${c()}'`,
    `DO $$BEGIN RAISE NOTICE '${c()}'; RAISE EXCEPTION '${c()}'; END$$`,
    `COPY tickets (subject) FROM PROGRAM 'echo ${c()}'`,
    `CREATE TEMP TABLE t AS SELECT '${c()}' AS a; SELECT '${c()}'`,
    `CREATE FUNCTION pg_temp.f() RETURNS text LANGUAGE sql AS $$SELECT '${c()}'$$`,
    `CREATE ROLE r PASSWORD '${c()}' VALID UNTIL '${c()}'`,
    `COMMENT ON TABLE customers IS '${c()}'`,
    `SELECT * FROM json_to_recordset('[{"a": "${c()}"}]') AS x(a text)`,
    `SELECT XMLELEMENT(NAME a, '${c()}')`,
    `EXPLAIN SELECT id FROM customers WHERE email = '${c()}'`,
    `VALUES ('${c()}', ${n()}), ('${c()}', ${n()})`,
    `SET standard_conforming_strings = off; SELECT '${c()}\\'${c()} -- '`,
  ];
}

async function sayEverything(role: 'crm_support' | 'crm_admin'): Promise<void> {
  const client = await proxy.connect(role);
  for (const sql of statements()) {
    await client.query(sql).catch(nobody);
    await client.query('SET standard_conforming_strings = on').catch(nobody);
  }
  for (const sql of statements()) {
    await client.query({ text: sql, queryMode: 'extended' } as pg.QueryConfig).catch(nobody);
    if (/^(?:BEGIN|ROLLBACK)/.test(sql)) continue;
    await client.query('ROLLBACK').catch(nobody);
  }
  await client.query('SELECT id FROM customers WHERE email = $1 OR id = $2', [canary(), number()]);
  await client.query('SELECT $1::int', [canary()]).catch(nobody);
  await client.query({ name: canary(), text: 'SELECT $1::text', values: [canary()] });
  await client.end();

  const raw = await RawClient.login(
    { port: proxy.app.ports.proxy } as never,
    { user: role, database: proxy.db.name },
    passwords[role],
  );
  raw.send(
    { kind: 'query', sql: Buffer.from('COPY tickets (subject) FROM STDIN') },
    { kind: 'copy-data', data: Buffer.from(`${canary()}\n`) },
    { kind: 'copy-fail', reason: canary() },
  );
  await raw.until('ready-for-query');
  raw.close();
}

async function logInBadly(): Promise<void> {
  const settings = proxy.settings('crm_support');
  const attempts: pg.ClientConfig[] = [
    { ...settings, password: canary() },
    { ...settings, options: `-c my.setting=${canary()}` },
    { ...settings, options: `-c work_mem=${canary()}` },
    { ...settings, options: `-c pgveil.actor=${canary()}` },
    { ...settings, replication: canary() } as pg.ClientConfig,
  ];
  for (const attempt of attempts) {
    const client = new pg.Client(attempt);
    client.on('error', nobody);
    await client.connect().catch(nobody);
    await client.end().catch(nobody);
  }
}

function spoolBytes(folder: string): Buffer {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  return Buffer.concat(files.map((file) => readFileSync(join(file.parentPath, file.name))));
}

async function streamBytes(): Promise<Buffer> {
  const redis = new Redis(redisServer().url);
  const entries = (await redis.xrangeBuffer(proxy.stream, '-', '+')) as unknown as [Buffer, Buffer[]][];
  redis.disconnect();
  return Buffer.concat(entries.flatMap(([, fields]) => fields));
}

async function consoleText(): Promise<string> {
  const client = await proxy.connect('crm_admin', { database: 'pgveil' });
  const answers: string[] = [];
  for (const what of ['STATS', 'TOTALS', 'CLIENTS', 'POLICIES', 'CONFIG', 'VERSION'])
    answers.push(JSON.stringify((await client.query(`SHOW ${what}`)).rows));
  await client.query(`SHOW ${canary()}`).catch(nobody);
  await client.query(`SELECT '${canary()}'`).catch(nobody);
  return answers.join('\n');
}

it('writes no value and no literal of a client anywhere', async () => {
  await Promise.all([sayEverything('crm_support'), sayEverything('crm_admin'), logInBadly()]);
  const shown = await consoleText();
  const metrics = await (await fetch(`http://127.0.0.1:${proxy.app.ports.admin}/metrics`)).text();
  // Nothing is under way any more, so what is written last is the close of a session.
  await textsOf('crm_admin', () => Promise.resolve());
  const places: Record<string, Buffer> = {
    spool: spoolBytes(proxy.spool),
    stream: await streamBytes(),
    log: Buffer.from(log.join('')),
    metrics: Buffer.from(metrics),
    console: Buffer.from(shown),
  };
  const found = Object.entries(places).flatMap(([place, bytes]) => {
    const written = withoutHashes(bytes);
    return canaries
      .filter((token) => written.includes(token))
      .map((token) => `${place}: …${around(written, written.indexOf(token))}…`);
  });
  expect(found).toEqual([]);
  // The canaries were said, and what stands around them was written down.
  expect(canaries.length).toBeGreaterThan(200);
  expect(places['stream']!.includes('SELECT id FROM customers WHERE email = ?')).toBe(true);
  expect(places['spool']!.length).toBeGreaterThan(10_000);
  expect(places['log']!.length).toBeGreaterThan(100);
});

/** Among so many hexadecimal digits of hashes and uids seven decimal ones of a canary stand by chance, once in some runs. */
function withoutHashes(bytes: Buffer): string {
  return bytes.toString('latin1').replace(/[0-9a-f]{32,}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, '#');
}

function around(text: string, at: number): string {
  return text.slice(Math.max(0, at - 120), at + 60);
}
