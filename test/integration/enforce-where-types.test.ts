/**
 * `where: equality` beyond one statement's rows: every type, writes, the index, what the server infers of parameters, and
 * the same answers as a naive statement over masked copies whose equality looks the real value up.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { crmPolicy, governed, Refused, type Governed } from '../support/governed.js';
import { postgresVersions } from '../support/servers.js';

const setup = `
  CREATE EXTENSION citext;
  CREATE TYPE mood AS ENUM ('sad', 'ok', 'glad');
  CREATE DOMAIN short AS text CHECK (length(VALUE) < 50);
  CREATE TABLE kinds (id int PRIMARY KEY, customer_id int NOT NULL, t text, v varchar(20), c char(6), i2 int2, i4 int4,
    i8 int8, n numeric(12,2), u uuid, b bool, d date, ts timestamp, tz timestamptz, y bytea, net inet, e mood, s short,
    ci citext);
  INSERT INTO kinds SELECT k, k, 'text' || k, 'var' || k, 'ch' || k, k * 10, k * 100, k * 10000000000, k + 0.25,
    ('00000000-0000-0000-0000-00000000000' || k)::uuid, k % 2 = 0, date '2000-01-01' + k, timestamp '2000-01-01 10:00' + k * interval '1 day',
    timestamptz '2000-01-01 10:00Z' + k * interval '1 day', decode('0' || k, 'hex'), ('10.0.0.' || k)::inet,
    (ARRAY['sad', 'ok', 'glad']::mood[])[1 + k % 3], 'short' || k, 'Ci' || k FROM generate_series(1, 6) k;
  GRANT SELECT, INSERT, UPDATE, DELETE ON kinds TO crm_support, crm_marketing;
  INSERT INTO customers (id, first_name, last_name, email)
    SELECT g, 'f' || g, 'l' || g, 'person' || g || '@example.com' FROM generate_series(1000, 9000) g;
  CREATE INDEX kinds_t ON kinds (t);
  ANALYZE;
`;

const columns = ['t', 'v', 'c', 'i2', 'i4', 'i8', 'n', 'u', 'b', 'd', 'ts', 'tz', 'y', 'net', 'e', 's', 'ci'];
const policy = crmPolicy
  .replace('labels:', `labels:\n  kinds: [${columns.map((each) => `public.kinds.${each}`).join(', ')}]`)
  .replace('subjects:', 'subjects:\n  public.kinds: { key: customer_id }')
  .replaceAll('roles:\n', 'roles:\n')
  .replace(
    'contact.email: email_partial, contact.phone: last4',
    'kinds: { mask: redact, where: equality }, contact.email: { mask: email_partial, where: equality }, contact.phone: last4',
  )
  .replace(
    'identity.name: clear, contact.email: email_partial, identity.birth_date: year',
    'identity.name: clear, kinds: { mask: redact, where: equality }, contact.email: { mask: email_partial, where: equality }',
  );

/** Column and a constant that equals the third row's value. Marketing sees customers 1 and 3. */
const constants: readonly (readonly [column: string, value: string])[] = [
  ['t', 'text3'],
  ['v', 'var3'],
  ['c', 'ch3'],
  ['i2', '30'],
  ['i4', '300'],
  ['i8', '30000000000'],
  ['n', '3.25'],
  ['u', '00000000-0000-0000-0000-000000000003'],
  ['d', '2000-01-04'],
  ['ts', '2000-01-04 10:00'],
  ['tz', '2000-01-04 10:00Z'],
  ['y', '\\x03'],
  ['net', '10.0.0.3'],
  ['s', 'short3'],
  ['ci', 'cI3'],
];

