/**
 * PgBouncer in transaction mode behind pgveil: sessions of one login in different roles share one server connection with
 * each other and with clients that reach PgBouncer directly, and none is given what another has left there.
 */
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectTo, startPgBouncer, type PgBouncer } from '../../support/pgbouncer.js';
import { postgresServer } from '../../support/servers.js';
import { startProxy, type Proxy } from '../../support/proxy.js';
import { bySettings, policyFolder, type PolicyFolder } from '../claims/support.js';
import {
  bind,
  describeStatement,
  execute,
  parse,
  query,
  RawClient,
  sync,
  transcript,
} from '../session/support.js';

const emails = 'SELECT email FROM customers ORDER BY id LIMIT 1';
const emailOf = 'SELECT email FROM customers WHERE id = $1';

let folder: PolicyFolder;
let bouncer: PgBouncer;
let proxy: Proxy;
const direct: pg.Client[] = [];

async function as(role: 'agent' | 'seller' | 'counted'): Promise<pg.Client> {
  const client = await proxy.connect('crm_support');
  await client.query(`SET pgveil.role = '${role}'`);
  await client.query(`SET pgveil.purpose = '${role === 'seller' ? 'billing' : 'support'}'`);
  return client;
}

/** Past pgveil, on the same server connection. */
async function besides(): Promise<pg.Client> {
  const client = await connectTo(bouncer, 'crm_support', proxy.db.name);
  direct.push(client);
  return client;
}

async function raw(role: string): Promise<RawClient> {
  const { host, port, user, password, database } = proxy.settings('crm_support');
  const at = { host: host!, port: port! };
  const client = await RawClient.login(at, { user: user!, database: database! }, password as string);
  client.send(query(`SET pgveil.role = '${role}'`));
  await client.until('ready-for-query');
  client.messages.length = 0;
  return client;
}

/** What came until so many ReadyForQuery, rows by their first value. */
async function until(client: RawClient, count = 1): Promise<string[]> {
  const messages = (await client.until('ready-for-query', count)).splice(0);
  return transcript(messages).map((line, index) => {
    const message = messages[index]!;
    return message.kind === 'data-row' ? `row ${message.values[0]?.toString() ?? 'NULL'}` : line;
  });
}

beforeAll(async () => {
  folder = policyFolder([bySettings]);
  bouncer = await startPgBouncer({ mode: 'transaction', server: postgresServer(15) });
  proxy = await startProxy(15, {
    upstreamPort: bouncer.port,
    policies: folder.path,
    flags: () => ({ 'upstream.pooler': 'transaction' }),
  });
});
afterAll(async () => {
  await Promise.allSettled(direct.map((client) => client.end()));
  await proxy.stop();
  await bouncer.stop();
  folder.remove();
});

