/** `where: deny`: a column that leaves in results and decides about nothing; and labels on places inside jsonb in reads. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bindPolicy } from '../../src/policy/bind.js';
import { loadPolicyTexts } from '../../src/policy/load.js';
import { crmPolicy, governed, Refused, type Governed } from '../support/governed.js';
import { otherSecrets } from '../support/hidden.js';
import { postgresVersions } from '../support/servers.js';

const denyEmail = crmPolicy.replace(
  'contact.email: email_partial, contact.phone: last4',
  'contact.email: { mask: email_partial, where: deny }, contact.phone: last4',
);

const shown: readonly (readonly [sql: string, first: unknown])[] = [
  ['SELECT email FROM customers ORDER BY id LIMIT 1', 'a***@example.com'],
  ['SELECT email AS e FROM customers WHERE id = 1', 'a***@example.com'],
  ['SELECT email::text FROM customers WHERE id = 1', 'a***@example.com'],
  ['SELECT c.email, * FROM customers c WHERE id = 1', 'a***@example.com'],
  ['SELECT s.email FROM (SELECT * FROM customers) s WHERE s.id = 1', 'a***@example.com'],
  ['WITH w AS (SELECT id, email FROM customers) SELECT email FROM w WHERE id = 1', 'a***@example.com'],
  ['SELECT (SELECT email FROM customers WHERE id = 1)', 'a***@example.com'],
  [
    'SELECT email FROM customers WHERE id = 1 UNION ALL SELECT email FROM leads WHERE false',
    'a***@example.com',
  ],
  [
    'SELECT email FROM customers c WHERE id = 1 AND EXISTS (SELECT * FROM customers d WHERE d.id = c.id)',
    'a***@example.com',
  ],
  ['SELECT DISTINCT ON (id) email, id FROM customers ORDER BY id', 'a***@example.com'],
  [
    'SELECT c.email FROM customers c JOIN orders o ON o.customer_id = c.id GROUP BY c.id ORDER BY c.id',
    'a***@example.com',
  ],
  ['SELECT email, count(*) OVER (PARTITION BY region) FROM customers ORDER BY id', 'a***@example.com'],
  ['SELECT email FROM customer_directory WHERE id = 1', 'a***@example.com'],
  ['UPDATE customers SET region = region WHERE id = 1 RETURNING email', 'a***@example.com'],
  [
    'INSERT INTO app_log (message) SELECT email FROM customers WHERE id = 1 RETURNING message',
    'a***@example.com',
  ],
];

const refused = [
  "SELECT id FROM customers WHERE email = 'a***@example.com'",
  'SELECT id FROM customers WHERE email IS NULL',
  'SELECT id FROM customers WHERE email LIKE $$a%$$',
  'SELECT email FROM customers ORDER BY email',
  'SELECT email FROM customers ORDER BY 1',
  'SELECT email AS e FROM customers ORDER BY e',
  'SELECT DISTINCT email FROM customers',
  'SELECT DISTINCT ON (email) id FROM customers',
  'SELECT email FROM customers GROUP BY email',
  'SELECT email, count(*) FROM customers GROUP BY 1',
  'SELECT email, region, count(*) FROM customers GROUP BY (1, 2)',
  'SELECT email, region FROM customers GROUP BY ((1, (2)))',
  'SELECT email, region FROM customers GROUP BY ROLLUP ((1, 2))',
  'SELECT email, region FROM customers GROUP BY GROUPING SETS (CUBE ((2, 1)), ())',
  'SELECT email AS id, region FROM customers ORDER BY id',
  'SELECT email AS k, region FROM customers GROUP BY (k, region)',
  'SELECT DISTINCT ON (id) email AS id, region FROM customers',
  'SELECT x FROM (SELECT source FROM leads UNION ALL SELECT email FROM customers) s(x) WHERE x LIKE $$a%$$',
  "WITH RECURSIVE w AS (SELECT 'x'::varchar AS e, 1 AS n UNION ALL SELECT c.email, n + 1 FROM w, customers c WHERE n < 2) SELECT n FROM w WHERE e LIKE 'a%'",
  'SELECT 1 FROM customers c, LATERAL (SELECT c.email) x(e) WHERE e = $$x$$',
  'SELECT s.c::text LIKE $$%a*%$$ FROM (SELECT c FROM customers c) s',
  'SELECT s.c FROM (SELECT c FROM customers c) s ORDER BY c',
  'SELECT j FROM (customers c JOIN orders o ON o.customer_id = c.id) j ORDER BY j',
  'WITH u AS (UPDATE customers SET region = region RETURNING *) SELECT 1 FROM u ORDER BY email',
  'SELECT id FROM customers c WHERE EXISTS (SELECT c.email INTERSECT SELECT $$x$$)',
  'SELECT id FROM customers c WHERE EXISTS (SELECT 1 FROM (SELECT c.email) s(e) WHERE e = $$x$$)',
  'SELECT id FROM customers c JOIN customers d ON c = d',
  'SELECT id FROM customers c WHERE to_jsonb(c)->>$$email$$ = $$x$$',
  'SELECT customer_email AS order_id FROM order_overview ORDER BY order_id',
  'MERGE INTO app_log a USING (SELECT email AS e FROM customers) c ON a.message = e WHEN MATCHED THEN DELETE',
  'INSERT INTO customers (id, first_name, last_name) VALUES (1, $$x$$, $$y$$) ON CONFLICT (id) DO UPDATE SET region = $$z$$ WHERE customers.email LIKE $$a%$$',
  'SELECT x FROM (SELECT (SELECT email FROM customers WHERE id = 1) AS x) s WHERE x = $$x$$',
  'SELECT 1 FROM customers c(a, b, cc, k) WHERE k = $$x$$',
  'SELECT x.e FROM customers c LEFT JOIN LATERAL (SELECT c.email AS e) x ON x.e LIKE $$a%$$',
  'SELECT (SELECT email AS z ORDER BY z) FROM customers',
  'SELECT s FROM (SELECT id, email FROM customers) s ORDER BY s',
  'SELECT count(email) FROM customers',
  'SELECT max(email) FROM customers',
  'SELECT string_agg(region, email) FROM customers',
  'SELECT count(*) FILTER (WHERE email IS NULL) FROM customers',
  'SELECT region, count(*) FROM customers GROUP BY region HAVING max(email) > $$a$$',
  'SELECT row_number() OVER (ORDER BY email) FROM customers',
  'SELECT row_number() OVER w FROM customers WINDOW w AS (PARTITION BY email)',
  'SELECT lower(email) FROM customers',
  'SELECT email || $$x$$ FROM customers',
  'SELECT coalesce(email, $$x$$) FROM customers',
  'SELECT CASE WHEN email IS NULL THEN 1 END FROM customers',
  'SELECT ARRAY[email] FROM customers',
  'SELECT ARRAY(SELECT email FROM customers)',
  'SELECT ROW(email) FROM customers',
  'SELECT row_to_json(c) FROM customers c',
  'SELECT count(c) FROM customers c',
  'SELECT (c).email = $$x$$ FROM customers c',
  'SELECT email(c) FROM customers c',
  'SELECT c = c FROM customers c',
  'SELECT id FROM customers c ORDER BY c',
  'SELECT a.id FROM customers a JOIN leads b ON a.email = b.email',
  'SELECT a.id FROM customers a JOIN leads b USING (email)',
  'SELECT 1 FROM customers a NATURAL JOIN leads b',
  'SELECT 1 FROM (SELECT email AS k FROM customers) a JOIN (SELECT $$x$$::varchar AS k) b USING (k)',
  'SELECT email FROM customers UNION SELECT email FROM leads',
  'SELECT * FROM customers EXCEPT SELECT * FROM customers',
  'TABLE customers INTERSECT TABLE customers',
  'SELECT email FROM customers UNION ALL SELECT email FROM leads ORDER BY 1',
  'SELECT id FROM customers WHERE $$a***@example.com$$ IN (SELECT email FROM customers)',
  'SELECT id FROM customers WHERE $$x$$ = (SELECT email FROM customers WHERE id = 1)',
  'SELECT s.id FROM (SELECT id, email AS e FROM customers) s WHERE s.e = $$x$$',
  'WITH w AS (SELECT email AS e FROM customers) SELECT 1 FROM w ORDER BY e',
  'SELECT 1 FROM (SELECT * FROM customers) s GROUP BY s.email',
  'SELECT row_to_json(s) FROM (SELECT id, email FROM customers) s',
  'SELECT * FROM (SELECT email FROM customers) s ORDER BY 1',
  'SELECT DISTINCT * FROM (SELECT email FROM customers) s',
  'WITH RECURSIVE w AS (SELECT email FROM customers UNION SELECT email FROM w) SELECT 1 FROM w',
  'SELECT 1 FROM customers c, LATERAL (SELECT 1 WHERE c.email IS NULL) x',
  'SELECT x FROM customers c, unnest(ARRAY[c.email]) x',
  'SELECT id FROM customer_directory WHERE email IS NULL',
  'SELECT order_id FROM order_overview ORDER BY customer_email',
  'UPDATE customers SET region = $$x$$ WHERE email = $$x$$',
  'UPDATE customers SET region = lower(email)',
  'UPDATE customers SET region = $$x$$ RETURNING lower(email)',
  'DELETE FROM customers WHERE email = $$x$$',
  'DELETE FROM leads USING customers c WHERE c.email = leads.email',
  'COPY (SELECT email FROM customers ORDER BY email) TO STDOUT',
  'SELECT id FROM customers LIMIT (SELECT length(email) FROM customers WHERE id = 1)',
  'VALUES ((SELECT max(email) FROM customers))',
  'SELECT c.lower FROM (SELECT email FROM customers) c',
] as const;

describe.each(postgresVersions)('where: deny on PostgreSQL %i', (version) => {
  let crm: Governed;
  beforeAll(async () => {
    crm = await governed(version, { policy: denyEmail });
  });
  afterAll(() => crm.close());

  it.each(shown)('shows: %s', async (sql, first) => {
    const { rows } = await crm.run(sql, crm.session('support'), [], 'array');
    expect((rows[0] as unknown[])[0]).toBe(first);
  });

  it.each(refused)('is refused: %s', async (sql) => {
    const error: unknown = await crm.run(sql, crm.session('support')).catch((problem: unknown) => problem);
    expect(error).toBeInstanceOf(Refused);
  });

  it('says which column, by which label, and what to do', async () => {
    const [plan] = (await crm.plan('SELECT id FROM customers ORDER BY email', crm.session('support'))).plans;
    expect(plan).toMatchObject({
      kind: 'refuse',
      refusal: {
        sqlstate: '42501',
        rule: 'label:contact.email',
        message: expect.stringContaining('"public.customers.email"') as string,
      },
    });
  });

  it('leaves other columns and other roles alone', async () => {
    const { rows } = await crm.run(
      'SELECT max(phone), count(*)::int FROM customers WHERE last_name LIKE $$S%$$ GROUP BY region ORDER BY region',
      crm.session('support'),
      [],
      'array',
    );
    expect(rows).toHaveLength(2);
    const marketing = "SELECT id FROM customers WHERE email = 'a***@example.com'";
    expect((await crm.run(marketing, crm.session('marketing'))).rows).toEqual([{ id: 1 }]);
  });
});

const paths = (use: string): string =>
  crmPolicy
    .replace('public.customers.profile, ', '')
    .replace('  free_text:', `  social: ["public.customers.profile->'social'"]\n  free_text:`)
    .replace('contact.phone: last4,', `contact.phone: last4, social: ${use},`);

/** What a place inside a document shows, however it is reached. The rest of the document stays. */
const reads: readonly (readonly [sql: string, rows: readonly unknown[][]])[] = [
  ["SELECT profile->>'tier', profile->'social' FROM customers WHERE id = 1", [['gold', '***']]],
  ["SELECT profile->'social'->>'handle' FROM customers WHERE id = 1", [[null]]],
  [
    "SELECT profile->>'social', profile#>>'{social}', profile#>>'{social,handle}' FROM customers WHERE id = 1",
    [['***', '***', null]],
  ],
  ["SELECT profile['social'], profile['tier'] FROM customers WHERE id = 1", [['***', 'gold']]],
  ["SELECT profile['social']['handle'] FROM customers WHERE id = 1", [[null]]],
  ['SELECT id FROM customers WHERE profile @> \'{"social": {"handle": "@canary1"}}\'', []],
  ['SELECT id FROM customers WHERE profile @> \'{"tier": "gold"}\' ORDER BY id', [[1], [3], [6]]],
  ["SELECT id FROM customers WHERE profile->'social' ? 'handle'", []],
  ["SELECT id FROM customers WHERE profile @? '$.social.handle'", []],
  ["SELECT id FROM customers WHERE profile->>'tier' = 'silver'", [[2]]],
  [
    "SELECT jsonb_path_query(profile, '$.**') FROM customers WHERE id = 2",
    [[{ tier: 'silver', social: '***' }], ['silver'], ['***']],
  ],
  ["SELECT jsonb_path_query_first(profile, '$.social.handle') FROM customers WHERE id = 1", [[null]]],
  [
    'SELECT e.key, e.value FROM customers c, jsonb_each(c.profile) e WHERE c.id = 1 ORDER BY 1',
    [
      ['social', '***'],
      ['tier', 'gold'],
    ],
  ],
  [
    'SELECT e.value FROM customers c, jsonb_each_text(c.profile) e WHERE c.id = 1 ORDER BY 1',
    [['***'], ['gold']],
  ],
  ["SELECT to_jsonb(c)->'profile' FROM customers c WHERE id = 1", [[{ tier: 'gold', social: '***' }]]],
  ["SELECT row_to_json(c)->'profile' FROM customers c WHERE id = 1", [[{ tier: 'gold', social: '***' }]]],
  ['SELECT profile::text FROM customers WHERE id = 1', [['{"tier": "gold", "social": "***"}']]],
  ['SELECT profile FROM customers WHERE id = 4', [[null]]],
];

