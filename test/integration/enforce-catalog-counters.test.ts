/** Columns of open catalogs that VACUUM, ANALYZE or the planner fill from the rows, withheld ones included, say nothing. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { governed, type Governed } from '../support/governed.js';
import { postgresVersions } from '../support/servers.js';

describe.each(postgresVersions)('catalogs that are filled from rows on PostgreSQL %i', (version) => {
  let one: Governed;
  beforeAll(async () => {
    one = await governed(version);
  });
  afterAll(() => one.close());
  const rows = async (sql: string): Promise<unknown[]> =>
    (await one.run(sql, one.session('support'))).rows as unknown[];

  test('the age of the oldest row of a table', async () => {
    const sql = `SELECT DISTINCT relfrozenxid, relminmxid FROM pg_class WHERE relkind = 'r'`;
    await one.db.query('UPDATE customers SET notes = notes', 'crm_admin');
    await one.db.query('VACUUM FREEZE customers', 'crm_admin');
    expect(await rows(sql)).toEqual([{ relfrozenxid: '0', relminmxid: '0' }]);
    expect(
      await rows(
        `SELECT c.relfrozenxid FROM pg_class c, LATERAL (SELECT (c).relfrozenxid AS x) l WHERE l.x::text <> '0'`,
      ),
    ).toEqual([]);
  });

  test('which plans a prepared statement got', async () => {
    await one.run('PREPARE p (int) AS SELECT id FROM customers WHERE id = $1', one.session('support'));
    for (let run = 0; run < 7; run++) await one.raw('EXECUTE p (1)', 'support');
    expect(await rows('SELECT name, generic_plans, custom_plans FROM pg_prepared_statements')).toEqual([
      { name: 'p', generic_plans: null, custom_plans: null },
    ]);
    await one.run('DEALLOCATE p', one.session('support'));
  });

  test('whether the plan of a cursor can scroll', async () => {
    await one.run('BEGIN', one.session('support'));
    await one.run(
      'DECLARE c CURSOR FOR SELECT region FROM customers GROUP BY region',
      one.session('support'),
    );
    expect(await rows('SELECT name, is_scrollable FROM pg_cursors')).toEqual([
      { name: 'c', is_scrollable: null },
    ]);
    await one.run('ROLLBACK', one.session('support'));
  });
});
