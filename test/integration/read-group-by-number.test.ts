/** Texts of one shape that differ in the numbers of GROUP BY only: what was decided for one may not serve another. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { governed, type Governed } from '../support/governed.js';
import { postgresVersions } from '../support/servers.js';

describe.each(postgresVersions)('GROUP BY a number, on PostgreSQL %i', (version) => {
  let crm: Governed;
  beforeAll(async () => {
    crm = await governed(version);
  });
  afterAll(() => crm.close());
  const run = async (sql: string): Promise<unknown> =>
    (await crm.run(sql, crm.session('marketing'), undefined, 'array')).rows;

  it('of an expression, the key afterwards', async () => {
    await expect(run('SELECT c.id, lower(c.region), c.email FROM customers c GROUP BY 2')).rejects.toThrow(
      /c\.id/,
    );
    expect(await run('SELECT c.id, lower(c.region), c.email FROM customers c GROUP BY 1')).toEqual([
      [1, 'eu', 'a***@example.com'],
      [3, 'us', 'c***@example.org'],
    ]);
  });

  it('of a key in ROLLUP, which is refused, in front of it afterwards', async () => {
    const sql = (plain: number, rolled: number): string =>
      `SELECT c.id, c.region, c.email, count(*)::int FROM customers c GROUP BY ${plain}, ROLLUP (${rolled}) ORDER BY 1, 2`;
    await expect(run(sql(2, 1))).rejects.toThrow(/GROUPING SETS/);
    expect(await run(sql(1, 2))).toEqual([
      [1, 'EU', 'a***@example.com', 1],
      [1, null, 'a***@example.com', 1],
      [3, 'US', 'c***@example.org', 1],
      [3, null, 'c***@example.org', 1],
    ]);
  });

  it('is planned once for a shape where no number could mean a key', async () => {
    const sql = (n: number): string => `SELECT region, count(*) FROM customers GROUP BY 1 LIMIT ${n}`;
    await crm.plan(sql(1), crm.session('marketing'));
    expect(await crm.plan(sql(2), crm.session('marketing'))).toMatchObject({ cache: 'hit' });
  });
});