describe.each(postgresVersions)('labels inside jsonb on PostgreSQL %i', (version) => {
  let crm: Governed;
  let other: Governed;
  beforeAll(async () => {
    const policy = paths('redact');
    const setup = otherSecrets.replace(
      `profile = '{"tier": "x", "n": 99}'`,
      `profile = jsonb_set(profile, '{social}', '{"handle": "zzzz", "n": [1, {"a": 2}]}')`,
    );
    crm = await governed(version, { policy });
    other = await governed(version, { policy, setup });
  });
  afterAll(() => Promise.all([crm.close(), other.close()]));

  it.each(reads)('masks the place and nothing else: %s', async (sql, rows) => {
    for (const each of [crm, other]) {
      expect((await each.run(sql, each.session('support'), [], 'array')).rows).toEqual(rows);
    }
  });

  it('refuses conditions on the document under where: deny, and shows it', async () => {
    const denying = await governed(version, { policy: paths('{ mask: redact, where: deny }') });
    try {
      const session = denying.session('support');
      const { rows } = await denying.run('SELECT profile FROM customers WHERE id = 1', session);
      expect(rows).toEqual([{ profile: { tier: 'gold', social: '***' } }]);
      const condition = denying.run("SELECT id FROM customers WHERE profile->>'tier' = 'gold'", session);
      await expect(condition).rejects.toBeInstanceOf(Refused);
    } finally {
      await denying.close();
    }
  });

  it.each([
    [
      'a place inside jsonb',
      paths('{ mask: redact, where: equality }'),
      "public.customers.profile->'social'",
    ],
    [
      'a type that has no safe equality',
      crmPolicy.replace(
        'payment.card: deny, "*": redact',
        'payment.card: deny, "*": { mask: redact, where: equality }',
      ),
      'public.customers.profile',
    ],
  ])('refuses a policy with where: equality on %s', (_what, text, column) => {
    const loaded = loadPolicyTexts([{ file: 'p.yaml', text }], { name: 'p', folder: '.', environment: {} });
    if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
    const bound = bindPolicy(loaded.set, crm.catalog, {
      parser: undefined as never,
      views: () => ({ access: 'open' }),
    });
    expect(bound.ok).toBe(false);
    const problems = bound.ok ? [] : bound.problems.filter(({ code }) => code === 'where-does-not-fit');
    expect(problems.map(({ message }) => message).join()).toContain(column);
    expect(problems[0]?.fix).toContain('where: masked');
  });
});