describe.each(postgresVersions)('real values that are compared, on PostgreSQL %i', (version) => {
  let crm: Governed;
  beforeAll(async () => {
    crm = await governed(version, { policy, setup });
  });
  afterAll(() => crm.close());
  const rows = async (
    sql: string,
    values: readonly unknown[] = [],
    role: 'support' | 'marketing' = 'marketing',
  ) => (await crm.run(sql, crm.session(role), values, 'array')).rows as unknown[][];
  const text = async (sql: string, role: 'support' | 'marketing'): Promise<string> => {
    const [plan] = (await crm.plan(sql, crm.session(role))).plans;
    if (plan!.kind === 'refuse') throw new Error(plan!.refusal.message);
    return Buffer.from(plan!.sql, 'latin1').toString();
  };

  it.each(constants)('of column %s: %s', async (column, value) => {
    const literal = `'${value}'`;
    expect(await rows(`SELECT id FROM kinds WHERE ${column} = ${literal}`)).toEqual([[3]]);
    expect(await rows(`SELECT id FROM kinds WHERE ${column} = $1`, [value])).toEqual([[3]]);
    expect(await rows(`SELECT id FROM kinds WHERE ${column} = $1 OR false`, [value])).toEqual([[3]]);
    expect(await rows(`SELECT id FROM kinds WHERE ${column} IN ($1, ${literal})`, [value])).toEqual([[3]]);
    expect(
      await rows(`SELECT id FROM kinds WHERE ${column} = ANY ($1)`, [`{"${value.replace('\\', '\\\\')}"}`]),
    ).toEqual([[3]]);
    expect(await rows(`SELECT id FROM kinds WHERE ${column} <> $1`, [value])).toEqual([[1]]);
    expect(await rows(`SELECT id FROM kinds WHERE ${column} IS DISTINCT FROM ${literal}`)).toEqual([[1]]);
  });

  it('of booleans and enums', async () => {
    expect(await rows('SELECT id FROM kinds WHERE b = false ORDER BY 1')).toEqual([[1], [3]]);
    expect(await rows("SELECT id FROM kinds WHERE e = 'sad'")).toEqual([[3]]);
    expect(
      await rows("SELECT id FROM kinds WHERE e = 'sad'::public.mood OR e = CAST($1::text AS mood)", ['ok']),
    ).toEqual([[1], [3]]);
  });

  it('of whole numbers with numbers that are none', async () => {
    expect(await rows('SELECT id FROM kinds WHERE i4 = 300.0')).toEqual([[3]]);
    expect(await rows('SELECT id FROM kinds WHERE i4 = 300.5 OR i8 = -30000000000')).toEqual([]);
  });

  it.each(columns)('leaves the parameter type of column %s as it was', async (column) => {
    const client = await crm.db.connect('crm_support');
    const typesOf = async (sql: string): Promise<unknown> => {
      await client.query('DEALLOCATE ALL');
      await client.query(`PREPARE p AS ${sql}`);
      return (await client.query('SELECT parameter_types::text FROM pg_prepared_statements')).rows;
    };
    for (const condition of ['= $1', 'IN ($1, $2)', '= ANY ($1)', 'IS DISTINCT FROM $1', '= $1 OR id = $2']) {
      const sql = `SELECT id FROM kinds WHERE ${column} ${condition}`;
      expect(await typesOf(await text(sql, 'marketing')), sql).toEqual(await typesOf(sql));
    }
  });

  it.each(['support', 'marketing'] as const)('uses the index for %s', async (role) => {
    const sql = [
      "SELECT * FROM customers WHERE email = 'ada.canary1@example.com'",
      "SELECT c.* FROM customers c LEFT JOIN orders o ON o.customer_id = c.id WHERE c.email IN ('a@example.com', 'b@example.com')",
      "UPDATE customers SET region = 'x' WHERE email = 'ada.canary1@example.com'",
      "DELETE FROM customers WHERE email = 'nobody@example.com'",
    ];
    for (const each of sql) {
      const { rows: plan } = await crm.db.query(`EXPLAIN (COSTS OFF) ${await text(each, role)}`);
      expect(JSON.stringify(plan), each).toContain('customers_email_key');
    }
  });

  it('raises no error over withheld bigints when the client declares the parameter as oid', async () => {
    const client = await crm.db.connect('crm_marketing');
    const declared = async (sql: string): Promise<unknown> => {
      await client.query('DEALLOCATE ALL');
      await client.query(`PREPARE p (oid) AS ${await text(sql, 'marketing')}`);
      return (await client.query('EXECUTE p (7)')).rowCount;
    };
    await crm.db.query('UPDATE kinds SET i8 = id WHERE customer_id IN (1, 3)');
    try {
      expect(await declared('SELECT id FROM kinds WHERE i8 = $1')).toBe(0);
      expect(await declared('SELECT id FROM kinds WHERE i8 = $1 OR false')).toBe(0);
    } finally {
      await crm.db.query('UPDATE kinds SET i8 = id * 10000000000');
    }
  });

  it.each<[string, unknown[][]]>([
    [
      "UPDATE customers SET region = 'q' WHERE email = 'cleo.canary3@example.org' RETURNING id, email",
      [[3, 'c***@example.org']],
    ],
    [
      "UPDATE customers SET region = 'q' WHERE email = 'cleo.canary3@example.org' OR id = 1 RETURNING id",
      [[1], [3]],
    ],
    [
      "UPDATE customers SET region = CASE WHEN email = 'cleo.canary3@example.org' THEN 'A' ELSE 'B' END RETURNING id, region",
      [
        [1, 'B'],
        [3, 'A'],
      ],
    ],
    ["UPDATE customers SET region = 'q' WHERE email = 'bob.canary2@example.com' RETURNING id", []],
    [
      "UPDATE customers SET region = 'q' WHERE email IN ('bob.canary2@example.com', 'eve.canary5@example.com') OR 1/0 = id RETURNING id",
      [['22012']],
    ],
    [
      "UPDATE orders o SET status = 'q' FROM customers c WHERE c.id = o.customer_id AND c.email = 'cleo.canary3@example.org' RETURNING o.id",
      [[12]],
    ],
    [
      "DELETE FROM tickets t USING customers c WHERE c.id = t.customer_id AND c.email = 'cleo.canary3@example.org' RETURNING t.id",
      [[3]],
    ],
    [
      "DELETE FROM tickets WHERE customer_id IN (SELECT id FROM customers WHERE email = 'bob.canary2@example.com') RETURNING id",
      [],
    ],
    [
      "INSERT INTO customers (id, first_name, last_name) VALUES (3, 'a', 'b') ON CONFLICT (id) DO UPDATE SET region = 'q' WHERE customers.email = 'cleo.canary3@example.org' RETURNING id",
      [[3]],
    ],
    [
      "INSERT INTO app_log (message) SELECT email FROM customers WHERE email = 'cleo.canary3@example.org' OR id = 99 RETURNING message",
      [['c***@example.org']],
    ],
    [
      "UPDATE customers SET region = 'q' WHERE id = 3 RETURNING email = 'cleo.canary3@example.org'",
      [[false]],
    ],
    [
      "WITH w AS (UPDATE customers SET region = 'q' WHERE email = 'cleo.canary3@example.org' RETURNING id, email) SELECT * FROM w",
      [[3, 'c***@example.org']],
    ],
  ])('in a write: %s', async (sql, expected) => {
    await crm.raw('BEGIN', 'marketing');
    try {
      const got = await rows(sql).catch((error: unknown) => {
        if (error instanceof Refused) throw error;
        return [[(error as { code: string }).code]];
      });
      expect(got.sort()).toEqual(expected);
    } finally {
      await crm.raw('ROLLBACK', 'marketing');
    }
  });

  it('runs no cast or operator of a user on a real value', async () => {
    const hostile = await governed(version, {
      policy,
      setup: `${setup}
        CREATE FUNCTION peek(varchar) RETURNS int LANGUAGE plpgsql AS $$ BEGIN RAISE '%', $1; END $$;`,
    });
    try {
      await hostile.db.query('CREATE CAST (varchar AS int) WITH FUNCTION peek(varchar) AS IMPLICIT');
      await hostile.refresh();
      const session = hostile.session('marketing');
      const attempt = hostile.run('SELECT id FROM customers WHERE email = 5 OR true', session);
      await expect(attempt).rejects.toThrow(Refused);
    } finally {
      await hostile.close();
    }
  });

  describe('as a naive statement over masked copies', () => {
    const tables = ['customers', 'orders', 'tickets'];
    const roles = ['support', 'marketing'] as const;
    beforeAll(async () => {
      for (const role of roles) {
        await crm.db.query(`CREATE SCHEMA naive_${role}`);
        for (const table of tables) {
          await crm.db.query(
            `CREATE TABLE naive_${role}.${table} AS ${await text(`SELECT * FROM public.${table}`, role)}`,
          );
        }
      }
    });

    /** `{c}` is a column of an equality: the governed statement reads it, the naive one looks the real value up. */
    it.each([
      "SELECT id, email FROM customers c WHERE {c} = 'ada.canary1@example.com'",
      "SELECT * FROM customers c WHERE {c} = 'ada.canary1@example.com' OR email LIKE 'b%'",
      "SELECT c.* FROM customers c WHERE NOT ({c} = 'ada.canary1@example.com') AND id < 10",
      "SELECT c.id, {c} = 'cleo.canary3@example.org' FROM customers c WHERE id < 10",
      "SELECT o.*, c.email FROM orders o LEFT JOIN customers c ON c.id = o.customer_id AND {c} <> 'ada.canary1@example.com'",
      "SELECT o.*, c.email FROM orders o LEFT JOIN customers c ON c.id = o.customer_id WHERE {c} <> 'ada.canary1@example.com'",
      "SELECT o.*, c.email FROM orders o LEFT JOIN customers c ON c.id = o.customer_id WHERE ({c} = 'ada.canary1@example.com') IS NOT TRUE",
      "SELECT * FROM orders o FULL JOIN customers c ON c.id = o.customer_id AND {c} IN ('ada.canary1@example.com', 'bob.canary2@example.com') WHERE c.id < 10 OR c.id IS NULL",
      "SELECT o.id FROM orders o WHERE EXISTS (SELECT 1 FROM customers c WHERE c.id = o.customer_id AND {c} = 'ada.canary1@example.com')",
      "SELECT o.id FROM orders o WHERE NOT EXISTS (SELECT 1 FROM customers c WHERE c.id = o.customer_id AND {c} = 'ada.canary1@example.com')",
      "SELECT c.id FROM customers c WHERE (SELECT count(*) FROM orders o WHERE o.customer_id = c.id AND {c} = 'ada.canary1@example.com') > 1",
      "SELECT c.region, count(*), count(*) FILTER (WHERE {c} = 'ada.canary1@example.com') FROM customers c GROUP BY c.region",
      "SELECT c.email, count(*) FROM customers c WHERE {c} <> 'ada.canary1@example.com' AND id < 10 GROUP BY c.email HAVING min(id) > 0",
      "SELECT DISTINCT {c} = 'ada.canary1@example.com' FROM customers c",
      "SELECT id, sum(CASE WHEN {c} = 'ada.canary1@example.com' THEN 1 ELSE 0 END) OVER (ORDER BY id) FROM customers c WHERE id < 10",
      "WITH w AS (SELECT * FROM customers c WHERE {c} IN ('ada.canary1@example.com', 'eve.canary5@example.com')) SELECT w.*, t.subject FROM w LEFT JOIN tickets t ON t.customer_id = w.id",
      "SELECT x.* FROM tickets t, LATERAL (SELECT c.id, c.email, {c} = 'bob.canary2@example.com' FROM customers c WHERE c.id = t.customer_id) x",
      "SELECT id FROM customers c WHERE {c} = 'ada.canary1@example.com' UNION ALL SELECT id FROM customers c WHERE {c} IS NOT DISTINCT FROM 'bob.canary2@example.com' OR id = 6",
      "SELECT to_jsonb(c) FROM customers c WHERE {c} = ANY (ARRAY['ada.canary1@example.com', 'cleo.canary3@example.org'])",
      "SELECT c FROM customers c WHERE {c} = 'ada.canary1@example.com' AND c.region = 'EU'",
    ])('%s', async (template) => {
      for (const role of roles) {
        const governedRows = await rows(template.replaceAll('{c}', 'c.email'), [], role);
        const naive = `(SELECT r.email FROM public.customers r WHERE r.id = c.id)`;
        const client = await crm.db.connect();
        await client.query(`SET search_path = naive_${role}, public`);
        const plain = await client.query({ text: template.replaceAll('{c}', naive), rowMode: 'array' });
        await client.end();
        const sorted = (list: readonly unknown[]): string[] => list.map((row) => JSON.stringify(row)).sort();
        expect(sorted(governedRows), role).toEqual(sorted(plain.rows as unknown[]));
      }
    });
  });
});
