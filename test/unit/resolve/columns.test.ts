import { describe, expect, it } from 'vitest';
import { columnLines, outputLines, resolved } from './harness.js';

describe('column references', () => {
  it.each<[sql: string, lines: string[]]>([
    ['SELECT email FROM customers c', ['email: c.email']],
    ['SELECT public.customers.email FROM customers', ['public.customers.email: public.customers.email']],
    ['SELECT public.customers.email FROM customers c', ['public.customers.email: unresolved']],
    ['SELECT id FROM customers, orders', ['id: unresolved']],
    ['SELECT (SELECT region) FROM customers c', ['region: c.region^']],
    ['SELECT x FROM customers c (x)', ['x: c.id']],
    ['SELECT x, email FROM customers c (x)', ['x: c.id', 'email: c.email']],
    ['SELECT c.ctid, xmin FROM customers c', ['c.ctid: system ctid', 'xmin: system xmin']],
    ['SELECT c, c.*, * FROM customers c', ['c: row c', 'c.*: star c', '*: star c']],
    ['SELECT row_to_json(c.*), ROW(c.*) FROM customers c', ['c.*: row c.*', 'c.*: row c.*']],
    ['SELECT (c).email FROM customers c', ['c: row c']],
    ['SELECT s.email FROM (SELECT email FROM customers c) s', ['s.email: derived c.email', 'email: c.email']],
    ['SELECT 1 FROM customers c, (SELECT c.email) s', ['c.email: unresolved']],
    ['SELECT 1 FROM customers c, LATERAL (SELECT c.email) s', ['c.email: c.email^']],
    ['SELECT 1 FROM orders o JOIN payments p USING (id) WHERE id = 1', ['id: o.id']],
    ['SELECT 1 FROM orders o RIGHT JOIN payments p USING (id) WHERE id = 1', ['id: p.id']],
    ['SELECT 1 FROM orders o FULL JOIN payments p USING (id) WHERE id = 1', ['id: derived f(o.id, p.id)']],
    ['SELECT u.id FROM orders o JOIN payments p USING (id) AS u', ['u.id: o.id']],
    [
      'SELECT j.k, o.total FROM (orders o CROSS JOIN payments) AS j (k)',
      ['j.k: o.id', 'o.total: unresolved'],
    ],
    [
      'SELECT lower(email) AS email FROM customers c ORDER BY email',
      ['email: c.email', 'email: derived f(c.email)'],
    ],
    ['SELECT lower(email) AS email FROM customers c GROUP BY email', ['email: c.email', 'email: c.email']],
    ['SELECT lower(email) AS e FROM customers c GROUP BY e', ['email: c.email', 'e: derived f(c.email)']],
    [
      'SELECT email FROM customers c UNION SELECT note FROM other.customers d ORDER BY email',
      ['email: c.email', 'note: d.note', 'email: derived f(c.email, d.note)'],
    ],
    ['SELECT g FROM generate_series(1, 2) g', ['g: derived f()']],
    [
      'INSERT INTO customers AS c VALUES (1) ON CONFLICT (id) DO UPDATE SET email = excluded.email WHERE c.id = 1',
      ['excluded.email: derived unknown', 'c.id: c.id'],
    ],
    ['INSERT INTO customers SELECT email FROM orders', ['email: unresolved']],
    [
      'UPDATE customers c SET email = o.total FROM orders o WHERE c.id = o.id RETURNING old.email, c.id',
      ['o.total: o.total', 'c.id: c.id', 'o.id: o.id', 'old.email: c.email', 'c.id: c.id'],
    ],
    ['UPDATE customers c SET id = 1 FROM LATERAL (SELECT c.id) s', ['c.id: unresolved']],
    ['DELETE FROM customers c USING orders o WHERE region = total', ['region: c.region', 'total: o.total']],
    [
      'MERGE INTO customers c USING payments p ON c.id = p.id WHEN NOT MATCHED THEN INSERT VALUES (amount, c.email)',
      ['c.id: c.id', 'p.id: p.id', 'amount: p.amount', 'c.email: unresolved'],
    ],
  ])('%s', (sql, lines) => {
    expect(columnLines(resolved(sql))).toEqual(lines);
  });
});

