/**
 * `where: equality`: comparisons with constants see the real value, everything else the mask, and nothing of a withheld
 * row. Right answers first, then the same against a naive statement over masked copies, then what an insider tries.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { crmPolicy, governed, Refused, type Governed } from '../support/governed.js';
import { otherPeople, otherSecrets } from '../support/hidden.js';
import { postgresVersions } from '../support/servers.js';

const policy = crmPolicy
  .replace(
    'contact.email: email_partial, contact.phone: last4, identity.name: clear, payment.card: deny, "*": redact',
    'contact.email: { mask: email_partial, where: equality }, contact.phone: { mask: last4, where: equality }, identity.name: clear, identity.birth_date: { mask: redact, where: equality }, payment.card: deny, "*": redact',
  )
  .replace(
    'contact.email: email_partial, identity.birth_date: year',
    'contact.email: { mask: email_partial, where: equality }, identity.birth_date: { mask: year, where: equality }',
  );

const ada = 'ada.canary1@example.com';
const bob = 'bob.canary2@example.com';
/** Withheld from support. */
const eve = 'eve.canary5@example.com';

/** Statement, parameters, rows as support. */
const answers: readonly (readonly [sql: string, values: readonly unknown[], rows: readonly unknown[][]])[] = [
  [`SELECT id, email FROM customers WHERE email = '${ada}'`, [], [[1, 'a***@example.com']]],
  ['SELECT id FROM customers WHERE email = $1', [ada], [[1]]],
  ['SELECT id FROM customers WHERE $1 = email', [ada], [[1]]],
  ['SELECT id FROM customers WHERE email = $1::text', [ada], [[1]]],
  ['SELECT id FROM customers WHERE email = CAST($1 AS varchar(200))', [ada], [[1]]],
  ['SELECT id FROM customers WHERE $1::character varying = email', [ada], [[1]]],
  ['SELECT id FROM customers WHERE "customers"."email" = $1 LIMIT $2', [ada, 1], [[1]]],
  [
    'SELECT "public"."customers"."id" FROM "public"."customers" WHERE "public"."customers"."email" = $1',
    [ada],
    [[1]],
  ],
  ['SELECT id FROM customers WHERE (((email)) = ($1))', [ada], [[1]]],
  ['SELECT id FROM customers WHERE email OPERATOR(pg_catalog.=) $1', [ada], [[1]]],
  ['SELECT id FROM customers WHERE email = varchar $$ada.canary1@example.com$$', [], [[1]]],
  [`SELECT id FROM customers WHERE email IN ('${ada}', '${bob}') ORDER BY id`, [], [[1], [2]]],
  ['SELECT id FROM customers WHERE email IN ($1, $2) ORDER BY id', [ada, bob], [[1], [2]]],
  ['SELECT id FROM customers WHERE email = ANY($1) ORDER BY id', [[ada, bob]], [[1], [2]]],
  ['SELECT id FROM customers WHERE email = ANY($1::text[]) ORDER BY id', [[ada, bob]], [[1], [2]]],
  [
    `SELECT id FROM customers WHERE email = ANY (ARRAY['${ada}', $1]::varchar[]) ORDER BY id`,
    [bob],
    [[1], [2]],
  ],
  [`SELECT id FROM customers WHERE email = SOME ('{${ada}}') ORDER BY id`, [], [[1]]],
  [`SELECT id FROM customers WHERE email <> '${ada}' ORDER BY id`, [], [[2], [3], [4], [6]]],
  [`SELECT id FROM customers WHERE email != $1 ORDER BY id`, [ada], [[2], [3], [4], [6]]],
  [`SELECT id FROM customers WHERE email NOT IN ('${ada}', '${bob}') ORDER BY id`, [], [[3], [4], [6]]],
  ['SELECT id FROM customers WHERE email <> ALL($1) ORDER BY id', [[ada, bob]], [[3], [4], [6]]],
  ['SELECT id FROM customers WHERE phone IS NOT DISTINCT FROM $1', ['+1-555-0000003'], [[3]]],
  [
    'SELECT id FROM customers WHERE phone IS DISTINCT FROM $1 ORDER BY id',
    ['+1-555-0000003'],
    [[1], [2], [4], [6]],
  ],
  ["SELECT id FROM customers WHERE birth_date = '1985-02-03'", [], [[1]]],
  ['SELECT id FROM customers WHERE birth_date = $1', ['1985-02-03'], [[1]]],
  ["SELECT id FROM customers WHERE birth_date = DATE '1985-02-03'", [], [[1]]],
  ['SELECT id FROM customers WHERE birth_date = $1::timestamp', ['1985-02-03'], [[1]]],
  // Places other than a conjunct of WHERE.
  ['SELECT id FROM customers WHERE email = $1 OR id = 3 ORDER BY id', [ada], [[1], [3]]],
  ['SELECT id FROM customers WHERE NOT (email = $1) AND id < 4 ORDER BY id', [ada], [[2], [3]]],
  [
    'SELECT id FROM customers WHERE NOT (email = $1 AND email IS NOT NULL) AND id < 4 ORDER BY id',
    [ada],
    [[2], [3]],
  ],
  [
    'SELECT id FROM customers WHERE CASE WHEN email = $1 THEN true ELSE id = 2 END ORDER BY id',
    [ada],
    [[1], [2]],
  ],
  ['SELECT id FROM customers WHERE (email = $1) IS TRUE', [ada], [[1]]],
  ['SELECT email = $1 FROM customers WHERE id < 3 ORDER BY id', [ada], [[true], [false]]],
  ['SELECT id FROM customers ORDER BY email = $1 DESC, id LIMIT 2', [bob], [[2], [1]]],
  ['SELECT count(*) FILTER (WHERE email = $1)::int FROM customers', [ada], [[1]]],
  ['SELECT bool_or(email = $1) FROM customers', [eve], [[false]]],
  [
    'SELECT region, count(*)::int FROM customers WHERE email IN ($1, $2) GROUP BY region',
    [ada, bob],
    [['EU', 2]],
  ],
  [
    'SELECT email = $1 AS is_ada, count(*)::int FROM customers GROUP BY 1 ORDER BY 1',
    [ada],
    [
      [false, 4],
      [true, 1],
    ],
  ],
  ['SELECT id FROM customers WHERE (email = $1 AND phone = $1) OR (email = $1 AND id = 1)', [ada], [[1]]],
  ['SELECT $1::text FROM customers WHERE email = $1', [ada], [[ada]]],
  [
    `WITH hit AS (SELECT * FROM customers WHERE email = '${ada}') SELECT id, email FROM hit`,
    [],
    [[1, 'a***@example.com']],
  ],
  [
    `SELECT s.id FROM (SELECT c.id, c.region FROM customers c WHERE c.email = $1 OR c.id = 3) s ORDER BY 1`,
    [ada],
    [[1], [3]],
  ],
  ['SELECT id FROM customers WHERE id IN (SELECT c.id FROM customers c WHERE c.email = $1)', [ada], [[1]]],
  [
    'SELECT o.id FROM orders o WHERE EXISTS (SELECT * FROM customers c WHERE c.id = o.customer_id AND c.email = $1) ORDER BY 1',
    [ada],
    [[10], [14]],
  ],
  [
    'SELECT id FROM customers c WHERE EXISTS (SELECT 1 FROM orders o WHERE o.customer_id = c.id AND c.email = $1)',
    [ada],
    [[1]],
  ],
  [
    'SELECT id FROM customers WHERE EXISTS (SELECT 1 FROM orders WHERE customer_id = customers.id AND email = $1)',
    [ada],
    [[1]],
  ],
  ['SELECT x.y FROM customers c, LATERAL (SELECT c.email = $1 AS y) x WHERE c.id = 1', [ada], [[true]]],
  [
    "SELECT id FROM customers WHERE email = $1 UNION ALL SELECT id FROM leads WHERE email = 'lead.canary1@example.com' ORDER BY 1",
    [bob],
    [[1], [2]],
  ],
  // Joins.
  [
    'SELECT o.id FROM orders o JOIN customers c ON c.id = o.customer_id AND c.email = $1 ORDER BY 1',
    [ada],
    [[10], [14]],
  ],
  [
    'SELECT o.id, c.id FROM orders o LEFT JOIN customers c ON c.id = o.customer_id AND c.email = $1 WHERE o.id < 12 ORDER BY 1',
    [ada],
    [
      [10, 1],
      [11, null],
    ],
  ],
  [
    'SELECT o.id FROM orders o LEFT JOIN customers c ON c.id = o.customer_id WHERE c.email = $1 ORDER BY 1',
    [ada],
    [[10], [14]],
  ],
  [
    'SELECT c.id, o.id FROM customers c LEFT JOIN orders o ON o.customer_id = c.id WHERE c.email = $1 ORDER BY 2',
    [ada],
    [
      [1, 10],
      [1, 14],
    ],
  ],
  [
    'SELECT o.id FROM orders o LEFT JOIN customers c ON c.id = o.customer_id WHERE c.email = $1 OR c.email IS NULL ORDER BY 1',
    [ada],
    [[10], [14]],
  ],
  [
    'SELECT a.id, b.id FROM customers a JOIN customers b USING (id) WHERE a.email = $1 AND b.email = $2',
    [ada, ada],
    [[1, 1]],
  ],
  ['SELECT id FROM customers a JOIN customers b USING (id, email) WHERE email = $1', [ada], [[1]]],
  ['SELECT id FROM customers a NATURAL JOIN tickets t WHERE a.email = $1 OR a.id = 99', [ada], [[1]]],
  [
    'SELECT a.id FROM customers a RIGHT JOIN orders o ON o.customer_id = a.id AND a.email = $1 WHERE o.id = 10',
    [ada],
    [[1]],
  ],
  // Stars, whole rows and aliases, where the comparison moves.
  ['SELECT (to_jsonb(c)->>$$email$$) FROM customers c WHERE email = $1', [ada], [['a***@example.com']]],
  ['SELECT k FROM customers AS t(k, f, l, e) WHERE e = $1', [ada], [[1]]],
  ['SELECT j.x FROM (customers c JOIN products p ON p.id = c.id) AS j(x) WHERE j.email = $1', [ada], [[1]]],
  [
    'SELECT count(*)::int FROM (SELECT * FROM customers a NATURAL JOIN tickets t WHERE a.email = $1) s',
    [ada],
    [[1]],
  ],
  ['SELECT s.id FROM (SELECT * FROM customers WHERE email = $1 OR id = 2) s ORDER BY 1', [ada], [[1], [2]]],
  [
    'SELECT count(*)::int FROM (SELECT * FROM customers TABLESAMPLE BERNOULLI (100) WHERE email = $1) s',
    [ada],
    [[1]],
  ],
  // Views.
  ['SELECT id, full_name FROM customer_directory WHERE email = $1', [ada], [[1, 'Ada Secretname1']]],
  [
    'SELECT order_id FROM order_overview WHERE customer_email = $1 OR order_id = 12 ORDER BY 1',
    [ada],
    [[10], [12], [14]],
  ],
  // Everything else sees the mask.
  [`SELECT id FROM customers WHERE email LIKE 'ada.%'`, [], []],
  [`SELECT id FROM customers WHERE lower(email) = '${ada}'`, [], []],
  [`SELECT id FROM customers WHERE email::text = '${ada}'`, [], []],
  [`SELECT id FROM customers WHERE email || '' = '${ada}'`, [], []],
  [`SELECT id FROM customers WHERE email >= '${ada}' AND email <= '${ada}'`, [], []],
  [`SELECT id FROM customers WHERE email BETWEEN '${ada}' AND '${ada}'`, [], []],
  [`SELECT id FROM customers WHERE (email, id) = ('${ada}', 1)`, [], []],
  [`SELECT nullif(email, '${ada}') FROM customers WHERE id = 1`, [], [['a***@example.com']]],
  [`SELECT CASE email WHEN '${ada}' THEN 1 ELSE 2 END FROM customers WHERE id = 1`, [], [[2]]],
  ['SELECT a.id FROM customers a JOIN leads b ON a.email = b.email', [], []],
  [`SELECT id FROM customers WHERE email = (SELECT '${ada}'::varchar)`, [], []],
  [`SELECT id FROM customers WHERE email = lower('${ada}')`, [], []],
  [`SELECT id FROM customers WHERE (customers).email = '${ada}'`, [], []],
  // Withheld people are not found.
  ['SELECT id FROM customers WHERE email = $1', [eve], []],
  ['SELECT count(*)::int FROM customers WHERE email = $1 OR false', [eve], [[0]]],
  ['SELECT o.id FROM orders o LEFT JOIN customers c ON c.email = $1 WHERE c.id IS NOT NULL', [eve], []],
];

