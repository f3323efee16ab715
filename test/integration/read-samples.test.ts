/** TABLESAMPLE of protected relations, and logins that may read some columns only. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { governed, Refused, type Governed } from '../support/governed.js';

describe.each([18, 15] as const)('samples and rights on PostgreSQL %i', (version) => {
  let crm: Governed;
  beforeAll(async () => {
    crm = await governed(version);
    await crm.db.query(`
      CREATE TYPE public.mood AS ENUM ('good', 'bad');
      CREATE TABLE people (id integer PRIMARY KEY, customer_id integer, email text, secret text, feeling public.mood);
      INSERT INTO people VALUES (1, 1, 'p1', 's1', 'good'), (2, 2, 'p2', 's2', 'bad');
      REVOKE ALL ON customers FROM crm_support, crm_marketing, PUBLIC;
      GRANT SELECT (id, email, region, restricted_at), UPDATE (email) ON customers TO crm_support;
      GRANT SELECT ON customers TO crm_marketing`);
    await crm.refresh();
  });
  afterAll(() => crm.close());

  const ids = async (sql: string, values?: readonly unknown[]): Promise<unknown[]> =>
    (await crm.run(sql, crm.session('marketing'), values)).rows.map((row: { id: unknown }) => row.id);

  it.each([
    ['SELECT id FROM customers TABLESAMPLE BERNOULLI (100) ORDER BY id', [1, 3]],
    ['SELECT id FROM customers TABLESAMPLE SYSTEM (100) ORDER BY id', [1, 3]],
    ['SELECT c.id FROM customers AS c TABLESAMPLE pg_catalog.system (50 + 50) WHERE c.id > 1', [3]],
    ['SELECT id FROM ONLY customers TABLESAMPLE BERNOULLI (0)', []],
    [
      'SELECT c.id FROM orders o JOIN customers c TABLESAMPLE BERNOULLI (100) ON c.id = o.customer_id ORDER BY o.id',
      [1, 3, 1],
    ],
    ['SELECT x AS id FROM customers c (x) TABLESAMPLE BERNOULLI ((100)) ORDER BY 1', [1, 3]],
    ['SELECT id FROM products TABLESAMPLE SYSTEM (100) REPEATABLE (3) ORDER BY id', [1, 2, 3]],
  ])('%s', async (sql, expected) => {
    expect(await ids(sql)).toEqual(expected);
  });

  it('takes the percentage as a parameter', async () => {
    expect(await ids('SELECT id FROM customers TABLESAMPLE BERNOULLI ($1) ORDER BY id', [100])).toEqual([
      1, 3,
    ]);
  });

  it('draws pages for nobody: SYSTEM takes each row by itself', async () => {
    const { plans } = await crm.plan(
      'SELECT id FROM customers TABLESAMPLE SYSTEM (10)',
      crm.session('marketing'),
    );
    expect(plans[0]).toMatchObject({
      kind: 'rewrite',
      sql: expect.stringMatching(
        /pg_catalog.sha256\(.*gen_random_uuid.*ctid.* \(COALESCE\(\(10\)::pg_catalog.float4/,
      ) as unknown,
    });
  });

  it.each(['101', '-1', 'NULL'])(
    'gives the error of the server for a percentage of %s',
    async (percentage) => {
      await expect(ids(`SELECT id FROM customers TABLESAMPLE SYSTEM (${percentage})`)).rejects.toMatchObject({
        code: '2202H',
      });
    },
  );

  it('draws a row once a statement, by a secret that nobody can find by trying', async () => {
    const rows = async (sql: string): Promise<unknown[]> =>
      (await crm.run(sql, crm.session('marketing'), undefined, 'array')).rows as unknown[];
    // A rescan of the table draws the same rows.
    const pairs = await rows(`
      SELECT a, count(c.id) FROM generate_series(1, 50) a
      LEFT JOIN LATERAL (SELECT id, a AS of FROM customers TABLESAMPLE BERNOULLI (50)) c ON true GROUP BY a`);
    expect(new Set(pairs.map((row) => (row as unknown[])[1])).size).toBe(1);
    const drawn: number[] = [];
    for (let i = 0; i < 60; i += 1) {
      drawn.push((await rows('SELECT id FROM customers TABLESAMPLE BERNOULLI (50)')).length);
    }
    expect(drawn.reduce((sum, one) => sum + one)).toBeGreaterThan(30);
    expect(drawn.reduce((sum, one) => sum + one)).toBeLessThan(90);
  });

  it('asks for a percentage that is none before any row, hidden ones included', async () => {
    for (const where of ["region = 'EU'", "region = 'nowhere'", 'id = 5', 'id = 77']) {
      await expect(
        ids(`SELECT id FROM customers TABLESAMPLE BERNOULLI (101) WHERE ${where}`),
      ).rejects.toMatchObject({ code: '2202H' });
    }
  });

  it.each([
    'SELECT id FROM customers TABLESAMPLE BERNOULLI (random() * 100)',
    'SELECT id FROM customers TABLESAMPLE BERNOULLI (50) REPEATABLE (1)',
    'SELECT id FROM customers TABLESAMPLE SYSTEM (50) REPEATABLE (1)',
    'SELECT c.id FROM products p, customers c TABLESAMPLE BERNOULLI (p.id)',
    'SELECT id FROM customers TABLESAMPLE BERNOULLI ((SELECT count(*) FROM orders))',
    'SELECT id FROM customers TABLESAMPLE system_rows (1)',
    'SELECT id FROM customers TABLESAMPLE public.bernoulli (1)',
  ])('refuses %s', async (sql) => {
    await expect(ids(sql)).rejects.toBeInstanceOf(Refused);
  });

  describe('a login that may read some columns', () => {
    const support = (sql: string): Promise<unknown[]> =>
      crm.run(sql, crm.session('support')).then(({ rows }) => rows as unknown[]);

    it.each([
      ['SELECT id, email FROM customers WHERE id = 1', [{ id: 1, email: 'a***@example.com' }]],
      ['SELECT count(*)::int AS n FROM customers', [{ n: 5 }]],
      ["SELECT region FROM customers WHERE email LIKE 'a%'", [{ region: 'EU' }]],
      ['SELECT c.id FROM customers c JOIN orders o ON o.customer_id = c.id WHERE o.id = 12', [{ id: 3 }]],
      ['SELECT id FROM customers ORDER BY id LIMIT 1 FOR UPDATE', [{ id: 1 }]],
      ['SELECT FROM customers WHERE id = 1', [{}]],
    ])('may send %s', async (sql, expected) => {
      expect(await support(sql)).toEqual(expected);
    });

    it.each([
      'SELECT phone FROM customers',
      'SELECT * FROM customers',
      'SELECT id FROM customers WHERE notes IS NULL',
      'SELECT c FROM customers c',
    ])('may not send %s', async (sql) => {
      await expect(support(sql)).rejects.toMatchObject({
        code: '42501',
        message: expect.stringMatching(/permission denied/) as unknown,
      });
    });
  });
});
