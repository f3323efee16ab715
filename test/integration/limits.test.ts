/** Row limits of a role through the whole proxy: no row beyond them reaches the client, and nothing it did stays. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startProxy, type Proxy } from '../support/proxy.js';
import { postgresVersions } from '../support/servers.js';
import { passwords } from '../support/databases.js';
import { RawClient } from './limits/raw-client.js';

function policyWith(support: string, marketing?: string): string {
  const add = (text: string, role: string, limits: string): string =>
    text.replace(
      `  ${role}:\n    purposes: [${role}]\n`,
      `  ${role}:\n    purposes: [${role}]\n    limits: ${limits}\n`,
    );
  const text = add(readFileSync('policies/crm.yaml', 'utf8'), 'support', support);
  return marketing === undefined ? text : add(text, 'marketing', marketing);
}

describe.each(postgresVersions)('row limits on PostgreSQL %i', (version) => {
  let proxy: Proxy;
  const folder = mkdtempSync(join(tmpdir(), 'pgveil-limits-'));
  const setLimits = async (support: string, marketing?: string): Promise<void> => {
    writeFileSync(join(folder, 'crm.yaml'), policyWith(support, marketing));
    expect(await proxy.app.reload()).toEqual([]);
  };

  beforeAll(async () => {
    writeFileSync(join(folder, 'crm.yaml'), policyWith('{ rows_per_statement: 3 }'));
    proxy = await startProxy(version, { policies: folder });
    await proxy.db.query(
      `CREATE TABLE wide (id int PRIMARY KEY, body text); INSERT INTO wide SELECT g, repeat('x', 2000) FROM generate_series(1, 20000) g;
       CREATE TABLE notes (id int PRIMARY KEY, body text);
       INSERT INTO notes SELECT g, 'n' || g FROM generate_series(1, 10) g;
       GRANT ALL ON wide, notes TO crm_support, crm_marketing`,
      'crm_admin',
    );
    await proxy.app.reload();
  });
  afterAll(async () => {
    await proxy.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const raw = (user: 'crm_support' | 'crm_marketing' = 'crm_support'): Promise<RawClient> =>
    RawClient.connect(proxy.app.ports.proxy, { user, database: proxy.db.name, password: passwords[user] });
  const failsBy = { code: '42501', detail: expect.stringContaining('limits.rows_per_statement') as string };
  const notes = async (): Promise<number> => (await proxy.db.query('SELECT FROM notes')).rowCount ?? -1;

  test('a result within the limit is whole, in both protocols', async () => {
    const client = await proxy.connect('crm_support');
    expect((await client.query('SELECT id FROM notes ORDER BY id LIMIT 3')).rows).toHaveLength(3);
    const extended = await client.query('SELECT id FROM notes ORDER BY id LIMIT $1', [3]);
    expect([extended.rows.length, extended.rowCount, extended.command]).toEqual([3, 3, 'SELECT']);
  });

  test.each([
    'SELECT id FROM notes ORDER BY id',
    'SELECT * FROM wide',
    'TABLE notes',
    'SELECT 1 FROM notes a, notes b',
    'WITH w AS (SELECT id FROM notes) SELECT * FROM w UNION ALL VALUES (1)',
    'INSERT INTO notes SELECT id + 100, body FROM notes RETURNING id',
    'UPDATE notes SET body = body RETURNING id',
    'DELETE FROM notes RETURNING id',
    'INSERT INTO notes SELECT id, body FROM notes ON CONFLICT (id) DO UPDATE SET body = EXCLUDED.body RETURNING id',
  ])('a simple Query delivers three rows and fails: %s', async (sql) => {
    const client = await raw();
    const answer = await client.query(sql);
    expect(answer.rows).toBe(3);
    expect(answer.errors).toMatchObject([failsBy]);
    expect(answer.tags).toEqual([]);
    expect(answer.status).toBe('I');
    expect(await notes()).toBe(10);
    expect((await client.query('SELECT id FROM notes WHERE id = 1')).rows).toBe(1);
    client.end();
  });

  test.each([
    'SELECT id FROM notes ORDER BY id',
    'SELECT * FROM wide',
    'INSERT INTO notes SELECT id + 100, body FROM notes RETURNING id',
    'DELETE FROM notes RETURNING id',
  ])(
    'the extended protocol delivers three rows and fails, also with a pipeline behind it: %s',
    async (sql) => {
      const client = await raw();
      client.extended(sql, { sync: false });
      client.extended("INSERT INTO notes VALUES (777, 'must not run')", { sync: true });
      client.extended('SELECT id FROM notes WHERE id = 2', { sync: true });
      const first = await client.answer();
      expect(first).toMatchObject({ rows: 3, errors: [failsBy], tags: [], status: 'I' });
      expect(await client.answer()).toMatchObject({ rows: 1, errors: [], status: 'I' });
      expect(await notes()).toBe(10);
      client.end();
    },
  );

  test('a transaction fails as by any error, and a savepoint brings it back', async () => {
    const client = await raw();
    await client.query('BEGIN');
    await client.query("INSERT INTO notes VALUES (500, 'in a transaction')");
    await client.query('SAVEPOINT s');
    expect(await client.query('SELECT * FROM notes')).toMatchObject({
      rows: 3,
      errors: [failsBy],
      status: 'E',
    });
    expect(await client.query('SELECT 1 FROM notes LIMIT 1')).toMatchObject({
      errors: [{ code: '25P02' }],
      status: 'E',
    });
    expect((await client.query('ROLLBACK TO s')).status).toBe('T');
    expect(await client.query('SELECT id FROM notes WHERE id = 500')).toMatchObject({ rows: 1, status: 'T' });
    expect(await client.query('SELECT * FROM notes')).toMatchObject({ errors: [failsBy], status: 'E' });
    expect((await client.query('COMMIT')).tags).toEqual(['ROLLBACK']);
    expect(await notes()).toBe(10);
    client.end();
  });

  test('a text of several statements is one transaction: the write before the long result is undone', async () => {
    const client = await raw();
    const text =
      "INSERT INTO notes VALUES (600, 'x'); SELECT id FROM notes WHERE id < 3; SELECT * FROM notes; SELECT 1";
    expect(await client.query(text)).toMatchObject({
      rows: 5,
      tags: ['INSERT 0 1', 'SELECT 2'],
      errors: [failsBy],
      status: 'I',
    });
    expect(await notes()).toBe(10);
    const fine =
      "INSERT INTO notes VALUES (601, 'x'); SELECT id FROM notes WHERE id < 3; DELETE FROM notes WHERE id = 601 RETURNING id";
    expect(await client.query(fine)).toMatchObject({
      tags: ['INSERT 0 1', 'SELECT 2', 'DELETE 1'],
      errors: [],
      status: 'I',
    });
    expect(await client.query('BEGIN; SELECT id FROM notes LIMIT 1; COMMIT')).toMatchObject({
      tags: ['BEGIN', 'SELECT 1', 'COMMIT'],
      status: 'I',
    });
    client.end();
  });

  test('COPY TO STDOUT counts rows and not lines, and the data does not look finished', async () => {
    const client = await raw();
    for (const sql of [
      'COPY notes TO STDOUT',
      "COPY (SELECT id, E'a\\nb' FROM notes) TO STDOUT (FORMAT csv)",
      'COPY wide TO STDOUT',
    ]) {
      const answer = await client.query(sql);
      expect(answer).toMatchObject({ copied: 3, copyDone: false, errors: [failsBy], tags: [], status: 'I' });
    }
    expect(await client.query('COPY (SELECT id FROM notes WHERE id < 4) TO STDOUT')).toMatchObject({
      copied: 3,
      copyDone: true,
      tags: ['COPY 3'],
    });
    client.extended('COPY notes TO STDOUT', { sync: true });
    expect(await client.answer()).toMatchObject({ copied: 3, copyDone: false, errors: [failsBy] });
    client.end();
  });

  test('COPY FROM STDIN works in both protocols', async () => {
    const client = await raw();
    expect(
      await client.copyIn('COPY notes FROM STDIN', ['700\ta\n701\tb\n', '702\tc\n703\td\n']),
    ).toMatchObject({ tags: ['COPY 4'], status: 'I' });
    expect(await client.copyIn('COPY notes FROM STDIN', ['700\ta\n'])).toMatchObject({
      errors: [{ code: '23505' }],
      status: 'I',
    });
    expect(await client.query('DELETE FROM notes WHERE id >= 700')).toMatchObject({ tags: ['DELETE 4'] });
    client.end();
  });

  test('the fetches of a cursor count together, in SQL and as a portal', async () => {
    const client = await raw();
    await client.query('BEGIN');
    await client.query('DECLARE c SCROLL CURSOR FOR SELECT id FROM notes ORDER BY id');
    expect(await client.query('FETCH 2 FROM c')).toMatchObject({ rows: 2, errors: [], status: 'T' });
    expect(await client.query('FETCH 1 FROM c')).toMatchObject({ rows: 1, errors: [], status: 'T' });
    expect(await client.query('FETCH BACKWARD 1 FROM c')).toMatchObject({
      rows: 0,
      errors: [failsBy],
      status: 'E',
    });
    await client.query('ROLLBACK');
    await client.query('BEGIN');
    client.parseBind('SELECT id FROM notes ORDER BY id', 'p');
    client.execute('p', 2).execute('p', 1).execute('p', 1).sync();
    expect(await client.answer()).toMatchObject({ rows: 3, suspended: 2, errors: [failsBy], status: 'E' });
    await client.query('ROLLBACK');
    client.end();
  });

  test('a cursor WITH HOLD keeps its count behind its transaction', async () => {
    const client = await raw();
    await client.query('BEGIN; DECLARE h CURSOR WITH HOLD FOR SELECT id FROM notes; COMMIT');
    expect(await client.query('FETCH 3 FROM h')).toMatchObject({ rows: 3, errors: [] });
    expect(await client.query('FETCH 1 FROM h')).toMatchObject({ rows: 0, errors: [failsBy], status: 'I' });
    client.end();
  });

  test('EXECUTE counts as its prepared statement does', async () => {
    const client = await raw();
    await client.query('PREPARE q AS SELECT id FROM notes');
    expect(await client.query('EXECUTE q')).toMatchObject({ rows: 3, errors: [failsBy] });
    expect(await client.query('EXECUTE pgveil_counted')).toMatchObject({
      rows: 0,
      errors: [{ code: '26000' }],
    });
    client.end();
  });

  test("the catalogs that drivers read are not counted, and the client's errors stay PostgreSQL's", async () => {
    const client = await raw();
    expect(await client.query('SELECT oid FROM pg_catalog.pg_type')).toMatchObject({ errors: [] });
    expect(await client.query('SELECT nothing FROM notes')).toMatchObject({
      errors: [{ code: '42703' }],
      status: 'I',
    });
    expect(await client.query('SELECT 1 / (id - 2) FROM notes ORDER BY id')).toMatchObject({
      rows: 1,
      errors: [{ code: '22012' }],
      status: 'I',
    });
    expect(await client.query('')).toMatchObject({ empty: 1, status: 'I' });
    client.end();
  });

  test('the audit says that it was refused, and how many rows went out', async () => {
    const client = await proxy.connect('crm_support');
    await expect(client.query('SELECT body /* audited */ FROM notes')).rejects.toMatchObject({
      code: '42501',
    });
    await expect
      .poll(async () =>
        (await proxy.events()).find((event) => event.query_info?.query_string.startsWith('SELECT body')),
      )
      .toMatchObject({
        action_id: 2,
        unmapped: {
          rows: 3,
          rules: expect.arrayContaining(['roles.support.limits.rows_per_statement']) as unknown,
        },
      });
  });

  test('a reload changes the limit of a session and of its prepared statement', async () => {
    const client = await proxy.connect('crm_support');
    const all = { name: 'all', text: 'SELECT id FROM notes' };
    await expect(client.query(all)).rejects.toMatchObject({ code: '42501' });
    await setLimits('{ rows_per_statement: 10 }');
    expect((await client.query(all)).rows).toHaveLength(10);
    await setLimits('{ rows_per_statement: 3 }');
    await expect(client.query(all)).rejects.toMatchObject({ code: '42501' });
  });

  test('the hour counts over connections, refuses what only reads, and lets writes run that show nothing', async () => {
    const clients = [await proxy.connect('crm_support'), await proxy.connect('crm_support')];
    // Earlier tests have used up some of this user's hour.
    await setLimits('{ rows_per_hour: 100000 }');
    await clients[0]!.query('SELECT id FROM wide LIMIT 500');
    await setLimits('{ rows_per_hour: 5 }');
    for (const client of clients) {
      await expect(client.query('SELECT id FROM notes')).rejects.toMatchObject({
        code: '42501',
        detail: expect.stringContaining('rows_per_hour') as string,
        hint: expect.stringMatching(/from \d{4}-\d\d-\d\d \d\d:\d\d UTC on/) as string,
      });
    }
    await clients[0]!.query("INSERT INTO notes VALUES (800, 'x')");
    await expect(
      clients[0]!.query("UPDATE notes SET body = 'y' WHERE id = 800 RETURNING id"),
    ).rejects.toMatchObject({ code: '42501' });
    expect((await proxy.db.query('SELECT body FROM notes WHERE id = 800')).rows).toEqual([{ body: 'x' }]);
    await clients[1]!.query('DELETE FROM notes WHERE id = 800');
    await setLimits('{ rows_per_statement: 3 }');
  });

  test('statements at the same time do not share out more than the hour has, and the role counts for itself', async () => {
    await setLimits('{ rows_per_statement: 3 }', '{ rows_per_hour: 1000 }');
    const clients = await Promise.all([1, 2, 3, 4].map(() => raw('crm_marketing')));
    const answers = await Promise.all(clients.map((client) => client.query('SELECT id FROM wide LIMIT 600')));
    expect(answers.reduce((sum, answer) => sum + answer.rows, 0)).toBe(1000);
    expect(answers.filter((answer) => answer.errors.length > 0)).not.toEqual([]);
    for (const client of clients) client.end();
    await setLimits('{ rows_per_statement: 3 }');
  });
});
