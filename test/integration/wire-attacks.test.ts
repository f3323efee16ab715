/** Attempts of an insider who writes messages by hand: names, limits and the audit of what was refused. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { FrontendMessage } from '../../src/wire/frontend-message.js';
import { bySettings, policyFolder } from './claims/support.js';
import { passwords } from '../support/databases.js';
import { limitedPolicies } from '../support/limited-policies.js';
import { startProxy, type Proxy } from '../support/proxy.js';
import { postgresVersions } from '../support/servers.js';
import {
  bind,
  copyData,
  copyDone,
  describeStatement,
  execute,
  parse,
  query,
  RawClient,
  sync,
  transcript,
} from './session/support.js';

describe.each(postgresVersions)('messages by hand on PostgreSQL %i', (version) => {
  let proxy: Proxy;
  const policies = limitedPolicies();
  beforeAll(async () => {
    proxy = await startProxy(version, {
      policies: policies.path,
      setup: async (db) => {
        await db.query('CREATE TABLE drafts (id int); GRANT ALL ON drafts TO crm_support', 'crm_admin');
      },
    });
  });
  afterAll(async () => {
    await proxy.stop();
    policies.remove();
  });

  const open = (): Promise<RawClient> =>
    RawClient.login(
      { host: '127.0.0.1', port: proxy.app.ports.proxy },
      { user: 'crm_support', database: proxy.db.name },
      passwords.crm_support,
    );
  const say = async (client: RawClient, ...messages: FrontendMessage[]): Promise<string> => {
    client.messages.length = 0;
    client.send(...messages);
    return transcript(await client.until('ready-for-query')).join(' | ');
  };
  const all = query('SELECT id FROM customers ORDER BY id');
  const stopped = 'row-description | data-row | data-row | error 42501 | ready I';

  // What a stopped Query leaves on the server ran under the name of the client's own: not counted, audited as another text.
  test.each<[string, FrontendMessage[]]>([
    ['Parse', [parse('SELECT 1', 'pgveil_counted'), sync]],
    ['PREPARE', [query('PREPARE pgveil_counted AS SELECT 1')]],
    ['a portal', [parse('SELECT 1'), bind('', 'pgveil_counted'), sync]],
    ['a cursor', [query('DECLARE pgveil_counted CURSOR WITH HOLD FOR SELECT 1')]],
  ])("nobody makes anything of the proxy's own names: %s", async (_what, messages) => {
    const client = await open();
    expect(await say(client, ...messages)).toContain('error 42939');
    expect(await say(client, all)).toBe(stopped);
    for (const use of [
      [bind('pgveil_counted'), execute(), sync],
      [describeStatement('pgveil_counted'), sync],
      [query('EXECUTE pgveil_counted')],
    ])
      expect(await say(client, ...use)).toBe('error 26000 | ready I');
    expect(await say(client, query('FETCH ALL FROM pgveil_counted'))).toBe('error 34000 | ready I');
    client.close();
  });

  test.each([
    ['and closed behind', '; CLOSE c'],
    ['and all portals closed behind', '; CLOSE ALL'],
    ['and declared again behind', '; CLOSE c; DECLARE c CURSOR FOR SELECT 1'],
  ])('fetches of a cursor in one text count together, %s', async (_what, end) => {
    const client = await open();
    const begin = 'BEGIN; DECLARE c CURSOR FOR SELECT id FROM customers; FETCH 2 FROM c; FETCH 2 FROM c';
    const told = await say(client, query(begin + end));
    expect(told.match(/data-row/g)).toHaveLength(2);
    expect(told).toContain('error 42501 | ready E');
    client.close();
  });

  test('a cursor of the same name is another statement', async () => {
    const client = await open();
    const cursor = 'DECLARE c CURSOR FOR SELECT id FROM customers; FETCH 2 FROM c; CLOSE c;';
    const told = await say(client, query(`BEGIN; ${cursor} ${cursor} COMMIT`));
    expect(told.match(/data-row/g)).toHaveLength(4);
    expect(told).toMatch(/ready I$/);
    client.close();
  });

  // Parse takes any statement, and SQL's EXECUTE runs it: its effect on the session was not followed, its source not counted.
  test.each([
    'FETCH ALL FROM c',
    'EXECUTE whole',
    'COPY customers (id) TO STDOUT',
    'DEALLOCATE whole',
    'PREPARE other AS SELECT id FROM customers',
    'DECLARE d CURSOR WITH HOLD FOR SELECT id FROM customers',
    'SET search_path = public',
    "SELECT set_config('search_path', 'public', false)",
    'COMMIT',
    'DISCARD ALL',
  ])('EXECUTE runs only what PREPARE could have prepared: %s', async (sql) => {
    const client = await open();
    await say(
      client,
      query(
        'BEGIN; DECLARE c CURSOR FOR SELECT id FROM customers; PREPARE whole AS SELECT id FROM customers',
      ),
    );
    expect(await say(client, parse(sql, 'hidden'), sync)).toBe('parse-complete | ready T');
    expect(await say(client, query('EXECUTE hidden'))).toBe('error 26000 | ready E');
    expect(await say(client, query('PREPARE hides AS EXECUTE hidden'))).toMatch(/^error \w+ \| ready E$/);
    await say(client, query('ROLLBACK'));
    expect(await say(client, parse('EXECUTE hidden'), bind(), execute(), sync)).toBe(
      'parse-complete | bind-complete | error 26000 | ready I',
    );
    client.close();
  });

  test('EXECUTE runs what the protocol has prepared, and counts it', async () => {
    const client = await open();
    await say(client, parse('SELECT id FROM customers', 'q'), sync);
    expect(await say(client, query('EXECUTE q'))).toBe(stopped);
    client.close();
  });

  test('COPY data that a counted text is not ready for waits for its COPY, and is not lost in silence', async () => {
    const text = 'SELECT 1; COPY drafts FROM STDIN; SELECT 2; COPY drafts FROM STDIN';
    const early = await open();
    early.send(query(text), copyData('1\n'), copyDone, copyData('2\n'), copyData('3\n'), copyDone);
    expect(transcript(await early.until('ready-for-query'))).toEqual(
      expect.arrayContaining(['complete COPY 1', 'complete COPY 2', 'ready I']),
    );
    early.close();
    const client = await open();
    client.send(query(text));
    await client.until('copy-in-response');
    client.send(copyData('1\n'), copyDone);
    await client.until('copy-in-response', 2);
    client.send(copyData('2\n'), copyData('3\n'), copyDone);
    expect(transcript(await client.until('ready-for-query'))).toContain('complete COPY 2');
    // The server fails in the first COPY, and the client does not know that yet.
    client.messages.length = 0;
    client.send(query(text));
    await client.until('copy-in-response');
    client.send(copyData('no number\n'));
    await client.until('error-response');
    client.send(copyData('1\n'), copyDone);
    await client.until('ready-for-query');
    expect(await say(client, query('SELECT count(*) FROM drafts'))).toMatch(/ready I$/);
    client.close();
  });

  test('another message in the middle of COPY data ends the session, as the server does', async () => {
    const client = await open();
    await say(client, query("SET application_name = 'x'"));
    client.messages.length = 0;
    client.send(query('COPY drafts FROM STDIN'));
    await client.until('copy-in-response');
    client.send(copyData('1\n'), query('BEGIN; SELECT 1'), copyDone);
    expect(transcript(await client.untilClosed()).at(-1)).toBe('error 08P01');
  });

  test('a refused statement of the extended protocol is one event, whatever stands behind it', async () => {
    const client = await open();
    expect(
      await say(
        client,
        parse('DROP TABLE customers'),
        bind(),
        describeStatement(),
        execute(),
        parse('SELECT 1'),
        sync,
      ),
    ).toBe('error 42501 | ready I');
    expect(await say(client, query('SELECT 2'))).toContain('ready I');
    const told = async (): Promise<unknown[]> => {
      const texts = (await proxy.events()).map((event) => event.query_info?.query_string);
      return texts.includes('DROP TABLE customers') ? texts.slice(texts.indexOf('DROP TABLE customers')) : [];
    };
    await expect.poll(told).toEqual(['DROP TABLE customers', 'SELECT ?']);
    client.close();
  });
});

describe.each(postgresVersions)('cursors and a change of the claim on PostgreSQL %i', (version) => {
  const policies = policyFolder([bySettings]);
  let proxy: Proxy;
  beforeAll(async () => {
    proxy = await startProxy(version, { policies: policies.path });
  });
  afterAll(async () => {
    await proxy.stop();
    policies.remove();
  });

  // The row is withheld from the new role, and was deleted all the same.
  test.each([
    'DELETE FROM tickets WHERE CURRENT OF c',
    'UPDATE tickets SET region = region WHERE CURRENT OF c',
    'WITH gone AS (DELETE FROM tickets WHERE CURRENT OF c RETURNING id) SELECT count(*) FROM gone',
    'PREPARE w AS DELETE FROM tickets WHERE CURRENT OF c; EXECUTE w',
  ])('nothing is written through the cursor of another role: %s', async (sql) => {
    const client = await proxy.connect('crm_support');
    await client.query(
      "BEGIN; SET LOCAL pgveil.role = 'agent'; DECLARE c CURSOR FOR SELECT id FROM tickets; MOVE 1 FROM c",
    );
    await client.query("SET LOCAL pgveil.role = 'regional'");
    await expect(client.query(sql)).rejects.toMatchObject({ code: '34000' });
    await client.query('ROLLBACK');
  });

  test('the role that has opened it writes through it', async () => {
    const client = await proxy.connect('crm_support');
    await client.query(
      "BEGIN; SET LOCAL pgveil.role = 'agent'; DECLARE c CURSOR FOR SELECT id FROM tickets; MOVE 1 FROM c",
    );
    expect((await client.query('UPDATE tickets SET region = region WHERE CURRENT OF c')).rowCount).toBe(1);
    await client.query('ROLLBACK');
  });
});