describe('outputs', () => {
  it.each<[sql: string, lines: string[] | '?']>([
    ['SELECT id, lower(email), email AS e FROM customers c', ['id: c.id', 'lower: f(c.email)', 'e: c.email']],
    [
      'SELECT * FROM orders o NATURAL JOIN payments p',
      ['id: o.id', 'customer_id: o.customer_id', 'total: o.total', 'amount: p.amount'],
    ],
    ['SELECT count(*), c FROM customers c', ['count: f()', 'c: f(c.id, c.email, c.region)']],
    ['WITH x (a) AS (SELECT email FROM customers c) SELECT a FROM x', ['a: c.email']],
    [
      'WITH RECURSIVE r AS (SELECT id FROM orders o UNION ALL SELECT c.id FROM r, customers c WHERE c.email = $1) SELECT id FROM r',
      ['id: f(o.id, c.id, c.email)'],
    ],
    ['SELECT email FROM customers c UNION SELECT note FROM other.customers d', ['email: f(c.email, d.note)']],
    ['VALUES (1), (2)', ['column1: f()']],
    [
      'SELECT 1::int::text, CASE WHEN true THEN 1 END, (SELECT max(id) FROM orders), x[1], nowhere FROM customers',
      ['text: f()', 'case: f()', 'max: f(public.orders.id)', 'x: unknown', 'nowhere: unknown'],
    ],
    ['SELECT * FROM shout()', '?'],
    ['INSERT INTO customers AS c VALUES (1) RETURNING id', ['id: c.id']],
    ['COPY customers (email) TO STDOUT', ['email: public.customers.email']],
    ['DELETE FROM customers', []],
  ])('%s', (sql, lines) => {
    expect(outputLines(resolved(sql))).toEqual(lines);
  });
});

describe('functions and operators', () => {
  const functionsOf = (sql: string): string[] =>
    resolved(sql).functions.map(
      (use) =>
        `${use.name.join('.')}/${use.argumentCount}${use.nameSpan === undefined ? ' unnamed' : ''}${use.functionalColumn === undefined ? '' : ' column'}`,
    );

  it.each<[sql: string, functions: string[]]>([
    [
      'SELECT pg_catalog.LOWER(email), extract(year FROM now()) FROM customers',
      ['pg_catalog.lower/1', 'pg_catalog.extract/2 unnamed', 'now/0'],
    ],
    ['SELECT email(c) FROM customers c', ['email/1 column']],
    [
      'SELECT c.shout, (c).shout, (c).email, c.email FROM customers c',
      ['shout/1 unnamed', 'shout/1 unnamed'],
    ],
    ['SELECT 1 FROM shout() WHERE EXISTS (SELECT count(*))', ['shout/0', 'count/0']],
    ['CALL shout()', ['shout/0']],
  ])('%s', (sql, functions) => {
    expect(functionsOf(sql)).toEqual(functions);
  });

  it('names the operators that sugar stands for', () => {
    const names = (sql: string): string[] => resolved(sql).operators.map((use) => use.name.join('.'));
    expect(names('SELECT 1 FROM orders WHERE id BETWEEN 1 AND 2')).toEqual(['>=', '<=']);
    expect(names('SELECT 1 FROM orders WHERE id IN (SELECT 1) OR id OPERATOR(other.=) 1')).toEqual([
      '=',
      'other.=',
    ]);
    expect(names('SELECT 1 FROM orders JOIN payments USING (id) ORDER BY 1 USING <')).toEqual(['=', '<']);
  });
});

describe('levels', () => {
  it('hold their own relations and the conjuncts that may be hoisted', () => {
    const { levels } = resolved(
      `SELECT 1 FROM (customers c JOIN orders o ON o.customer_id = c.id AND o.total > 1)
        WHERE c.id = 1 AND (c.id = 2 OR true) AND EXISTS (SELECT 1 FROM payments LEFT JOIN orders q ON q.id = 1)`,
    );
    expect(levels.map((level) => [level.parent, level.uses.length, level.conjuncts.length])).toEqual([
      [undefined, 2, 5],
      [0, 2, 0],
    ]);
  });

  it('do not hold ON conditions below an outer join', () => {
    const { levels } = resolved(
      'SELECT 1 FROM (customers c JOIN orders o ON o.id = 1) LEFT JOIN payments p ON p.id = 1',
    );
    expect(levels[0]?.conjuncts).toEqual([]);
  });
});
