/**
 * Attempts of an insider who writes messages by hand to have rows that are not counted, a statement that is taken for
 * another, or answers out of step: each ends as the same statement written plainly does.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { FrontendMessage } from '../../../src/wire/frontend-message.js';
import { passwords, type TestRole } from '../../support/databases.js';
import { limitedPolicies } from '../../support/limited-policies.js';
import { type Proxy, startProxy } from '../../support/proxy.js';
import { postgresVersions } from '../../support/servers.js';
import {
  bind,
  copyData,
  copyDone,
  execute,
  flush,
  parse,
  query,
  RawClient,
  sync,
  transcript,
} from '../session/support.js';

const deferred = `CREATE TABLE parents (id int PRIMARY KEY);
  CREATE TABLE children (id int, parent int REFERENCES parents DEFERRABLE INITIALLY DEFERRED);
  GRANT ALL ON parents, children TO crm_support`;
/** Its implicit transaction fails when it is committed. */
const fails = 'INSERT INTO children VALUES (1, 7)';

describe.each(postgresVersions)('an insider with messages on PostgreSQL %i', (version) => {
  let proxy: Proxy;
  const policies = limitedPolicies();
  beforeAll(async () => {
    proxy = await startProxy(version, {
      policies: policies.path,
      setup: async (db) => {
        await db.query(deferred, 'crm_admin');
      },
    });
  });
  afterAll(async () => {
    await proxy.stop();
    policies.remove();
  });

  const open = (user: TestRole = 'crm_support'): Promise<RawClient> =>
    RawClient.login(
      { host: '127.0.0.1', port: proxy.app.ports.proxy },
      { user, database: proxy.db.name },
      passwords[user],
    );
  const say = async (client: RawClient, ...messages: FrontendMessage[]): Promise<string> => {
    client.messages.length = 0;
    client.send(...messages);
    return transcript(await client.until('ready-for-query')).join(' | ');
  };
  const rowsOf = (told: string): number => told.match(/data-row/g)?.length ?? 0;

  test.each<[string, FrontendMessage[][]]>([
    [
      'Execute of a cursor that DECLARE has made',
      [[query('BEGIN; DECLARE c CURSOR FOR SELECT id FROM customers')], [execute('c'), sync]],
    ],
    [
      'one row after another of such a cursor',
      [
        [query('BEGIN; DECLARE c CURSOR FOR SELECT id FROM customers')],
        [execute('c', 1), execute('c', 1), execute('c', 1), sync],
      ],
    ],
    [
      'Execute and FETCH of such a cursor',
      [
        [query('BEGIN; DECLARE c CURSOR FOR SELECT id FROM customers')],
        [execute('c', 1), sync],
        [query('FETCH 2 FROM c')],
      ],
    ],
    [
      'Bind of what PREPARE has made',
      [[query('PREPARE q AS SELECT id FROM customers')], [bind('q'), execute(), sync]],
    ],
    [
      'the rest of an EXECUTE whose name stands for another statement now',
      [
        [query('BEGIN; PREPARE q AS SELECT id FROM customers')],
        [parse('EXECUTE q'), bind('', 'x'), execute('x', 1), sync],
        [query('DEALLOCATE q; PREPARE q AS SELECT 1')],
        [execute('x'), sync],
      ],
    ],
    [
      'the rest of a FETCH whose cursor is another now',
      [
        [query('BEGIN; DECLARE c CURSOR FOR SELECT id FROM customers')],
        [parse('FETCH ALL FROM c'), bind('', 'x'), execute('x', 1), sync],
        [query('CLOSE c; DECLARE c CURSOR FOR SELECT 1')],
        [execute('x'), sync],
      ],
    ],
    [
      'FETCH from a portal of EXECUTE',
      [
        [query('BEGIN; PREPARE q AS SELECT id FROM customers')],
        [parse('EXECUTE q'), bind('', 'x'), sync],
        [query('FETCH ALL FROM x')],
      ],
    ],
    [
      'FETCH from a portal of FETCH',
      [
        [query('BEGIN; DECLARE c CURSOR FOR SELECT id FROM customers')],
        [parse('FETCH ALL FROM c'), bind('', 'x'), sync],
        [query('FETCH ALL FROM x')],
      ],
    ],
    [
      'a name that a failed commit has left with another statement',
      [
        [query('PREPARE q AS SELECT 1')],
        [query(`${fails}; DEALLOCATE q`)],
        [query(`${fails}; PREPARE q AS SELECT id FROM customers`)],
        [query('EXECUTE q')],
      ],
    ],
    [
      'a statement that a failed commit has not made',
      [
        [parse('SELECT 1', 'q'), sync],
        [query(`${fails}; DEALLOCATE ALL`)],
        [query(`${fails}; PREPARE q AS SELECT id FROM customers`)],
        [bind('q'), execute(), sync],
      ],
    ],
  ])('rows are counted: %s', async (_what, steps) => {
    const client = await open();
    let told = '';
    let rows = 0;
    for (const step of steps) {
      told = await say(client, ...step);
      rows += rowsOf(told);
    }
    expect(rows).toBeLessThanOrEqual(2);
    expect(told).toMatch(/error (42501|34000|26000)/);
    client.close();
  });

  test('a portal reads on from the statement that it has begun with', async () => {
    const client = await open('crm_marketing');
    await say(client, query('BEGIN; PREPARE q AS SELECT generate_series(1, 5)'));
    expect(await say(client, parse('EXECUTE q'), bind('', 'x'), execute('x', 2), sync)).toContain(
      'suspended',
    );
    expect(await say(client, execute('x', 2), sync)).toBe('data-row | data-row | portal-suspended | ready T');
    expect(await say(client, execute('x', 2), sync)).toBe('data-row | complete SELECT 1 | ready T');
    client.close();
  });

  test.each([
    ['PREPARE q AS SELECT 2', 'error 42P05', 'EXECUTE q'],
    ['BEGIN; SELECT 1/0; DEALLOCATE q', 'error 22012', 'ROLLBACK; EXECUTE q'],
    ['SELECT 1; DISCARD ALL', 'error 25001', 'EXECUTE q'],
  ])('a name that nothing can have happened to is kept: %s', async (sql, error, use) => {
    const client = await open('crm_marketing');
    await say(client, query('PREPARE q AS SELECT 1'));
    expect(await say(client, query(sql))).toContain(error);
    expect(await say(client, query(use))).toContain('data-row | complete SELECT 1 | ready I');
    client.close();
  });

  test('a commit that fails behind a counted text is answered once', async () => {
    const client = await open();
    expect(await say(client, query(`${fails} RETURNING id`))).toBe(
      'row-description | data-row | complete INSERT 0 1 | error 23503 | ready I',
    );
    expect(await say(client, query('SELECT 1'))).toBe(
      'row-description | data-row | complete SELECT 1 | ready I',
    );
    client.close();
  });

  // At a COPY message the server reports a timer that has run out with a ReadyForQuery that nobody has asked for.
  test.each<[string, FrontendMessage]>([
    ['CopyDone', copyDone],
    ['CopyData', copyData('1\n')],
    ['CopyFail', { kind: 'copy-fail', reason: 'no reason' }],
  ])('%s outside of COPY does not put answers out of step', async (_kind, stray) => {
    const client = await open('crm_marketing');
    await say(client, query('SET statement_timeout = 60'));
    client.messages.length = 0;
    client.send(parse('SELECT 1'), flush);
    await client.until('parse-complete');
    await new Promise((resolve) => setTimeout(resolve, 150));
    const batch = (text: string): FrontendMessage[] => [parse(`SELECT '${text}'`), bind(), execute(), sync];
    client.send(stray, ...batch('two'), ...batch('three'), ...batch('four'));
    await client.until('ready-for-query', 3);
    const all = 'parse-complete | bind-complete | data-row | complete SELECT 1 | ready I';
    expect(transcript(client.messages).join(' | ')).toBe(
      `parse-complete | error 57014 | ready I | ${all} | ${all}`,
    );
    client.close();
  });
});
