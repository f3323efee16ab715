/** What governed roles see of the sample CRM, over SELECT in every shape. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { governed, type Governed } from '../support/governed.js';

describe.each([18, 15] as const)('governed SELECT on PostgreSQL %i', (version) => {
  let crm: Governed;
  beforeAll(async () => {
    crm = await governed(version);
  });
  afterAll(() => crm.close());

  const rows = async (
    sql: string,
    role: 'support' | 'marketing',
    values?: unknown[],
  ): Promise<unknown[][]> => {
    const result = await crm.run(sql, crm.session(role), values);
    return result.rows.map((row: Record<string, unknown>) => Object.values(row));
  };

  it.each<[string, 'support' | 'marketing', string, unknown[][]]>([
    [
      'masks keep the rows of a role without consent rules, but hides the restricted person',
      'support',
      'SELECT id, email FROM customers ORDER BY id',
      [
        [1, 'a***@example.com'],
        [2, 'b***@example.com'],
        [3, 'c***@example.org'],
        [4, 'd***@example.net'],
        [6, 'f***@example.com'],
      ],
    ],
    [
      'only people with a valid newest consent',
      'marketing',
      'SELECT id, first_name, email FROM customers ORDER BY id',
      [
        [1, 'Ada', 'a***@example.com'],
        [3, 'Cleo', 'c***@example.org'],
      ],
    ],
    [
      'a condition sees the mask',
      'support',
      "SELECT id FROM customers WHERE email = 'ada.canary1@example.com'",
      [],
    ],
    [
      'a condition on the mask finds it',
      'support',
      "SELECT id FROM customers WHERE email = 'a***@example.com'",
      [[1]],
    ],
    [
      'a join guards both sides',
      'marketing',
      'SELECT c.id, o.id, o.total FROM customers c JOIN orders o ON o.customer_id = c.id ORDER BY o.id',
      [
        [1, '34.40'],
        [3, '9.00'],
        [1, '4.50'],
      ].map(([id, total]) => [id === 3 ? 12 : total === '34.40' ? 10 : 14, total]),
    ],
    ['an aggregate counts the visible alone', 'marketing', 'SELECT count(*)::int FROM customers', [[2]]],
    ['a CTE', 'marketing', 'WITH c AS (SELECT * FROM customers) SELECT max(id) FROM c', [[3]]],
    [
      'a CTE named like the table shadows it',
      'marketing',
      'WITH customers AS (SELECT 7 AS id) SELECT id FROM customers',
      [[7]],
    ],
    [
      'rows along a foreign key follow the subject',
      'marketing',
      'SELECT order_id, line FROM order_items ORDER BY 1, 2',
      [
        [10, 1],
        [10, 2],
        [12, 1],
        [14, 1],
      ],
    ],
    ['TABLE t', 'marketing', 'SELECT count(*)::int FROM (TABLE orders) x', [[3]]],
    [
      'GROUP BY the primary key with other columns',
      'support',
      'SELECT c.id, c.first_name, count(o.id)::int AS n FROM customers c LEFT JOIN orders o ON o.customer_id = c.id GROUP BY c.id ORDER BY c.id',
      [
        [1, 'Ada', 2],
        [2, 'Bob', 1],
        [3, 'Cleo', 1],
        [4, 'Dmitri', 1],
        [6, 'Finn', 0],
      ],
    ],
    [
      'schema.table.column as Prisma writes it',
      'support',
      'SELECT "public"."customers"."id" FROM "public"."customers" WHERE "public"."customers"."id" = 1',
      [[1]],
    ],
    [
      'a whole row keeps its type',
      'support',
      'SELECT (c).email FROM customers c WHERE c.id = 1',
      [['a***@example.com']],
    ],
    [
      'row_to_json',
      'support',
      "SELECT row_to_json(c)->>'email' AS e FROM customers c WHERE id = 1",
      [['a***@example.com']],
    ],
    [
      'a view by lineage: computed columns of masked ones are redacted',
      'marketing',
      'SELECT id, full_name, email, region FROM customer_directory ORDER BY id',
      [
        [1, 'Ada Secretname1', 'a***@example.com', 'EU'],
        [3, 'Cleo Secretname3', 'c***@example.org', 'US'],
      ],
    ],
    [
      'a view that joins two tables of one subject',
      'marketing',
      'SELECT order_id, customer_id, customer_email FROM order_overview ORDER BY 1',
      [
        [10, 1, 'a***@example.com'],
        [12, 3, 'c***@example.org'],
        [14, 1, 'a***@example.com'],
      ],
    ],
    [
      'LATERAL',
      'marketing',
      'SELECT c.id, x.n FROM customers c, LATERAL (SELECT count(*)::int AS n FROM orders o WHERE o.customer_id = c.id) x ORDER BY 1',
      [
        [1, 2],
        [3, 1],
      ],
    ],
    [
      'a correlated subquery',
      'marketing',
      'SELECT id FROM products p WHERE EXISTS (SELECT FROM order_items i WHERE i.product_id = p.id) ORDER BY 1',
      [[1], [2]],
    ],
    [
      'set operations',
      'marketing',
      'SELECT id FROM customers UNION SELECT customer_id FROM orders ORDER BY 1',
      [[1], [3]],
    ],
    [
      'a window',
      'support',
      'SELECT id, row_number() OVER (ORDER BY id)::int AS rn FROM customers LIMIT 1',
      [[1, 1]],
    ],
    [
      'DISTINCT ON',
      'support',
      'SELECT DISTINCT ON (region) region, id FROM customers ORDER BY region, id',
      [
        ['EU', 1],
        ['US', 3],
      ],
    ],
    ['retention hides what is too old', 'support', 'SELECT id FROM leads', [[1]]],
    ['row locks', 'support', 'SELECT id FROM customers WHERE id = 1 FOR UPDATE', [[1]]],
    [
      'row locks on one of two',
      'support',
      'SELECT c.id FROM customers c JOIN products p ON p.id = c.id WHERE c.id = 1 FOR UPDATE OF p SKIP LOCKED',
      [[1]],
    ],
    ['unprotected tables are untouched', 'marketing', 'SELECT name FROM products WHERE id = 1', [['Teapot']]],
    [
      'an alias with column names',
      'support',
      'SELECT k, e FROM customers AS c(k, a, b, e) WHERE k = 1',
      [[1, 'a***@example.com']],
    ],
    [
      'natural join keeps its columns',
      'marketing',
      'SELECT count(*)::int FROM orders NATURAL JOIN (SELECT id FROM orders) o',
      [[3]],
    ],
    [
      'catalog volumes are hidden',
      'support',
      "SELECT reltuples FROM pg_class WHERE relname = 'customers'",
      [[-1]],
    ],
  ])('%s (%s)', async (_name, role, sql, expected) => {
    expect(await rows(sql, role)).toEqual(expected);
  });

  it('keeps the type and typmod of every masked column', async () => {
    const result = await crm.run('SELECT * FROM customers', crm.session('support'));
    const direct = await crm.db.query('SELECT * FROM customers');
    expect(result.fields.map((f) => [f.name, f.dataTypeID, f.dataTypeModifier])).toEqual(
      direct.fields.map((f) => [f.name, f.dataTypeID, f.dataTypeModifier]),
    );
  });

  it('gives parameters the types that the server infers directly', async () => {
    expect(await rows('SELECT id FROM customers WHERE id = $1', 'marketing', ['3'])).toEqual([[3]]);
    expect(
      await rows('SELECT id FROM orders WHERE id = $1 AND total > $2', 'marketing', ['12', '1']),
    ).toEqual([[12]]);
    expect(await rows('SELECT id FROM orders WHERE id IN (10, 11, 12)', 'marketing')).toEqual([[10], [12]]);
  });
});