/** Other secrets, or other withheld people, give the same answers. */
const attacks = [
  `SELECT id FROM customers WHERE email = '${eve}'`,
  `SELECT count(*) FROM customers WHERE email = '${eve}' OR false`,
  `SELECT id, email = '${eve}' FROM customers ORDER BY id`,
  `SELECT 1 / (CASE WHEN email = '${eve}' THEN 0 ELSE 1 END) FROM customers`,
  `SELECT id FROM customers WHERE email = '${eve}' AND 1/0 = 1`,
  `SELECT id FROM customers WHERE email = '${eve}' AND notes::int = 1`,
  `SELECT id FROM customers WHERE CASE WHEN email = '${eve}' THEN 1/0 = 1 ELSE false END`,
  `SELECT p.id FROM products p LEFT JOIN customers c ON c.email = '${eve}' ORDER BY 1`,
  `SELECT p.id FROM products p WHERE NOT EXISTS (SELECT 1 FROM customers c WHERE c.email = '${eve}') ORDER BY 1`,
  `SELECT p.id FROM products p WHERE '${eve}' IN (SELECT email FROM customers) ORDER BY 1`,
  `SELECT (SELECT 1/0 FROM customers c WHERE c.email = '${eve}')`,
  `SELECT c.id FROM customers c JOIN orders o ON o.customer_id = c.id AND c.email IN ('${eve}', 'nobody@example.com') ORDER BY 1`,
  `SELECT id FROM customers WHERE email = ANY ('{${eve}}'::text[])`,
  `SELECT max(id) FROM customers WHERE email IS NOT DISTINCT FROM '${eve}'`,
  "SELECT id FROM customers WHERE email = 'nobody@example.com' OR notes = 'canary-note-1 likes tea'",
  "SELECT id FROM customers WHERE email = 'nobody@example.com' OR email LIKE '%canary%' ORDER BY id",
  "SELECT * FROM customers WHERE email = 'nobody@example.com' OR id > 0 ORDER BY id",
  "SELECT c.* FROM customers c WHERE email = 'nobody@example.com' OR id > 0 ORDER BY id",
  "SELECT c.*, p.* FROM customers c, products p WHERE c.email = 'nobody@example.com' OR c.id = p.id ORDER BY c.id",
  "SELECT s FROM (SELECT * FROM customers WHERE email = 'nobody@example.com' OR id > 0) s ORDER BY s.id",
  "SELECT row_to_json(s), s::text FROM (SELECT * FROM customers WHERE email = 'nobody@example.com' OR id > 0) s ORDER BY s.id",
  "SELECT * FROM (SELECT id FROM customers WHERE email = 'nobody@example.com' OR id > 0) s NATURAL JOIN customers c ORDER BY 1",
  "WITH w AS MATERIALIZED (SELECT * FROM customers WHERE email = 'nobody@example.com' OR id > 0) SELECT to_jsonb(w) FROM w ORDER BY 1",
  "SELECT l.* FROM customers c, LATERAL (SELECT c.*) l WHERE c.email = 'nobody@example.com' OR c.id > 0 ORDER BY l.id",
  "SELECT count(*) FROM customers c WHERE c.email = 'nobody@example.com' OR c.email < 'b'",
  "SELECT id FROM customers WHERE email = 'nobody@example.com' OR email > 'c' ORDER BY email, id",
  "SELECT min(email), max(email) FROM customers WHERE email <> 'nobody@example.com'",
  "SELECT email, count(*) FROM customers WHERE email <> 'nobody@example.com' GROUP BY email ORDER BY 1",
  "SELECT id FROM customers WHERE email = '1'::varchar(2) OR email::int = 5",
  "SELECT id FROM customers WHERE birth_date = '1800-01-01' OR birth_date > '1900-01-01' ORDER BY 1",
  "COPY (SELECT * FROM customers WHERE email = 'nobody@example.com' OR id > 0 ORDER BY id) TO STDOUT",
] as const;

