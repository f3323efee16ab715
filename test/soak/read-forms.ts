/** Forms of reading that the plain generator does not make: one function per form, each with errors in its own clause. */
import type { Queries } from './queries.js';
import type { Source } from './schema.js';

type Form = (queries: Queries) => string;

/** Each gives one query whose rows come in one possible order, or carries no order at all. */
const forms: Readonly<Record<string, Form>> = {
  star: ({ random }) =>
    `SELECT * FROM ${random.pick(['customers', 'orders', 'tickets', 'payments'])} ORDER BY 1`.replace(
      'SELECT * FROM payments',
      'SELECT id, customer_id, amount FROM payments',
    ),
  tableCommand: ({ random }) => `TABLE ${random.pick(['customers', 'orders', 'tickets'])} ORDER BY 1`,
  view: ({ random }) =>
    random.pick([
      'SELECT * FROM customer_directory ORDER BY id',
      "SELECT count(*), max(email) FROM customer_directory WHERE full_name LIKE '%a%'",
      'SELECT order_id, customer_email, 1 / (total - 59) FROM order_overview ORDER BY 1',
    ]),
  groupingSets: (queries) => {
    const { source, e } = one(queries, 'customers');
    const kind = queries.random.pick(['GROUPING SETS ((1), (2), ())', 'ROLLUP (1, 2)', 'CUBE (1, 2)']);
    return `SELECT ${e('text')} AS a, ${e('int')} AS b, count(*) AS n FROM ${source} GROUP BY ${kind} ORDER BY 1, 2, 3`;
  },
  groupByKey: (queries) => {
    const { e } = one(queries, 'customers', 'c');
    return `SELECT c.id, c.last_name, c.email, count(o.id) FROM customers c LEFT JOIN orders o ON o.customer_id = c.id WHERE ${e('bool')} GROUP BY c.id ORDER BY 1`;
  },
  window: (queries) => {
    const { source, e } = one(queries, queries.random.pick(['customers', 'orders', 'tickets']));
    const call = queries.random.pick([
      'row_number()',
      'rank()',
      'count(*)',
      `sum(${e('int')})`,
      `max(${e('text')})`,
    ]);
    return `SELECT w.id, ${call} OVER (PARTITION BY ${e('text')} ORDER BY w.id ${queries.random.pick(['', 'ROWS BETWEEN 1 PRECEDING AND CURRENT ROW'])}) AS v FROM ${source} ORDER BY 1`;
  },
  lateral: (queries) => {
    const { e } = one(queries, 'customers', 'c');
    return `SELECT c.id, l.n, l.t FROM customers c ${queries.random.pick(['CROSS JOIN LATERAL', 'LEFT JOIN LATERAL'])} (SELECT count(*) AS n, max(${e('text')}) AS t FROM orders o WHERE o.customer_id = c.id AND 1 / (o.total - ${queries.random.pick(['59', '9', '0'])}) IS NOT NULL) l ON true ORDER BY 1, 2, 3`.replace(
      /(CROSS JOIN LATERAL .*) ON true/,
      '$1',
    );
  },
  distinctOn: (queries) => {
    const { source, e } = one(queries, 'customers');
    return `SELECT DISTINCT ON (w.region) w.region, w.id, ${e('text')} AS t FROM ${source} ORDER BY w.region, w.id`;
  },
  naturalJoin: ({ random }) =>
    `SELECT id, region FROM customers ${random.pick(['NATURAL JOIN', 'NATURAL LEFT JOIN', 'NATURAL FULL JOIN'])} (SELECT id, region FROM tickets) t ORDER BY 1, 2`,
  using: ({ random }) =>
    `SELECT id, c.email, t.subject FROM customers c ${random.pick(['JOIN', 'LEFT JOIN', 'FULL JOIN'])} tickets t USING (id) ORDER BY 1, 2, 3`,
  recursive: (queries) => {
    const { e } = one(queries, 'customers', 'c');
    return `WITH RECURSIVE r(id, t) AS (SELECT c.id, ${e('text')} FROM customers c WHERE c.id = 1 UNION ALL SELECT c.id, c.last_name FROM r JOIN customers c ON c.id = r.id + 1 AND ${e('bool')}) SELECT * FROM r ORDER BY 1, 2`;
  },
  withTies: (queries) => {
    const { source, e } = one(queries, 'customers');
    return `SELECT ${e('text')} AS a FROM ${source} ORDER BY 1 FETCH FIRST ${1 + queries.random.below(3)} ROWS WITH TIES`;
  },
  limitExpression: (queries) => {
    const { e } = one(queries, 'customers');
    return `SELECT id FROM customers ORDER BY id LIMIT (SELECT ${e('int')} FROM customers w ORDER BY w.id LIMIT 1) OFFSET ${queries.random.below(2)}`;
  },
  orderByExpression: (queries) => {
    const { source, e } = one(queries, queries.random.pick(['customers', 'orders']));
    return `SELECT w.id FROM ${source} ORDER BY ${e('text')} ${queries.random.pick(['', 'DESC NULLS LAST'])}, ${e('int')}, w.id`;
  },
  jsonPath: ({ random }) =>
    `SELECT id, ${random.pick(["profile->'tier'", "profile #>> '{social,handle}'", "jsonb_path_query_first(profile, '$.social.handle')", "profile @? '$.social'", "(profile->>'tier')::int", 'jsonb_typeof(profile)'])} AS v FROM customers ORDER BY 1`,
  aggregatedRows: ({ random }) =>
    `SELECT ${random.pick(['json_agg(c ORDER BY c.id)::text', 'array_agg(c.email ORDER BY c.id)::text', 'jsonb_object_agg(c.id, c.notes)::text', "string_agg(c.phone, ',' ORDER BY c.id)"])} AS v FROM customers c`,
  lockRows: (queries) => {
    const { e } = one(queries, 'customers', 'c');
    return `SELECT c.id, c.email FROM customers c WHERE ${e('bool')} ORDER BY c.id ${queries.random.pick(['FOR UPDATE', 'FOR SHARE', 'FOR UPDATE SKIP LOCKED', 'FOR NO KEY UPDATE NOWAIT'])}`;
  },
  valuesJoin: (queries) => {
    const { e } = one(queries, 'customers', 'c');
    return `SELECT v.a, c.last_name, ${e('text')} AS t FROM (VALUES (1, 'x'), (2, 'y'), (5, 'z')) v(a, b) LEFT JOIN customers c ON c.id = v.a ORDER BY 1, 2, 3`;
  },
  scalarArray: (queries) => {
    const { e } = one(queries, 'customers', 'c');
    return `SELECT ARRAY(SELECT ${e('text')} FROM customers c WHERE ${e('bool')} ORDER BY c.id)::text AS v`;
  },
  explain: ({ random }) =>
    `EXPLAIN ${random.pick(['', '(COSTS OFF) ', '(FORMAT JSON) ', 'ANALYZE '])}SELECT * FROM customers WHERE notes LIKE '%4711%'`,
};

/** A table under an alias, and expressions over it. */
function one(
  queries: Queries,
  table: string,
  alias = 'w',
): {
  readonly source: string;
  readonly e: (type: Parameters<Queries['expressions']['expression']>[0]) => string;
} {
  const source: Source = { alias, columns: queries.columnsOf(table) };
  return {
    source: `${table} ${alias}`,
    e: (type) => queries.expressions.expression(type, [source], 2),
  };
}

export function readForm(queries: Queries): string {
  return queries.random.pick(Object.values(forms))(queries);
}

/**
 * LIKE fails on a pattern that ends in its escape character once a value reaches that end, and the planner tries patterns
 * on the most common values of withheld rows too.
 */
export function statisticsOracle({ random }: Queries): string {
  const column = random.pick(['customers.region', 'orders.status', 'orders.status', 'tickets.region']);
  const pattern = random.pick(['E', 'U', 'X', 'Y', 's', 'p', 'o']);
  const operator = random.pick(['LIKE', 'NOT LIKE', 'ILIKE']);
  const table = column.split('.')[0]!;
  return `SELECT count(*) FROM ${table} WHERE ${column} ${operator} '${pattern}\\'`;
}