describe('prepared statements', () => {
  it('of one name are each session’s own, with its own masks and its own audit event', async () => {
    const [agent, seller] = [await as('agent'), await as('seller')];
    const text = `${emails} -- of one name`;
    for (let round = 0; round < 3; round++) {
      for (const [client, mask] of [
        [agent, 'agent'],
        [seller, 'seller'],
      ] as const) {
        const { rows } = await client.query<{ email: string }>({ name: 'n', text });
        expect(rows).toEqual([{ email: mask }]);
        const { rows: one } = await client.query<{ email: string }>({
          name: 'p',
          text: emailOf,
          values: [1],
        });
        expect(one).toEqual([{ email: mask }]);
      }
    }
    const roles = (await proxy.events())
      .filter(({ query_info: info }) => info?.query_string.startsWith(emailOf.slice(0, 30)))
      .map(({ unmapped }) => unmapped['role']);
    expect(new Set(roles)).toEqual(new Set(['agent', 'seller']));
  });

  it('without a name are not those that another session has left', async () => {
    const [agent, seller] = [await raw('agent'), await raw('counted')];
    agent.send(parse(emails), describeStatement(), sync);
    expect(await until(agent)).toContain('row-description');
    seller.send(parse('SELECT notes FROM customers LIMIT 1'), sync);
    await until(seller);
    agent.send(bind(), execute(), sync);
    expect(await until(agent)).toEqual(['bind-complete', 'row agent', 'complete SELECT 1', 'ready I']);
    for (const client of [agent, seller]) client.close();
  });

  it('that a client of PgBouncer has left are no statements of a session', async () => {
    const other = await besides();
    await other.query(`PREPARE left_here AS ${emails}`);
    const agent = await as('agent');
    await expect(agent.query('EXECUTE left_here')).rejects.toMatchObject({ code: '0A000' });
    const client = await raw('agent');
    for (const name of ['left_here', '']) {
      client.send(bind(name), execute(), sync);
      expect(await until(client)).toEqual(['error 26000', 'ready I']);
      client.send(describeStatement(name), sync);
      expect(await until(client)).toEqual(['error 26000', 'ready I']);
    }
    // And of its own statement of that name nothing meets the other.
    client.send(parse(emails, 'left_here'), sync, bind('left_here'), execute(), sync);
    expect(await until(client, 2)).toContain('row agent');
    client.close();
    expect((await other.query<{ email: string }>('EXECUTE left_here')).rows[0]?.email).toContain('@');
    await other.query('DEALLOCATE left_here');
  });

  it('are followed through pipelines, duplicates, failures and transactions as the server would', async () => {
    const client = await raw('agent');
    client.send(parse('SELECT 1', 'a'), parse('SELECT 2', 'b'), bind('a', 'x'), bind('b', 'y'));
    client.send(execute('x'), execute('y'), bind('a'), execute(), sync);
    expect((await until(client)).filter((line) => line.startsWith('row'))).toEqual([
      'row 1',
      'row 2',
      'row 1',
    ]);
    client.send(parse('SELECT 3', 'a'), bind('a'), execute(), sync, bind('a'), execute(), sync);
    const twice = await until(client, 2);
    expect(twice).toContain('error 42P05');
    expect(twice).toContain('row 1');
    client.send(parse('SELECT nothing', 'c'), sync, bind('c'), execute(), sync);
    expect(await until(client, 2)).toEqual(['error 42703', 'ready I', 'error 26000', 'ready I']);
    const close = (name: string) => ({ kind: 'close', target: 'statement', name }) as const;
    client.send(close('a'), parse('SELECT 4', 'a'), bind('a'), execute(), sync);
    expect(await until(client)).toContain('row 4');
    client.send(
      query('BEGIN'),
      bind('b'),
      execute(),
      sync,
      query('SELECT 1/0'),
      bind('b'),
      sync,
      query('ROLLBACK'),
    );
    const failed = await until(client, 5);
    expect(failed).toContain('row 2');
    expect(failed.filter((line) => line.startsWith('error'))).toEqual(['error 22012', 'error 25P02']);
    client.send(close('b'), bind('b'), sync, query('DEALLOCATE ALL'), bind('a'), sync);
    expect((await until(client, 3)).filter((line) => line.startsWith('error'))).toEqual([
      'error 26000',
      'error 26000',
    ]);
    client.close();
  });

  it('see a policy that changes meanwhile', async () => {
    const agent = await as('agent');
    const text = { name: 'later', text: emails };
    expect((await agent.query(text)).rows).toEqual([{ email: 'agent' }]);
    await agent.query("SET pgveil.role = 'seller'; SET pgveil.purpose = 'billing'");
    expect((await agent.query(text)).rows).toEqual([{ email: 'seller' }]);
  });
});

