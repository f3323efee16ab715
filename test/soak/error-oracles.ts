/**
 * One expression that fails on some values, in one clause, with nothing else that could fail: who may choose the expression
 * reads any value from whether an error comes. The thresholds are values of withheld rows.
 */
import type { Random } from './random.js';

const expressions: Readonly<Record<string, readonly string[]>> = {
  orders: [
    '1 / (total - 59)',
    '1 / (total - 0)',
    '1 / (total - 29.90)',
    '1 / (extract(year FROM placed_at)::int - 1990)',
    '1 / (length(status) - 6)',
  ],
  customers: [
    '1 / (length(first_name) - 6)',
    '1 / (length(last_name) - 1)',
    '1 / (length(last_name) - 5)',
    '1 / (extract(year FROM created_at)::int - 1999)',
    '1 / (extract(year FROM created_at)::int - 2000)',
    '1 / (ascii(region) - 89)',
    '1 / (ascii(region) - 88)',
    '1 / (length(notes) - 24)',
    '1 / (length(notes) - 17)',
    '1 / (length(email) - 6)',
  ],
  payments: ['1 / (amount - 0)', '1 / (amount - 29.90)'],
  tickets: ['1 / (ascii(region) - 70)', '1 / (length(subject) - 23)'],
};

type Clause = (table: string, error: string) => string;

const clauses: readonly Clause[] = [
  (t, e) => `SELECT count(*) FROM ${t} WHERE ${e} > 0`,
  (t, e) => `SELECT count(*) FROM ${t} WHERE ${e} > 0 OR id < 0`,
  (t, e) => `SELECT id FROM ${t} WHERE CASE WHEN id > 0 THEN ${e} END > 0 ORDER BY 1`,
  (t, e) => `SELECT ${e} AS v FROM ${t} ORDER BY 1`,
  (t, e) => `SELECT id FROM ${t} ORDER BY ${e}, id`,
  (t, e) => `SELECT ${e} AS k, count(*) FROM ${t} GROUP BY 1 ORDER BY 1`,
  (t, e) => `SELECT id FROM ${t} GROUP BY id HAVING max(${e}) > 0 ORDER BY 1`,
  (t, e) => `SELECT DISTINCT ${e} AS v FROM ${t} ORDER BY 1`,
  (t, e) => `SELECT count(*) FILTER (WHERE ${e} > 0) FROM ${t}`,
  (t, e) => `SELECT id, count(*) OVER (PARTITION BY ${e}) AS n FROM ${t} ORDER BY 1`,
  (t, e) => `SELECT sum(${e}) FROM ${t}`,
  (t, e) => `SELECT p.id FROM products p JOIN ${t} x ON ${over(e)} > p.id ORDER BY 1`,
  (t, e) => `SELECT p.id FROM products p LEFT JOIN ${t} x ON ${over(e)} > p.id ORDER BY 1`,
  (t, e) => `SELECT p.id FROM products p WHERE EXISTS (SELECT FROM ${t} WHERE ${e} > p.price) ORDER BY 1`,
  (t, e) => `SELECT p.id FROM products p WHERE p.id IN (SELECT (${e})::int FROM ${t}) ORDER BY 1`,
  (t, e) => `SELECT p.id, l.v FROM products p, LATERAL (SELECT max(${e}) AS v FROM ${t}) l ORDER BY 1`,
  (t, e) => `SELECT id FROM products ORDER BY id LIMIT (SELECT count(${e}) FROM ${t})`,
  (t, e) => `WITH w AS MATERIALIZED (SELECT ${e} AS v FROM ${t}) SELECT max(v) FROM w`,
  (t, e) => `SELECT ${e} AS v FROM ${t} UNION SELECT 1 ORDER BY 1`,
  (t, e) => `SELECT v FROM (SELECT id, ${e} AS v FROM ${t} OFFSET 0) s ORDER BY 1`,
  (t, e) => `UPDATE ${t} SET id = id WHERE ${e} > 0 RETURNING id`,
  (t, e) => `UPDATE ${t} SET id = id + 0 * coalesce((${e})::int, 0) RETURNING id`,
  (t, e) =>
    `MERGE INTO ${t} x USING products p ON x.id = p.id WHEN MATCHED AND ${over(e)} > 0 THEN DO NOTHING`,
  (t, e) => `INSERT INTO products SELECT 1000 + id, 'x', (${e})::numeric FROM ${t} RETURNING id`,
  (t, e) => `WITH w AS (UPDATE ${t} SET id = id RETURNING ${e} AS v) SELECT count(v) FROM w`,
];

export function errorOracle(random: Random): string {
  const table = random.pick(Object.keys(expressions));
  return random.pick(clauses)(table, random.pick(expressions[table]!));
}

/** The expression over alias x. */
function over(expression: string): string {
  return expression.replace(
    /\b(total|placed_at|status|first_name|last_name|created_at|region|notes|email|amount|customer_id|subject)\b/,
    'x.$1',
  );
}
