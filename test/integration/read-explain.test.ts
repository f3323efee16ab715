/**
 * EXPLAIN discloses nothing: the same lines over two databases that differ only in what the policy hides, no number, no text
 * of the policy, and no run of the statement. Over open tables the server's own plan comes.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { governed, Refused, type Governed } from '../support/governed.js';
import { otherPeople, otherSecrets } from '../support/hidden.js';

const explained = [
  'EXPLAIN SELECT * FROM customers',
  'EXPLAIN VERBOSE SELECT notes FROM customers WHERE notes::int > 0',
  'EXPLAIN (COSTS OFF, VERBOSE) SELECT * FROM customers c JOIN orders o ON o.customer_id = c.id',
  'EXPLAIN (FORMAT JSON) SELECT email FROM customers GROUP BY email',
  "EXPLAIN (FORMAT 'json', SETTINGS) TABLE customers",
  'EXPLAIN (SELECT id FROM customers ORDER BY email)',
  'EXPLAIN (SUMMARY) (SELECT id FROM customers) UNION SELECT id FROM orders',
  'EXPLAIN WITH x AS (SELECT * FROM customers) SELECT * FROM x WHERE id = 5 FOR UPDATE',
  'EXPLAIN SELECT 1 / (id - 5) FROM customers',
  'EXPLAIN SELECT c, c.email, (SELECT count(*) FROM products) FROM public.customers c GROUP BY c.id',
  'EXPLAIN SELECT relname FROM pg_class WHERE relname = $$customers$$',
  'EXPLAIN SELECT * FROM customer_directory',
  'EXPLAIN SELECT id FROM customers ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED',
] as const;

const refused = [
  'EXPLAIN ANALYZE SELECT * FROM customers',
  'EXPLAIN (ANALYZE) SELECT 1',
  'EXPLAIN (ANALYZE false) SELECT * FROM customers',
  'EXPLAIN (BUFFERS, WAL) SELECT 1',
  'EXPLAIN (FORMAT XML) SELECT * FROM customers',
  'EXPLAIN UPDATE customers SET notes = $$x$$',
  'EXPLAIN INSERT INTO app_log (message) SELECT email FROM customers',
  'EXPLAIN DELETE FROM app_log USING customers c WHERE c.notes = message',
  'EXPLAIN WITH d AS (DELETE FROM app_log RETURNING id) SELECT * FROM d, customers',
  'EXPLAIN SELECT card_number FROM payments',
  'EXPLAIN CREATE TABLE loot AS SELECT * FROM customers',
  'EXPLAIN SELECT * FROM consents',
  'EXPLAIN EXECUTE p',
  'EXPLAIN DECLARE c CURSOR FOR SELECT * FROM customers',
] as const;

describe.each([18, 15] as const)('EXPLAIN on PostgreSQL %i', (version) => {
  let first: Governed;
  let second: Governed;
  beforeAll(async () => {
    first = await governed(version);
    second = await governed(version, { setup: `${otherSecrets}${otherPeople} ANALYZE` });
  });
  afterAll(() => Promise.all([first.close(), second.close()]));

  const lines = async (crm: Governed, sql: string, values?: readonly unknown[]): Promise<unknown[]> =>
    (await crm.run(sql, crm.session('marketing'), values)).rows.map(
      (row: { 'QUERY PLAN': unknown }) => row['QUERY PLAN'],
    );

  it.each(explained)('answers %s', async (sql) => {
    const plan = await lines(first, sql);
    expect(await lines(second, sql)).toEqual(plan);
    const text = JSON.stringify(plan);
    expect(text).toMatch(/Governed Query/);
    expect(text).not.toMatch(/consent|rows=|cost=|Filter:|roles\.|purpose|email_partial|Scan|\d{2}/);
  });

  it.each(refused)('refuses %s', async (sql) => {
    await expect(first.run(sql, first.session('marketing'))).rejects.toBeInstanceOf(Refused);
  });

  it('says which tables are filtered and which columns masked', async () => {
    expect(await lines(first, 'EXPLAIN SELECT c.id, c.email, p.name FROM customers c, products p')).toEqual([
      'Governed Query',
      '  ->  Read on public.customers c',
      '        Rows: filtered',
      '        Masked: email',
      '  ->  Read on public.products p',
      'Note: costs and row counts are not shown: they would tell of rows and values that are hidden',
    ]);
    const [json] = await lines(first, 'EXPLAIN (FORMAT JSON) SELECT email FROM customers');
    expect(json).toMatchObject([
      { Plan: { Plans: [{ 'Relation Name': 'customers', 'Masked Columns': ['email'] }] } },
    ]);
  });

  it('takes the parameters of the query, with their types', async () => {
    const sql = 'EXPLAIN SELECT id FROM customers WHERE id = $1 AND email = $2 AND created_at > $3';
    expect(await lines(first, sql, [1, 'x', '2025-01-01'])).toContain('Governed Query');
    await expect(lines(first, sql, ['no number', 'x', '2025-01-01'])).rejects.toMatchObject({
      code: '22P02',
    });
  });

  it('finds the mistakes that the server would find', async () => {
    await expect(lines(first, 'EXPLAIN SELECT nothing FROM customers')).rejects.toMatchObject({
      code: '42703',
    });
    await expect(lines(first, 'EXPLAIN SELECT id + email FROM customers')).rejects.toMatchObject({
      code: '42883',
    });
  });

  it('locks and runs nothing', async () => {
    const session = first.session('marketing');
    await first.run('BEGIN', session);
    await first.run('EXPLAIN SELECT id FROM customers FOR UPDATE', session);
    const free = await first.db.query('SELECT id FROM customers FOR UPDATE SKIP LOCKED');
    await first.run('ROLLBACK', session);
    expect(free.rowCount).toBe(6);
  });

  it("shows the server's own plan of open tables", async () => {
    const plan = await lines(first, 'EXPLAIN SELECT * FROM products WHERE id = 1');
    expect(JSON.stringify(plan)).toMatch(/Scan.*rows=/);
    await expect(lines(first, 'EXPLAIN (FORMAT YAML) SELECT 1')).rejects.toThrow(/FORMAT/);
    expect(JSON.stringify(await lines(first, 'EXPLAIN INSERT INTO app_log (message) VALUES (1)'))).toMatch(
      /Insert on/,
    );
    expect((await first.db.query('SELECT FROM app_log')).rowCount).toBe(0);
  });
});
