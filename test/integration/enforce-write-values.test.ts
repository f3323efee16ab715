/**
 * The values that governed sessions write: what the write-back guard keeps, in every form of SET, and what is refused:
 * masks as new values, and columns whose policy says write: reject.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readValueToken } from '../../src/errors/value-token.js';
import { crmPolicy, governed, Refused, type Governed } from '../support/governed.js';
import { postgresVersions } from '../support/servers.js';

/** Runs a write in a transaction that is rolled back, and reads what is stored past the enforcement. */
async function written(
  crm: Governed,
  sql: string,
  stored: string,
  values?: unknown[],
): Promise<unknown[] | string> {
  await crm.raw('BEGIN', 'support');
  try {
    await crm.run(sql, crm.session('support'), values);
    const after = await crm.raw(stored, 'support');
    return after.rows.flatMap((row: Record<string, unknown>) => Object.values(row));
  } catch (error) {
    if (error instanceof Refused) return `refused: ${error.message}`;
    const problem = readValueToken((error as Error).message);
    if (problem !== undefined) return `${problem.problem} for ${problem.column}`;
    throw error;
  } finally {
    await crm.raw('ROLLBACK', 'support');
  }
}

const address = 'ada.canary1@example.com';
const mask = 'a***@example.com';
const email1 = 'SELECT email FROM customers WHERE id = 1';
const two = 'SELECT email, last_name FROM customers WHERE id = 1';
const three = 'SELECT email, notes, region FROM customers WHERE id = 1';
const note = 'canary-note-1 likes tea';