describe('what needs a server session of its own', () => {
  it.each([
    ['PREPARE p AS SELECT 1', 'Parse and Bind'],
    ['EXECUTE p', 'Parse and Bind'],
    ['EXPLAIN EXECUTE p', ''],
    ['DEALLOCATE p', 'Parse and Bind'],
    [`DECLARE c CURSOR WITH HOLD FOR ${emails}`, 'without WITH HOLD'],
    ['SET statement_timeout = 1000', 'SET LOCAL'],
    ['SET SESSION statement_timeout = 1000', 'SET LOCAL'],
    ['SET search_path = nowhere', 'SET LOCAL'],
    ['RESET search_path', 'SET LOCAL'],
    ['SET row_security TO DEFAULT', 'SET LOCAL'],
    ['SET extra_float_digits = 0', 'SET LOCAL'],
    ['SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY', 'SET TRANSACTION'],
    ["SELECT set_config('statement_timeout', '1000', false)", 'SET LOCAL'],
    ["SELECT set_config('search_path', 'nowhere', false)", 'SET LOCAL'],
    ['SELECT pg_advisory_lock(1)', 'pg_advisory_xact_lock'],
    ['SELECT pg_catalog.pg_try_advisory_lock(1, 2)', 'pg_advisory_xact_lock'],
    ['SELECT 1 WHERE pg_advisory_unlock(1)', 'pg_advisory_xact_lock'],
    ['INSERT INTO tickets (subject) SELECT pg_advisory_lock_shared(1)::text', 'pg_advisory_xact_lock'],
  ])('is refused: %s', async (sql, hint) => {
    const client = await as('agent');
    const refused = { code: hint === '' ? (expect.any(String) as string) : '0A000' };
    await expect(client.query(sql)).rejects.toMatchObject({
      ...refused,
      hint: expect.stringContaining(hint) as string,
    });
    await expect(client.query({ name: 'q', text: sql })).rejects.toMatchObject(refused);
    await client.query('BEGIN');
    await expect(client.query(sql)).rejects.toMatchObject(refused);
    await client.query('ROLLBACK');
    expect((await client.query(emails)).rows).toEqual([{ email: 'agent' }]);
    await client.end();
  });

  it.each([
    'BEGIN; SET LOCAL statement_timeout = 10000; COMMIT',
    "BEGIN; SELECT set_config('statement_timeout', '10000', true); COMMIT",
    `BEGIN; DECLARE c CURSOR FOR ${emails}; FETCH c; CLOSE c; COMMIT`,
    'BEGIN; SELECT pg_advisory_xact_lock(1); COMMIT',
    'BEGIN; SET TRANSACTION READ ONLY; SET CONSTRAINTS ALL DEFERRED; COMMIT',
    "SET TimeZone = 'UTC'; SET DateStyle = 'ISO'; SET application_name = 'x'; SET client_encoding = 'UTF8'",
    'SET standard_conforming_strings = on; SET extra_float_digits = 3; SET jit = off',
    'SELECT pg_advisory_unlock_all(); CLOSE ALL; UNLISTEN *; RESET ALL',
    'DISCARD ALL',
    'DEALLOCATE ALL',
  ])('goes on within a transaction, or where PgBouncer keeps it: %s', async (sql) => {
    const client = await as('agent');
    await client.query(sql);
    await client.end();
  });

  it('leaves no cursor that a later transaction could meet', async () => {
    const other = await besides();
    const agent = await as('agent');
    await agent.query(`BEGIN; DECLARE kept CURSOR FOR ${emails}; COMMIT`);
    await other.query(`DECLARE kept CURSOR WITH HOLD FOR SELECT email, card_number FROM customers, payments`);
    for (const sql of ['FETCH 1 FROM kept', 'BEGIN; FETCH 1 FROM kept', 'MOVE 1 FROM kept']) {
      await expect(agent.query(sql), sql).rejects.toMatchObject({ code: '34000' });
      await agent.query('ROLLBACK');
    }
    const client = await raw('agent');
    client.send(execute('kept'), sync, { kind: 'describe', target: 'portal', name: 'kept' }, sync);
    expect(await until(client, 2)).toEqual(['error 34000', 'ready I', 'error 34000', 'ready I']);
    client.close();
    await other.query('CLOSE kept');
  });
});