const refused = [
  "SELECT pgveil_e0_4 FROM customers WHERE email = 'x' OR true",
  'SELECT "pgveil_e0_4" FROM customers WHERE email = $$x$$ OR true',
  "SELECT PGVEIL_E0_4 FROM customers WHERE email = 'x' OR true",
  "SELECT customers.pgveil_e0_4 FROM customers WHERE email = 'x' OR true",
  "SELECT (customers).pgveil_e0_4 FROM customers WHERE email = 'x' OR true",
  "SELECT pgveil_e0_4(customers) FROM customers WHERE email = 'x' OR true",
  "SELECT id FROM customers NATURAL JOIN (SELECT 'y'::varchar(200) AS pgveil_e0_4) s WHERE email = 'x' OR true",
  "SELECT 1 FROM customers JOIN customers b USING (pgveil_e0_4) WHERE customers.email = 'x' OR true",
  "SELECT (SELECT pgveil_e0_4) FROM customers WHERE email = 'x' OR true",
  'SELECT row_to_json(c) FROM customers c WHERE email = $$x$$ OR true',
  'SELECT c FROM customers c WHERE email = $$x$$ OR true',
  'SELECT c.*::text FROM customers c WHERE email = $$x$$ OR true',
  'SELECT ROW(c.*) FROM customers c WHERE email = $$x$$ OR true',
  'SELECT count(c) FROM customers c WHERE email = $$x$$ OR true',
  'SELECT (c).* FROM customers c WHERE email = $$x$$ OR true',
  'SELECT m FROM customers t(a,b,c,d,e,f,g,h,i,j,k,l,m) WHERE d = $$x$$ OR true',
  'SELECT j.* FROM (customers c JOIN products p ON p.id = c.id) j WHERE j.email = $$x$$ OR true',
  'SELECT row_to_json(j) FROM (customers c JOIN products p ON p.id = c.id) j WHERE j.email = $$x$$ OR true',
  'SELECT * FROM customers c NATURAL JOIN tickets t WHERE c.email = $$x$$ OR true',
  'SELECT * FROM customers c JOIN tickets t USING (id) WHERE c.email = $$x$$ OR true',
  'SELECT nonsense FROM customers c WHERE email = $$x$$ OR true',
  // The mask is what a subquery passes on, and no constant equals it.
  `SELECT id FROM (SELECT * FROM customers) s WHERE email = '${ada}'`,
  `WITH w AS (SELECT id, email FROM customers) SELECT id FROM w WHERE email IN ('${ada}')`,
  `SELECT id FROM (SELECT id, email AS e FROM customers) s WHERE s.e = '${ada}'`,
] as const;