describe.each(postgresVersions)('values that are written on PostgreSQL %i', (version) => {
  let crm: Governed;
  beforeAll(async () => {
    crm = await governed(version);
  });
  afterAll(() => crm.close());

  it.each<[string, string, string, unknown[], unknown[]?]>([
    [
      'a row',
      `UPDATE customers SET (email, notes, region) = ('${mask}', '***', 'ZZ') WHERE id = 1`,
      three,
      [address, note, 'ZZ'],
    ],
    [
      'ROW()',
      `UPDATE customers SET (email, notes, region) = ROW('${mask}', 'new', 'ZZ') WHERE id = 1`,
      three,
      [address, 'new', 'ZZ'],
    ],
    [
      'a row of parameters',
      'UPDATE customers SET (email, notes, region) = ($1, $2, $3) WHERE id = $4',
      three,
      [address, note, 'ZZ'],
      [mask, '***', 'ZZ', 1],
    ],
    [
      'a row with DEFAULT',
      `UPDATE customers SET (email, notes, region) = (DEFAULT, '***', DEFAULT) WHERE id = 1`,
      three,
      [null, note, 'EU'],
    ],
    [
      'a row in brackets',
      `UPDATE customers SET (email, notes) = ((('${mask}', 'x'))), region = 'ZZ' WHERE id = 1`,
      three,
      [address, 'x', 'ZZ'],
    ],
    [
      'a query',
      `UPDATE customers SET (email, notes, region) = (SELECT '${mask}', '***', 'ZZ') WHERE id = 1`,
      three,
      [address, note, 'ZZ'],
    ],
    [
      'a query over another table',
      `UPDATE customers SET (email, notes) = (SELECT l.email, 'from lead' FROM leads l WHERE l.id = customers.id) WHERE id = 1`,
      three,
      ['l***@example.com', 'from lead', 'EU'],
    ],
    [
      'a query that gives no row stores NULL',
      'UPDATE customers SET (email, notes) = (SELECT $$a$$, $$b$$ WHERE false) WHERE id = 1',
      three,
      [null, null, 'EU'],
    ],
    [
      'a query with WITH, in brackets',
      `UPDATE customers SET (email, notes) = ((WITH w AS (SELECT '${mask}' AS a) SELECT a, 'n' FROM w)) WHERE id = 1`,
      three,
      [address, 'n', 'EU'],
    ],
    [
      'a query with UNION',
      `UPDATE customers SET (email, notes) = (SELECT '${mask}', 'n' UNION SELECT '${mask}', 'n') WHERE id = 1`,
      three,
      [address, 'n', 'EU'],
    ],
    [
      'two lists',
      `UPDATE customers SET (email, last_name) = ('${mask}', 'B'), (notes, region) = ('***', 'ZZ') WHERE id = 1`,
      three,
      [address, note, 'ZZ'],
    ],
    [
      'a list of clear columns',
      "UPDATE customers SET (first_name, last_name) = ('A', 'B') WHERE id = 1",
      two,
      [address, 'B'],
    ],
    ['a scalar subquery', `UPDATE customers SET email = (SELECT '${mask}') WHERE id = 1`, email1, [address]],
    [
      'an array index in the value',
      `UPDATE customers SET email = (ARRAY['x', '${mask}'])[2], region = CASE WHEN id = 1 THEN 'a=b' END WHERE id = 1`,
      email1,
      [address],
    ],
    [
      'another row’s mask is a value',
      "UPDATE customers SET email = 'b***@example.com' WHERE id = 1",
      email1,
      ['b***@example.com'],
    ],
    [
      'upsert with the mask of the row',
      `INSERT INTO customers (id, first_name, last_name, email) VALUES (1, 'A', 'B', '${mask}') ON CONFLICT (id) DO UPDATE SET (email, last_name) = (EXCLUDED.email, EXCLUDED.last_name)`,
      two,
      [address, 'B'],
    ],
    [
      'upsert by parameters',
      'INSERT INTO customers (id, first_name, last_name, email) VALUES ($1, $2, $3, $4) ON CONFLICT (id) DO UPDATE SET email = EXCLUDED.email, last_name = EXCLUDED.last_name',
      two,
      [address, 'B'],
      [1, 'A', 'B', mask],
    ],
    [
      'upsert with EXCLUDED in a query',
      `INSERT INTO customers (id, first_name, last_name, email) VALUES (1, 'A', 'B', '${mask}') ON CONFLICT (id) DO UPDATE SET (email, last_name) = (SELECT EXCLUDED.email, EXCLUDED.last_name)`,
      two,
      [address, 'B'],
    ],
    [
      'upsert with a new value',
      "INSERT INTO customers (id, first_name, last_name, email) VALUES (1, 'A', 'B', 'new@example.com') ON CONFLICT (id) DO UPDATE SET email = EXCLUDED.email",
      email1,
      ['new@example.com'],
    ],
    [
      'upsert of several rows',
      `INSERT INTO customers (id, first_name, last_name, email) VALUES (1, 'A', 'B', '${mask}'), (2, 'B', 'C', 'b@example.com') ON CONFLICT (id) DO UPDATE SET email = EXCLUDED.email`,
      'SELECT email FROM customers WHERE id < 3 ORDER BY id',
      [address, 'b@example.com'],
    ],
    [
      'upsert on a named constraint is not asked',
      `INSERT INTO customers (id, first_name, last_name, email) VALUES (1, 'A', 'B', '${mask}') ON CONFLICT ON CONSTRAINT customers_pkey DO UPDATE SET email = EXCLUDED.email`,
      email1,
      [address],
    ],
  ])('%s', async (_name, sql, stored, expected, values) => {
    expect(await written(crm, sql, stored, values)).toEqual(expected);
  });

  const inserted = 'SELECT email, phone, notes, birth_date::text FROM customers WHERE id = 500';
  const insert = (list: string, values: string): string =>
    `INSERT INTO customers (id, first_name, last_name, ${list}) VALUES (500, 'A', 'B', ${values})`;
  it.each<[string, string, unknown[] | string, unknown[]?]>([
    ['a masked address', insert('email', `'${mask}'`), 'mask for public.customers.email'],
    ['by a parameter', insert('email', '$1'), 'mask for public.customers.email', ['***@example.com']],
    ['by an expression', insert('email', "'a' || repeat('*', 3) || '@x'"), 'mask for public.customers.email'],
    ['a covered number', insert('phone', "'***********0001'"), 'mask for public.customers.phone'],
    ['a redacted text', insert('notes', "'***'"), 'mask for public.customers.notes'],
    ['a redacted document', insert('profile', `'"***"'`), 'mask for public.customers.profile'],
    [
      'in the second row',
      "INSERT INTO customers (id, first_name, last_name, email) VALUES (500, 'A', 'B', 'a@b.c'), (501, 'A', 'B', '***')",
      'mask for public.customers.email',
    ],
    [
      'without a list of columns',
      `INSERT INTO customers VALUES (500, 'A', 'B', '${mask}')`,
      'mask for public.customers.email',
    ],
    [
      'selected without a table',
      `INSERT INTO customers (id, first_name, last_name, email) SELECT 500, 'A', 'B', '${mask}' AS email WHERE true`,
      'mask for public.customers.email',
    ],
    [
      'where the upsert finds no row',
      `${insert('email', `'${mask}'`)} ON CONFLICT (id) DO UPDATE SET email = EXCLUDED.email`,
      'mask for public.customers.email',
    ],
    [
      'beside DO NOTHING',
      `${insert('email', `'${mask}'`)} ON CONFLICT DO NOTHING`,
      'mask for public.customers.email',
    ],
    [
      'real values, and NULL',
      insert('email, phone, notes', "'a*b@x.com', '*100#', NULL"),
      ['a*b@x.com', '*100#', null, null],
    ],
    [
      'values that only look plain',
      insert('birth_date, notes', "'1970-01-01', '** note **'"),
      [null, null, '** note **', '1970-01-01'],
    ],
    ['DEFAULT', insert('email, notes', "DEFAULT, 'n'"), [null, null, 'n', null]],
    [
      'parameters without a table',
      'INSERT INTO customers (id, first_name, last_name, birth_date, notes) SELECT $1, $2, $3, $4, $5 WHERE NOT EXISTS (SELECT 1 FROM customers WHERE id = $1)',
      [null, null, 'n', '2001-02-03'],
      [500, 'A', 'B', '2001-02-03', 'n'],
    ],
  ])('INSERT: %s', async (_name, sql, expected, values) => {
    expect(await written(crm, sql, inserted, values)).toEqual(expected);
  });

  it('parameters of a guarded write have the types that they have directly', async () => {
    const types = async (sql: string): Promise<unknown> => {
      await crm.raw(`PREPARE probe AS ${sql}`, 'support');
      const found = await crm.raw(
        "SELECT parameter_types::text AS t FROM pg_prepared_statements WHERE name = 'probe'",
        'support',
      );
      await crm.raw('DEALLOCATE probe', 'support');
      return (found.rows[0] as { t: string }).t;
    };
    for (const sql of [
      'UPDATE customers SET (email, birth_date, region) = ($1, $2, $3) WHERE id = $4',
      'INSERT INTO customers (id, first_name, last_name, email, birth_date, profile) VALUES ($1, $2, $3, $4, $5, $6)',
      'INSERT INTO customers (id, first_name, last_name, email) VALUES ($1, $2, $3, $4) ON CONFLICT (id) DO UPDATE SET email = EXCLUDED.email',
      'INSERT INTO customers (id, first_name, last_name, email) VALUES ($1, $2, $3, $4) ON CONFLICT (email) DO UPDATE SET email = EXCLUDED.email',
      'INSERT INTO customers (id, first_name, last_name, email) SELECT $1, $2, $3, $4',
    ]) {
      const [plan] = (await crm.plan(sql, crm.session('support'))).plans;
      if (plan?.kind !== 'rewrite') throw new Error('not rewritten');
      expect(await types(Buffer.from(plan.sql, 'latin1').toString('utf8'))).toBe(await types(sql));
    }
  });

  it.each([
    ["UPDATE customers SET (email, notes) = ('x', notes || 'y')", 'computed'],
    ['UPDATE customers SET (email, notes) = (SELECT upper(customers.email), $$n$$)', 'computed'],
    ["UPDATE customers SET notes[1] = 'x'", 'a part of masked column'],
    [
      "INSERT INTO customers (id, first_name, last_name, notes[1]) VALUES (1, 'a', 'b', 'c')",
      'a part of masked column',
    ],
    ["UPDATE payments SET (card_number, amount) = ('x', 1)", 'denied column'],
    ['UPDATE payments SET card_number = DEFAULT', 'denied column'],
  ])('%s is refused', async (sql, why) => {
    expect(await written(crm, sql, email1)).toContain(why);
  });

  it('a denied column that gets DEFAULT is not written', async () => {
    const sql = 'INSERT INTO payments (id, customer_id, card_number, amount) VALUES (9, 1, DEFAULT, 5)';
    expect(await written(crm, sql, 'SELECT amount::int FROM payments WHERE id = 9')).toEqual([5]);
  });
});

