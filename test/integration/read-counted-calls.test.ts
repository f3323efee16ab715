/**
 * Functions that keep a count (random() behind setseed(), nextval(), advisory locks) as oracles of how many rows a
 * condition ran over. Two databases differ in the number of orders of a person whom marketing does not see.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { crmPolicy, governed, Refused, type Governed } from '../support/governed.js';
import { postgresVersions } from '../support/servers.js';

const setup = `
  CREATE SEQUENCE counter; GRANT USAGE ON SEQUENCE counter TO PUBLIC;
  INSERT INTO orders VALUES (20, 4, 1, 'open'), (21, 4, 1, 'open');
  CREATE VIEW drawn AS SELECT id, customer_id FROM orders WHERE random() < 2 + customer_id;
  GRANT SELECT ON drawn TO PUBLIC;
  CREATE FUNCTION public.tick(integer) RETURNS boolean LANGUAGE sql VOLATILE AS 'SELECT nextval(''counter'') > 0';
`;
const policy = crmPolicy.replace(
  'unlisted_tables: allow',
  'unlisted_tables: allow\nfunctions: [public.tick]',
);

const seed = 'SELECT setseed(0.5)';
const draw = 'SELECT random()';
const unlock =
  'SELECT pg_advisory_unlock(4) a, pg_advisory_unlock(4) b, pg_advisory_unlock(4) c, pg_advisory_unlock(4) d';
const count = `SELECT nextval('counter')`;

/** Each: before, the attempt, and what tells how often it ran. */
const attempts: readonly (readonly [string, string, string])[] = [
  [seed, 'SELECT id FROM orders WHERE random() < 2 + customer_id', draw],
  [seed, 'SELECT id FROM orders WHERE CASE WHEN customer_id = 4 THEN random() ELSE 0 END < 2', draw],
  [seed, 'SELECT id FROM orders WHERE pg_catalog.random() < 2 + customer_id', draw],
  [seed, 'SELECT p.id FROM products p LEFT JOIN orders o ON random() < 2 + o.customer_id', draw],
  [seed, 'SELECT p.id FROM products p, orders o WHERE random() < 2 + o.customer_id + p.id', draw],
  [seed, 'SELECT o.id FROM orders o, LATERAL (SELECT random() + o.customer_id AS r) x', draw],
  [seed, 'SELECT o.id FROM orders o, LATERAL generate_series(1, (random() + o.customer_id)::int) x', draw],
  [seed, 'SELECT id FROM (SELECT * FROM orders) o WHERE random() < 2 + customer_id', draw],
  [seed, 'WITH o AS (SELECT * FROM orders WHERE random() < 2 + customer_id) SELECT id FROM o', draw],
  [
    seed,
    'SELECT id FROM products WHERE id IN (SELECT customer_id FROM orders WHERE random() < 2 + customer_id)',
    draw,
  ],
  [seed, 'SELECT id FROM orders UNION ALL SELECT id FROM orders WHERE random() < 2 + customer_id', draw],
  [seed, 'SELECT count(*) FILTER (WHERE random() < 2 + customer_id) FROM orders', draw],
  [seed, 'SELECT id, random() + customer_id FROM orders ORDER BY random() + customer_id', draw],
  [
    seed,
    'SELECT sum(random() + customer_id) FROM orders GROUP BY customer_id HAVING random() + customer_id > 0',
    draw,
  ],
  [count, `SELECT id FROM orders WHERE nextval('counter') > customer_id * 0`, count],
  [count, `SELECT id, nextval('counter') + customer_id AS n FROM orders WHERE id > 0 ORDER BY id`, count],
  [count, 'SELECT id FROM orders WHERE tick(customer_id)', count],
  [seed, 'SELECT id FROM orders WHERE pg_try_advisory_lock(customer_id)', unlock],
  [seed, 'INSERT INTO app_log (message) SELECT id::text FROM orders WHERE random() < 2 + customer_id', draw],
];

/** No fence can stand where rows are locked or written, and none inside a view. */
const refused = [
  'SELECT id FROM orders WHERE random() < 2 + customer_id FOR UPDATE',
  `UPDATE orders SET status = 'y' WHERE random() < 2 + customer_id`,
  'DELETE FROM orders WHERE random() < 2 + customer_id',
  `WITH w AS (UPDATE orders SET status = 'y' WHERE random() < 2 + customer_id RETURNING id) SELECT id FROM w`,
  `MERGE INTO orders o USING products p ON random() < 2 + o.customer_id WHEN MATCHED THEN UPDATE SET status = 'y'`,
  'SELECT id FROM drawn',
];

/** Beside them the ordinary uses of such functions keep their plans. */
const plain = [
  'SELECT id FROM orders WHERE id = 10 ORDER BY random() LIMIT 1',
  `INSERT INTO app_log (message) SELECT nextval('counter')::text FROM orders`,
  'SELECT id, gen_random_uuid() FROM orders WHERE clock_timestamp() > placed_at',
  `SELECT id FROM orders WHERE id = currval('counter')`,
];

describe.each(postgresVersions)('functions that count their calls, on PostgreSQL %i', (version) => {
  let pair: readonly Governed[];
  beforeAll(async () => {
    pair = [
      await governed(version, { policy, setup }),
      await governed(version, {
        policy,
        setup: `${setup} DELETE FROM orders WHERE id = 20;`,
      }),
    ];
    for (const { db } of pair)
      await db.query('GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO PUBLIC');
  });
  afterAll(async () => {
    for (const each of pair) await each.close();
  });

  it.each(attempts)('%s; %s; %s', async (before, attempt, after) => {
    const seen = await Promise.all(
      pair.map(async (crm) => {
        await crm.db.query(`SELECT setval('counter', 1, false)`, 'crm_admin');
        const rows: unknown[] = [];
        for (const sql of [before, attempt, after]) {
          rows.push((await crm.run(sql, crm.session('marketing'), undefined, 'array')).rows);
        }
        await crm.raw('SELECT pg_advisory_unlock_all()', 'marketing');
        return rows;
      }),
    );
    expect(seen[0]).toEqual(seen[1]);
  });

  it.each(refused)('refuses %s', async (sql) => {
    const [crm] = pair;
    await expect(crm!.run(sql, crm!.session('marketing'))).rejects.toBeInstanceOf(Refused);
  });

  it.each(plain)('leaves the planner free in %s', async (sql) => {
    const [crm] = pair;
    const { plans } = await crm!.plan(sql, crm!.session('marketing'));
    expect(plans[0]).toMatchObject({ kind: 'rewrite' });
    expect((plans[0] as { sql: string }).sql).not.toContain('OFFSET 0');
  });
});
