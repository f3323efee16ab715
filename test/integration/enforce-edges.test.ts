/** Edges that the insider of enforce-attacks.test.ts looked for: consent rows, clocks, views, inheritance, locks, meaning. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { governed, type Governed, Refused } from '../support/governed.js';

const setup = `
  ALTER TABLE customers ADD COLUMN tier text DEFAULT 'canary-default';
  ALTER TABLE consents ALTER COLUMN recorded_at DROP NOT NULL, ALTER COLUMN status DROP NOT NULL;
  -- 4: given and withdrawn at one instant. 2: given without a time, over a withdrawal.
  INSERT INTO consents (customer_id, purpose, status, recorded_at) VALUES
    (4, 'marketing_email', 'given', '2026-01-01'), (4, 'marketing_email', 'withdrawn', '2026-01-01'),
    (2, 'marketing_email', 'given', NULL),
    (3, 'do_not_sell', 'given', '2026-01-01'), (3, 'do_not_sell', NULL, '2026-01-01'),
    (4, 'do_not_sell', 'given', '2026-01-01'), (4, 'do_not_sell', 'withdrawn', NULL);
  UPDATE consents SET expires_at = now() + interval '1 hour' WHERE customer_id = 1;
  CREATE TABLE base_b (email varchar(200));
  CREATE TABLE child_c () INHERITS (leads, base_b);
  CREATE VIEW vip AS SELECT id, region FROM customers WHERE profile->>'tier' = 'gold';
  CREATE VIEW vip_ids AS SELECT v.id FROM vip v;
  CREATE VIEW same_notes AS SELECT a.id FROM customers a JOIN customers b USING (notes);
  CREATE VIEW by_email AS SELECT id FROM (SELECT id, email AS e FROM customers) s ORDER BY s.e;
  CREATE VIEW in_eu AS SELECT id, notes FROM customers WHERE region = 'EU' AND created_at > '2020-01-01';
`;

describe.each([18, 15] as const)('edges on PostgreSQL %i', (version) => {
  let crm: Governed;
  beforeAll(async () => {
    crm = await governed(version, { setup });
  });
  afterAll(() => crm.close());

  const ids = async (sql: string, facts: { role?: 'support' | 'marketing'; purpose?: string }) => {
    const { role = 'marketing', purpose = role } = facts;
    const { rows } = await crm.run(sql, crm.session(role, { purpose }));
    return rows.map((row: Record<string, unknown>) => Object.values(row)[0]);
  };

  it('consent: a refusal of the same instant wins, and a row without a time gives none', async () => {
    expect(await ids('SELECT id FROM customers ORDER BY 1', {})).toEqual([1, 3]);
  });

  it('objection: it wins over a row without a status or a time', async () => {
    expect(await ids('SELECT id FROM customers ORDER BY 1', { purpose: 'sale' })).toEqual([2, 6]);
  });

  it.each(["'Etc/GMT+12'", "'<+99>+167'", "'<-99>-167'"])(
    'the time zone %s moves neither a consent nor a retention period',
    async (zone) => {
      const count = 'SELECT count(*)::int FROM leads';
      await crm.run(`SET timezone = ${zone}`, crm.session('support'));
      expect(await ids(count, { role: 'support' })).toEqual([1]);
      await crm.run('RESET timezone', crm.session('support'));
      await crm.run(`SET timezone = ${zone}`, crm.session('marketing'));
      expect(await ids('SELECT id FROM customers ORDER BY 1', {})).toEqual([1, 3]);
      await crm.run('RESET timezone', crm.session('marketing'));
    },
  );

  it.each([
    ['a view filtered by a hidden value', 'SELECT * FROM vip'],
    ['a view over such a view', 'SELECT * FROM vip_ids'],
    ['a view joined by one', 'SELECT * FROM same_notes'],
    ['a view sorted by one', 'SELECT * FROM by_email'],
    ['a second parent of a protected child', 'SELECT * FROM base_b'],
    ['the counter of a sequence', 'SELECT last_value FROM customers_id_seq'],
    ['all of a sequence', 'TABLE consents_id_seq'],
    ['LOG messages', 'SET client_min_messages = log'],
  ])('refuses %s', async (_name, sql) => {
    await expect(crm.run(sql, crm.session('support'))).rejects.toBeInstanceOf(Refused);
  });

  it('answers a view filtered by what is shown anyway', async () => {
    expect(await ids('SELECT id FROM in_eu ORDER BY 1', { role: 'support' })).toEqual([1, 2, 6]);
  });

  it('hides the value that rows older than their column have', async () => {
    const where = "FROM pg_attribute a WHERE attrelid = 'customers'::regclass AND attname = 'tier'";
    expect(await ids(`SELECT attmissingval ${where}`, { role: 'support' })).toEqual([null]);
    expect(await ids(`SELECT a::text LIKE '%canary%' ${where}`, { role: 'support' })).toEqual([false]);
  });

  it.each<[string, string, unknown[]]>([
    [
      'a whole row keeps its name',
      'SELECT s.c IS NULL AS x FROM (SELECT c FROM customers c WHERE id = 1) s',
      [{ x: false }],
    ],
    [
      'a field of a passed-on row',
      'SELECT (s.c).email FROM (SELECT c FROM customers c WHERE id = 1) s',
      [{ email: 'a***@example.com' }],
    ],
    [
      'ROLLUP beside the primary key keeps its subtotals',
      'SELECT c.id, c.email FROM customers c WHERE id = 1 GROUP BY c.id, ROLLUP (c.email) ORDER BY 2',
      [
        { id: 1, email: 'a***@example.com' },
        { id: 1, email: null },
      ],
    ],
    [
      'a bracketed key',
      'SELECT id, first_name FROM customers WHERE id = 1 GROUP BY (id)',
      [{ id: 1, first_name: 'Ada' }],
    ],
    [
      'brackets in an IN list',
      "SELECT id FROM orders WHERE status IN (('paid'), ('nothing')) AND customer_id = 1",
      [{ id: 10 }],
    ],
    [
      'one source for several columns',
      'UPDATE products SET (name, price) = (SELECT notes, 1 FROM customers WHERE id = 1) WHERE id = 1 RETURNING name',
      [{ name: '***' }],
    ],
  ])('means the same: %s', async (_name, sql, expected) => {
    expect((await crm.run(sql, crm.session('support'))).rows).toEqual(expected);
  });

  it('locks the rows that it shows, neither withheld ones nor consents', async () => {
    const session = crm.session('marketing');
    const other = await crm.db.connect('crm_admin');
    const free = async (sql: string) => (await other.query<{ id: number }>(sql)).rows.map(({ id }) => id);
    await crm.run('BEGIN', session);
    try {
      const sql = "SELECT id FROM customers WHERE region = 'EU' ORDER BY id LIMIT 5 FOR UPDATE";
      expect((await crm.run(sql, session)).rows).toEqual([{ id: 1 }]);
      expect(await free('SELECT id FROM customers ORDER BY id FOR UPDATE SKIP LOCKED')).toEqual([
        2, 3, 4, 5, 6,
      ]);
      expect(await free('SELECT id FROM consents FOR UPDATE SKIP LOCKED')).toHaveLength(16);
    } finally {
      await crm.run('ROLLBACK', session);
    }
  });

  it.each([
    ['protected tables', `SELECT 1 FROM ${Array.from({ length: 3000 }, (_, i) => `orders o${i}`).join()}`],
    ['subqueries', `SELECT ${Array.from({ length: 1000 }, () => '(SELECT count(*) FROM orders)').join()}`],
    ['statements', Array.from({ length: 3000 }, () => 'SELECT 1 FROM customers').join(';')],
  ])('refuses thousands of %s instead of serving nobody else', async (_what, sql) => {
    const { plans } = await crm.plan(sql, crm.session('marketing'));
    expect(plans.at(-1)).toMatchObject({ kind: 'refuse' });
  });

  it('looks at each parameter once, however many conditions there are', async () => {
    const conditions = Array.from({ length: 20_000 }, (_, i) => `status = $${i + 1}`).join(' AND ');
    const start = performance.now();
    const { plans } = await crm.plan(`SELECT id FROM orders WHERE ${conditions}`, crm.session('marketing'));
    expect(plans[0]).toMatchObject({ kind: 'rewrite' });
    expect(performance.now() - start).toBeLessThan(10_000);
  });
});