describe.each(postgresVersions)('write: reject and allow on PostgreSQL %i', (version) => {
  let rejecting: Governed;
  let allowing: Governed;
  const policy = (mode: string): string =>
    crmPolicy
      .replace('"*": redact }', `"*": { mask: redact, write: ${mode} } }`)
      .replace(
        'contact.email: email_partial, contact.phone',
        `contact.email: { mask: email_partial, write: ${mode} }, contact.phone`,
      )
      .replace('identity.name: clear', `identity.name: { mask: clear, write: ${mode} }`);
  beforeAll(async () => {
    rejecting = await governed(version, { policy: policy('reject') });
    allowing = await governed(version, { policy: policy('allow') });
  });
  afterAll(async () => {
    await rejecting.close();
    await allowing.close();
  });

  it.each([
    "UPDATE customers SET email = 'x'",
    'UPDATE customers SET email = email',
    'UPDATE customers SET email = DEFAULT',
    "UPDATE customers SET (region, email) = ('x', 'y')",
    "UPDATE customers SET region = 'x', last_name = 'y'",
    "UPDATE customers SET profile['a'] = '1'",
    "INSERT INTO customers (id, region, email) VALUES (1, 'x', 'y')",
    "INSERT INTO customers (id, email) VALUES (1, DEFAULT), (2, 'x')",
    "INSERT INTO customers VALUES (1, 'x')",
    "INSERT INTO customers (id, email) SELECT 1, 'x'",
    "INSERT INTO customers (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET notes = 'x'",
    'COPY customers FROM STDIN',
    'COPY customers (id, email) FROM STDIN',
    'WITH w AS (SELECT 1) UPDATE customers SET notes = NULL',
    "PREPARE p AS UPDATE customers SET email = 'x'",
  ])('reject: %s', async (sql) => {
    const [plan] = (await rejecting.plan(sql, rejecting.session('support'))).plans;
    expect(plan).toMatchObject({ kind: 'refuse', refusal: { sqlstate: '42501', code: 'column-denied' } });
    expect(plan).toHaveProperty('refusal.rule', expect.stringMatching(/^label:/));
  });

  it.each([
    "UPDATE customers SET region = 'x' WHERE email = 'a***@example.com'",
    "INSERT INTO customers (id, email, region) VALUES (1, DEFAULT, 'x')",
    'INSERT INTO customers DEFAULT VALUES',
    'DELETE FROM customers WHERE id = 1',
    'COPY customers (id, region) FROM STDIN',
    "UPDATE customers SET phone = 'x'",
  ])('what rejects no column goes on: %s', async (sql) => {
    const [plan] = (await rejecting.plan(sql, rejecting.session('support'))).plans;
    expect(plan?.kind).toBe('rewrite');
  });

  it.each<[string, string, unknown[]]>([
    [`UPDATE customers SET email = '${mask}' WHERE id = 1`, email1, [mask]],
    ['UPDATE customers SET notes = notes WHERE id = 1', three, [address, '***', 'EU']],
    ["UPDATE customers SET notes = notes || '!' WHERE id = 1", three, [address, '***!', 'EU']],
    [
      `UPDATE customers SET (email, region) = (SELECT '${mask}', 'ZZ') WHERE id = 1`,
      three,
      [mask, note, 'ZZ'],
    ],
    [
      `INSERT INTO customers (id, first_name, last_name, email) VALUES (500, 'A', 'B', '${mask}')`,
      'SELECT email FROM customers WHERE id = 500',
      [mask],
    ],
    [
      `INSERT INTO customers (id, first_name, last_name, email) VALUES (1, 'A', 'B', '${mask}') ON CONFLICT (id) DO UPDATE SET email = EXCLUDED.email`,
      email1,
      [mask],
    ],
    [
      "UPDATE customers SET phone = '***********0001' WHERE id = 1",
      'SELECT phone FROM customers WHERE id = 1',
      ['+49-151-0000001'],
    ],
  ])('allow stores what is written: %s', async (sql, stored, expected) => {
    expect(await written(allowing, sql, stored)).toEqual(expected);
  });
});
