import { describe, expect, it } from 'vitest';
import { relationLines, resolveText, resolved, spanText } from './harness.js';

const customers = 'read public.customers [customers]';

describe('relations of a statement', () => {
  it.each<[sql: string, lines: string[]]>([
    ['SELECT 1 FROM customers', [customers]],
    ['SELECT 1 FROM ONLY customers c', ['read public.customers [ONLY customers] only as c']],
    [
      'SELECT 1 FROM ONLY ( public.customers ) c',
      ['read public.customers [ONLY ( public.customers )] only as c'],
    ],
    ['SELECT 1 FROM customers * AS c (a)', ['read public.customers [customers *] as c renamed']],
    ['SELECT 1 FROM crm.public."customers"', ['read public.customers [crm.public."customers"]']],
    ['SELECT 1 FROM customers c TABLESAMPLE SYSTEM (1)', [`${customers} as c sampled`]],
    ['TABLE customers', [`${customers} command`]],
    ['SELECT 1 FROM pg_class', ['read pg_catalog.pg_class [pg_class]']],
    [
      'SELECT 1 FROM customers a LEFT JOIN orders b ON true',
      [`${customers} as a`, 'read public.orders [orders] as b nullable'],
    ],
    [
      'SELECT 1 FROM customers a FULL JOIN orders b ON true',
      [`${customers} as a nullable`, 'read public.orders [orders] as b nullable'],
    ],
    ['WITH customers AS (SELECT 1) SELECT 1 FROM customers', []],
    [
      'WITH customers AS (SELECT 1) SELECT 1 FROM public.customers',
      ['read public.customers [public.customers]'],
    ],
    [
      'WITH customers AS (SELECT 1) INSERT INTO customers SELECT * FROM customers',
      ['insert public.customers [customers]'],
    ],
    ['WITH customers AS (SELECT 1) UPDATE customers SET id = 1', ['update public.customers [customers]']],
    [
      'WITH customers AS (SELECT 1) DELETE FROM customers USING customers x',
      ['delete public.customers [customers]'],
    ],
    ['WITH d AS (DELETE FROM orders RETURNING *) SELECT * FROM d', ['delete public.orders [orders]']],
    [
      'MERGE INTO customers c USING orders o ON c.id = o.id WHEN MATCHED THEN DELETE',
      ['merge public.customers [customers] as c', 'read public.orders [orders] as o'],
    ],
    [
      'UPDATE customers SET (id, email) = (SELECT id, total FROM orders)',
      ['update public.customers [customers]', 'read public.orders [orders]'],
    ],
    ['COPY customers (id) TO STDOUT', [customers]],
    ['COPY customers FROM STDIN', ['copy-from public.customers [customers]']],
    ['COPY (SELECT 1 FROM customers) TO STDOUT', [customers]],
    ['EXPLAIN SELECT 1 FROM customers', [customers]],
    ['PREPARE p AS SELECT 1 FROM customers', [customers]],
    ['DECLARE c CURSOR FOR SELECT 1 FROM customers', [customers]],
    ['CREATE TABLE copy_of AS SELECT 1 FROM customers', [customers]],
    ['SELECT 1 INTO copy_of FROM customers', [customers]],
    ['LOCK TABLE customers', ['other public.customers [customers]']],
    ['TRUNCATE customers, orders', ['other public.customers [customers]', 'other public.orders [orders]']],
    ['SELECT 1 FROM customers c FOR UPDATE OF c', [`${customers} as c`]],
    ['CREATE TABLE fresh (LIKE customers)', ['other public.customers [customers]']],
  ])('%s', (sql, lines) => {
    expect(relationLines(resolved(sql))).toEqual(lines);
  });

  it('follows the search path in order', () => {
    const [use] = resolved('SELECT 1 FROM customers', undefined, ['other', 'public']).relations;
    expect(use?.relation.schema).toBe('other');
  });

  it('gives the span of the name without ONLY, and of the whole TABLE command', () => {
    const statement = resolved('  TABLE ONLY (public.customers)');
    const [use] = statement.relations;
    expect(spanText(statement, use!.nameSpan)).toBe('public.customers');
    expect(spanText(statement, use!.tableCommandSpan!)).toBe('TABLE ONLY (public.customers)');
  });

  it.each([
    ['SELECT 1 FROM nowhere', 'unknown-relation'],
    ['SELECT 1 FROM elsewhere.public.customers', 'unknown-relation'],
    ['SELECT 1 FROM pg_temp.customers', 'unknown-relation'],
    ['INSERT INTO nowhere VALUES (1)', 'unknown-relation'],
    ['WITH x AS (SELECT 1) DELETE FROM x', 'unknown-relation'],
    ['LOCK TABLE nowhere', 'unknown-relation'],
    [`SELECT 1 FROM orders${' CROSS JOIN orders'.repeat(501)}`, 'unsupported'],
    [`SELECT ${'*, '.repeat(600)}1 FROM orders`, 'unsupported'],
  ])('fails closed: %s', (sql, kind) => {
    const outcome = resolveText(sql);
    expect(outcome.ok ? 'ok' : outcome.problem.kind).toBe(kind);
  });

  it('takes chains of thousands of joins, operators and set operations', () => {
    const many = (text: string, count: number): string => text.repeat(count);
    expect(resolved(`SELECT 1 FROM orders a0${many(' CROSS JOIN orders', 500)}`).relations).toHaveLength(501);
    expect(resolved(`SELECT id${many(' + id', 1_500)} FROM orders`).columns.size).toBe(1_501);
    expect(
      resolved(`SELECT 1 FROM orders${many(' UNION SELECT 1 FROM orders', 400)}`).relations,
    ).toHaveLength(401);
  });
});