describe.each(postgresVersions)('where: equality on PostgreSQL %i', (version) => {
  const pairs: Record<'support' | 'marketing', Governed[]> = { support: [], marketing: [] };
  let crm: Governed;
  beforeAll(async () => {
    crm = await governed(version, { policy });
    pairs.support = [crm, await governed(version, { policy, setup: otherSecrets })];
    pairs.marketing = [crm, await governed(version, { policy, setup: otherSecrets + otherPeople })];
  });
  afterAll(async () => {
    await Promise.all([...new Set([...pairs.support, ...pairs.marketing])].map((each) => each.close()));
  });

  it.each(answers)('answers: %s', async (sql, values, rows) => {
    const result = await crm.run(sql, crm.session('support'), values, 'array');
    expect(result.rows).toEqual(rows);
  });

  const outcome = async (on: Governed, sql: string, role: 'support' | 'marketing'): Promise<unknown> => {
    try {
      const result = await on.run(sql, on.session(role));
      return { rows: result.rows, count: result.rowCount };
    } catch (error) {
      if (error instanceof Refused) return { refused: error.rule, message: error.message };
      const { code, message, detail, where } = error as Record<string, unknown>;
      return { code, message, detail, where };
    }
  };

  describe.each(['support', 'marketing'] as const)('as %s', (role) => {
    it.each(attacks)('learns nothing from: %s', async (sql) => {
      const [first, second] = await Promise.all(pairs[role].map((each) => outcome(each, sql, role)));
      expect(first).not.toHaveProperty('refused');
      expect(second).toEqual(first);
      expect(JSON.stringify(first)).not.toMatch(/canary-|[a-z]\.canary|@canary|pgveil_|zzzz/);
    });

    it.each(refused)('is refused: %s', async (sql) => {
      expect(await outcome(crm, sql, role)).toHaveProperty('refused');
    });
  });

  it.each(['support', 'marketing'] as const)('finds only people that %s may see', async (role) => {
    const session = crm.session(role);
    const seen = await crm.run('SELECT id FROM customers ORDER BY id', session, [], 'array');
    const { rows: everybody } = await crm.db.query('SELECT id, email FROM customers ORDER BY id');
    const found: unknown[] = [];
    for (const { email } of everybody as { email: string }[]) {
      const { rows } = await crm.run('SELECT id FROM customers WHERE email = $1', session, [email], 'array');
      found.push(...(rows as unknown[]));
    }
    expect(found).toEqual(seen.rows);
  });
});
