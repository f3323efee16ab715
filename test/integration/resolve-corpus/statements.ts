/** The oracle's statements: those written by hand, and the product of FROM shapes and the places a query can stand in. */
import { readFileSync } from 'node:fs';

export interface CorpusEntry {
  readonly sql: string;
  readonly searchPath: readonly string[];
}

const SEARCH_PATHS: readonly (readonly string[])[] = [
  ['public'],
  ['a', 'public'],
  ['b', 'a', 'public'],
  ['a', 'pg_catalog', 'public'],
  ['Mixed Case', 'b', 'public'],
];

/** FROM lists; whatever the search path, `k` is an integer column of one entry. */
const SHAPES: readonly string[] = [
  '(SELECT id AS k FROM customers) s',
  'customers s (k)',
  'ONLY customers AS s (k)',
  'customers s (k) JOIN orders o ON o.id = s.k',
  'orders o LEFT JOIN customers s (k) ON o.id = s.k',
  '(t s (k) CROSS JOIN leads) ',
  '(customers x JOIN t y USING (id)) AS s (k)',
  'orders NATURAL JOIN payments NATURAL JOIN tickets s (k, customer_id)',
  'v s (k)',
  'leads l, LATERAL (SELECT c.id AS k FROM customers c WHERE c.id = l.id) s',
  '(SELECT id AS k FROM t UNION SELECT id FROM customers) s',
  '(WITH customers AS (SELECT id FROM t) SELECT id AS k FROM customers) s, customers c',
  '(VALUES ((SELECT max(id) FROM customers))) AS s (k)',
  'pg_class rel, generate_series(1, 2) AS s (k)',
  'events s (k) TABLESAMPLE SYSTEM (50)',
];

/** Where the query stands. `$` is the FROM list. */
const PLACES: readonly string[] = [
  'SELECT s.k FROM $',
  'WITH t AS (SELECT 1 AS id, 2 AS x) SELECT s.k FROM $',
  'WITH customers AS (SELECT id, email FROM customers) SELECT s.k, (SELECT count(*) FROM customers) AS n FROM $',
  'WITH RECURSIVE leads (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM leads WHERE id < 3) SELECT s.k FROM $',
  'SELECT p.id FROM products p WHERE p.id IN (SELECT s.k FROM $)',
  'SELECT p.id, (SELECT max(s.k) FROM $ WHERE s.k < p.id) AS m FROM products p',
  'SELECT q.k FROM products p LEFT JOIN LATERAL (SELECT s.k FROM $ WHERE s.k = p.id) q ON true',
];

function pathOf(path: readonly string[], shape: string): readonly string[] {
  // `v` and `events` live in schema a alone.
  return /^(v|events) /.test(shape) && !path.includes('a') ? [...path, 'a'] : path;
}

export function corpus(): CorpusEntry[] {
  const text = readFileSync(new URL('handwritten.sql', import.meta.url), 'utf8');
  const handwritten = text
    .split(/;\s*$/m)
    .map((sql) => sql.trim())
    .filter((sql) => sql !== '')
    .map((sql) => ({ sql, searchPath: ['public'] }));
  const generated = SHAPES.flatMap((shape, row) =>
    PLACES.flatMap((place, column) =>
      // Every shape meets every path, and every place meets every path; all three together would only take time.
      SEARCH_PATHS.filter((_, index) => (row + column + index) % 2 === 0).map((path) => ({
        sql: place.replace('$', () => shape),
        searchPath: pathOf(path, shape),
      })),
    ),
  );
  return [...handwritten, ...generated];
}
