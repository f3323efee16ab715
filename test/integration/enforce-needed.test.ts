/** Derived tables compute only the columns that a statement reads; none that it reads in a roundabout way may be missed. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { governed, type Governed } from '../support/governed.js';
import { postgresVersions } from '../support/servers.js';

describe.each(postgresVersions)('columns that a statement reads on PostgreSQL %i', (version) => {
  let crm: Governed;
  beforeAll(async () => {
    crm = await governed(version);
  });
  afterAll(() => crm.close());

  it.each<[string, string, unknown[]]>([
    ['a name in WHERE alone', "SELECT id FROM customers WHERE email = 'a***@example.com'", [[1]]],
    ['a name in ORDER BY alone', 'SELECT id FROM customers ORDER BY email DESC LIMIT 1', [[6]]],
    [
      'USING, which no reference names',
      "SELECT a.id FROM customers a JOIN customers b USING (email, id) WHERE a.region = 'US' ORDER BY 1",
      [[3], [4]],
    ],
    [
      'a FULL JOIN, whose merged column is neither side’s',
      'SELECT email FROM customers a FULL JOIN customers b USING (email) WHERE a.id = 1',
      [['a***@example.com']],
    ],
    ['NATURAL', 'SELECT count(*)::int FROM tickets a NATURAL JOIN tickets b', [[3]]],
    [
      'the alias of a join',
      'SELECT j.x2 FROM (customers a JOIN products p ON p.id = a.id) AS j(x1, y1, z1, x2) WHERE x1 = 1',
      [['a***@example.com']],
    ],
    ['column aliases', 'SELECT d FROM customers AS t(a, b, c, d) WHERE a = 1', [['a***@example.com']]],
    ['a whole row', 'SELECT to_jsonb(c)->>$$email$$ FROM customers c WHERE id = 1', [['a***@example.com']]],
    ['a field of a whole row', 'SELECT (c).email FROM customers c WHERE id = 1', [['a***@example.com']]],
    [
      'a star in a subquery',
      'SELECT email FROM (SELECT * FROM customers) q WHERE id = 1',
      [['a***@example.com']],
    ],
    [
      'a star of a WITH query',
      'WITH q AS (SELECT * FROM customers) SELECT email FROM q WHERE id = 1',
      [['a***@example.com']],
    ],
    ['TABLE', 'SELECT email FROM (TABLE customers) q WHERE id = 1', [['a***@example.com']]],
    [
      'an outer reference',
      'SELECT (SELECT c.email FROM products p WHERE p.id = c.id) FROM customers c WHERE id = 1',
      [['a***@example.com']],
    ],
    [
      'a bare outer reference beside a function',
      'SELECT (SELECT email FROM unnest(ARRAY[1]) g) FROM customers WHERE id = 1',
      [['a***@example.com']],
    ],
    [
      'GROUP BY the primary key',
      'SELECT c.id, c.email FROM customers c JOIN orders o ON o.customer_id = c.id GROUP BY c.id HAVING count(*) > 1',
      [[1, 'a***@example.com']],
    ],
    [
      'the source of a write',
      'UPDATE products p SET name = c.email FROM customers c WHERE c.id = p.id AND p.id = 1 RETURNING name',
      [['a***@example.com']],
    ],
  ])('%s', async (_name, sql, rows) => {
    await crm.raw('BEGIN', 'support');
    try {
      expect((await crm.run(sql, crm.session('support'), undefined, 'array')).rows).toEqual(rows);
    } finally {
      await crm.raw('ROLLBACK', 'support');
    }
  });

  it('leaves out the masks of all others', async () => {
    const text = async (sql: string): Promise<string> => {
      const [plan] = (await crm.plan(sql, crm.session('support'))).plans;
      return plan!.kind === 'refuse' ? '' : plan!.sql;
    };
    expect(await text('SELECT id FROM customers')).not.toContain('strpos');
    expect(await text('SELECT id, email FROM customers')).toContain('strpos');
    expect(await text('SELECT * FROM customers')).toContain('strpos');
  });
});
