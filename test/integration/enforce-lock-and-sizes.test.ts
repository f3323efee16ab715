/** LOCK TABLE, pg_dump's setting and sizes that are left blank: what is let through, and what an insider makes of it. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { governed, type Governed, Refused } from '../support/governed.js';

const dump = `SELECT set_config(name, 'view, foreign-table', false) FROM pg_settings WHERE name = 'restrict_nonsystem_relation_kind'`;

const refused = [
  `LOCK TABLE public.customers`,
  `LOCK TABLE customers IN ACCESS SHARE MODE`,
  `LOCK TABLE public.orders, customers IN ACCESS SHARE MODE`,
  `LOCK TABLE public.customers IN ROW SHARE MODE`,
  `LOCK TABLE public.customers IN ACCESS EXCLUSIVE MODE NOWAIT`,
  dump.replace('view, foreign-table', 'on'),
  dump.replace(`= 'restrict_nonsystem_relation_kind'`, `= 'log_statement'`),
  dump.replace('WHERE name =', 'WHERE name <>'),
  dump.replace('pg_settings', 'public.pg_settings'),
  dump.replace('false)', 'true)'),
  `${dump} OR true`,
  `${dump} LIMIT 1`,
  dump.replace('SELECT', 'WITH pg_settings AS (SELECT 1) SELECT'),
  dump.replace('set_config(', 'public.set_config('),
  `PREPARE d AS ${dump}`,
  `SELECT * FROM (${dump}) AS d`,
  `SELECT (c.oid).pg_table_size FROM pg_class c`,
  `SELECT 1 FROM pg_class c WHERE pg_stat_get_live_tuples(c.oid) > 3`,
];

/** Each tells a size to one who reads past the proxy. */
const blank = [
  `SELECT pg_table_size('customers')`,
  `SELECT pg_table_size(('customers'))`,
  `SELECT "pg_table_size"('customers')`,
  `SELECT pg_catalog . pg_table_size /* a ) b */ ( -- )\n 'customers' )`,
  `SELECT pg_relation_size('customers', (ARRAY['main', 'fsm'])[1])`,
  `SELECT pg_relation_size((ARRAY['customers'])[1]::regclass, 'main')`,
  `SELECT pg_total_relation_size(CASE WHEN true THEN 'customers'::regclass END)`,
  `SELECT pg_total_relation_size((SELECT oid FROM pg_class WHERE relname = 'customers'))`,
  `SELECT pg_table_size('orders') + pg_table_size('customers')`,
  `SELECT sum(pg_table_size(c.oid)) OVER () FROM pg_class c WHERE relname = 'customers'`,
  `SELECT s FROM ROWS FROM (pg_table_size('customers')) AS r (s)`,
  `SELECT s FROM pg_class c, LATERAL pg_table_size(c.oid) AS s WHERE relname = 'customers'`,
  `SELECT pg_size_pretty(pg_database_size(current_database()))`,
  `WITH s AS (SELECT pg_table_size('customers') AS n) SELECT n FROM s`,
  `SELECT CASE WHEN pg_table_size('customers') > 0 THEN 'some' END`,
  `SELECT id FROM customers WHERE pg_table_size('customers') > 0`,
];

describe.each([15, 18] as const)('PostgreSQL %i', (version) => {
  let on: Governed;

  beforeAll(async () => {
    on = await governed(version);
  });
  afterAll(() => on.close());

  it.each(refused)('refuses %s', async (sql) => {
    // First what differs in a literal only: a cached plan must not answer for it.
    await on.plan(dump, on.session('support'));
    await expect(on.run(sql, on.session('support'))).rejects.toThrow(Refused);
  });

  it('sends the setting of pg_dump with whole names, whatever the text before it in the cache', async () => {
    await on.plan(dump.replace('view, foreign-table', 'x'), on.session('support'));
    const { plans } = await on.plan(dump, on.session('support'));
    expect(plans[0]).toMatchObject({ sql: expect.stringContaining('pg_catalog.set_config(name') as string });
    await expect(on.run(dump, on.session('support'))).resolves.toBeDefined();
  });

  it('takes the lock that any SELECT takes', async () => {
    await on.raw('BEGIN', 'support');
    await on.run('LOCK TABLE public.customers, public.consents IN ACCESS SHARE MODE', on.session('support'));
    const held = await on.db.query(
      // Databases are copied from one template, so other tests' tables have the same OID.
      `SELECT mode FROM pg_locks WHERE relation = 'public.customers'::regclass AND granted
         AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
    );
    expect(held.rows).toEqual([{ mode: 'AccessShareLock' }]);
    await on.raw('ROLLBACK', 'support');
  });

  it.each(blank)('leaves the size blank: %s', async (sql) => {
    const { rows } = await on.run(sql, on.session('support'), undefined, 'array');
    const values = (rows as unknown[][]).flat();
    expect(values.every((value) => value === null)).toBe(true);
    const past = (await on.raw(sql, 'support')).rows.flatMap((row: object): unknown[] => Object.values(row));
    expect(past.some((value) => value !== null)).toBe(true);
  });

  it('leaves the size blank for every literal of the same shape', async () => {
    for (const table of ['customers', 'orders', 'leads', 'customers']) {
      const { rows } = await on.run(`SELECT pg_table_size('${table}') AS n`, on.session('support'));
      expect(rows).toEqual([{ n: null }]);
    }
  });

  it('shows a session its own activity alone, without the text that runs', async () => {
    const { rows } = await on.run('SELECT pid, query, state FROM pg_stat_activity', on.session('support'));
    const own = await on.raw('SELECT pg_backend_pid() AS pid', 'support');
    expect(rows).toEqual([{ pid: (own.rows as { pid: number }[])[0]?.pid, query: null, state: 'active' }]);
  });

  it('shows prepared statements and sequences without what they hold', async () => {
    await on.run(`PREPARE held AS SELECT email FROM customers`, on.session('support'));
    const prepared = await on.run(
      'SELECT name, statement FROM pg_prepared_statements',
      on.session('support'),
    );
    expect(prepared.rows).toContainEqual({ name: 'held', statement: null });
    const sequences = await on.run('SELECT DISTINCT last_value FROM pg_sequences', on.session('support'));
    expect(sequences.rows).toEqual([{ last_value: null }]);
  });
});