describe('settings', () => {
  it('of the claims are the session’s, and no other client of the server session reads them', async () => {
    const other = await besides();
    const [agent, seller] = [await as('agent'), await as('seller')];
    await agent.query(`SELECT set_config('pgveil.actor', '{"name": "someone"}', false)`);
    await agent.query(`SET pgveil.actor = '{"name": "someone else"}'`);
    for (const name of ['role', 'purpose', 'actor']) {
      const setting = `current_setting('pgveil.${name}', true)`;
      const { rows } = await other.query(`SELECT coalesce(${setting}, '') AS is`);
      expect(rows, name).toEqual([{ is: '' }]);
      const read = await seller.query(`SELECT coalesce(${setting}, '') AS is, 1`);
      expect((read.rows[0] as { is: string }).is, name).toBe('');
    }
    expect((await agent.query('SHOW pgveil.role')).rows).toEqual([{ 'pgveil.role': 'agent' }]);
    expect((await seller.query('SHOW pgveil.role')).rows).toEqual([{ 'pgveil.role': 'seller' }]);
    expect((await agent.query('SHOW pgveil.actor')).rows).toEqual([
      { 'pgveil.actor': '{"name": "someone else"}' },
    ]);
    await agent.query("BEGIN; SET LOCAL pgveil.role = 'seller'; SET LOCAL pgveil.purpose = 'billing'");
    expect((await agent.query(emails)).rows).toEqual([{ email: 'seller' }]);
    await agent.query('COMMIT');
    expect((await agent.query(emails)).rows).toEqual([{ email: 'agent' }]);
    expect((await other.query("SELECT current_setting('pgveil.role', true) AS is")).rows).toEqual([
      { is: '' },
    ]);
  });

  it('that the lexer relies on hold on every server session, whoever has turned them off there', async () => {
    const other = await besides();
    const agent = await as('agent');
    const text = String.raw`SELECT length('a\b') AS n, current_setting('standard_conforming_strings') AS is`;
    for (let round = 0; round < 3; round++) {
      await other.query('SET standard_conforming_strings = off; SET search_path = nowhere');
      expect((await agent.query(text)).rows).toEqual([{ n: 3, is: 'on' }]);
      expect((await agent.query({ name: 's', text })).rows).toEqual([{ n: 3, is: 'on' }]);
      expect((await agent.query(emails)).rows).toEqual([{ email: 'agent' }]);
      expect((await other.query('SHOW standard_conforming_strings')).rows).toEqual([
        { standard_conforming_strings: 'off' },
      ]);
      // A session that begins now has the search_path of its login.
      expect((await (await as('seller')).query(emails)).rows).toEqual([{ email: 'seller' }]);
    }
    await other.query('DISCARD ALL');
    await agent.query("SET TimeZone = 'Asia/Tokyo'");
    expect((await other.query('SHOW TimeZone')).rows).not.toEqual([{ TimeZone: 'Asia/Tokyo' }]);
    expect((await agent.query('SHOW TimeZone')).rows).toEqual([{ TimeZone: 'Asia/Tokyo' }]);
  });
});

it('counts rows against limits, in both protocols, beside another session', async () => {
  const [counted, agent] = [await as('counted'), await as('agent')];
  const three = 'SELECT id FROM customers ORDER BY id LIMIT 3';
  for (let round = 0; round < 3; round++) {
    await expect(counted.query(three)).rejects.toMatchObject({
      message: expect.stringContaining('rows') as string,
    });
    expect((await agent.query(three)).rowCount).toBe(3);
    await expect(counted.query({ name: 'n', text: three })).rejects.toMatchObject({ code: '42501' });
    expect((await agent.query({ name: 'n', text: three })).rowCount).toBe(3);
    expect((await counted.query('SELECT id FROM customers LIMIT 2')).rowCount).toBe(2);
    const two = (await counted.query('SELECT 1; SELECT id FROM customers LIMIT 1')) as unknown;
    expect(two).toHaveLength(2);
  }
});

it('copies both ways, and gives the server session back', async () => {
  const client = await raw('agent');
  client.send(query('COPY (SELECT email FROM customers ORDER BY id LIMIT 1) TO STDOUT'));
  expect(await until(client)).toContain('copy-data');
  const agent = await as('agent');
  expect((await agent.query(emails)).rows).toEqual([{ email: 'agent' }]);
  client.close();
});
