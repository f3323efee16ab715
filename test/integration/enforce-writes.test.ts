/**
 * Writes of governed sessions to protected tables: what is stored, what is touched, what comes back. Each case runs in a
 * transaction that is rolled back; the stored values are read past the proxy.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { governed, Refused, type Governed } from '../support/governed.js';
import { postgresVersions } from '../support/servers.js';

type Role = 'support' | 'marketing';

interface Written {
  readonly count: number | null;
  readonly rows: unknown[];
  readonly stored: unknown[];
}

describe.each(postgresVersions)('writes on PostgreSQL %i', (version) => {
  let crm: Governed;
  beforeAll(async () => {
    crm = await governed(version);
  });
  afterAll(() => crm.close());

  /** Runs a write and then reads what is stored. */
  async function write(role: Role, sql: string, stored: string, values?: unknown[]): Promise<Written> {
    await crm.raw('BEGIN', role);
    try {
      const result = await crm.run(sql, crm.session(role), values, 'array');
      const after = await crm.raw(stored, role);
      return {
        count: result.rowCount,
        rows: result.rows as unknown[],
        stored: after.rows.map((row: Record<string, unknown>) => Object.values(row)),
      };
    } finally {
      await crm.raw('ROLLBACK', role);
    }
  }

  const email1 = 'SELECT email FROM customers WHERE id = 1';

  it.each<[string, Role, string, unknown[] | undefined, string, Partial<Written>]>([
    [
      'a form that saves the mask back leaves the address alone',
      'support',
      "UPDATE customers SET email = 'a***@example.com', region = 'US' WHERE id = 1",
      undefined,
      'SELECT email, region FROM customers WHERE id = 1',
      { count: 1, stored: [['ada.canary1@example.com', 'US']] },
    ],
    [
      'the same with parameters',
      'support',
      'UPDATE customers SET email = $1, phone = $2, first_name = $3 WHERE id = $4',
      ['a***@example.com', '***********0001', 'Adele', 1],
      'SELECT email, phone, first_name FROM customers WHERE id = 1',
      { count: 1, stored: [['ada.canary1@example.com', '+49-151-0000001', 'Adele']] },
    ],
    [
      'a new value is stored',
      'support',
      'UPDATE customers SET email = $1 WHERE id = 1',
      ['new@example.com'],
      email1,
      { count: 1, stored: [['new@example.com']] },
    ],
    [
      'NULL and DEFAULT are stored',
      'support',
      'UPDATE customers SET email = NULL, phone = DEFAULT WHERE id = 1',
      undefined,
      'SELECT email, phone FROM customers WHERE id = 1',
      { count: 1, stored: [[null, null]] },
    ],
    [
      'NULL stays where the stored value is NULL',
      'support',
      'UPDATE customers SET notes = $1 WHERE id = 4',
      [null],
      'SELECT notes FROM customers WHERE id = 4',
      { count: 1, stored: [[null]] },
    ],
    [
      'a redacted date saved back keeps the date',
      'support',
      "UPDATE customers SET birth_date = '1970-01-01' WHERE id = 1",
      undefined,
      'SELECT birth_date::text AS d FROM customers WHERE id = 1',
      { count: 1, stored: [['1985-02-03']] },
    ],
    [
      'a redacted document saved back keeps the document',
      'support',
      `UPDATE customers SET profile = '"***"' WHERE id = 1`,
      undefined,
      "SELECT profile->>'tier' AS t FROM customers WHERE id = 1",
      { count: 1, stored: [['gold']] },
    ],
    [
      'one column into another launders nothing',
      'support',
      'UPDATE customers SET first_name = email, last_name = notes WHERE id = 1',
      undefined,
      'SELECT first_name, last_name FROM customers WHERE id = 1',
      { count: 1, stored: [['a***@example.com', '***']] },
    ],
    [
      'a masked column set from itself is untouched',
      'support',
      'UPDATE customers SET email = email, notes = customers.notes WHERE id = 1',
      undefined,
      'SELECT email, notes FROM customers WHERE id = 1',
      { count: 1, stored: [['ada.canary1@example.com', 'canary-note-1 likes tea']] },
    ],
    [
      'a masked column that COALESCE and CASE pass on keeps its value where it is chosen',
      'support',
      "UPDATE customers SET notes = COALESCE(notes, 'none'), email = CASE WHEN email IS NULL THEN 'x' ELSE email END WHERE id IN (1, 4)",
      undefined,
      'SELECT notes, email FROM customers WHERE id IN (1, 4) ORDER BY id',
      {
        count: 2,
        stored: [
          ['canary-note-1 likes tea', 'ada.canary1@example.com'],
          ['none', 'dmitri.canary4@example.net'],
        ],
      },
    ],
    [
      'withheld rows are neither touched nor counted',
      'marketing',
      "UPDATE customers SET region = 'XX'",
      undefined,
      "SELECT id FROM customers WHERE region = 'XX' ORDER BY id",
      { count: 2, stored: [[1], [3]] },
    ],
    [
      'rows of withheld subjects are not deleted',
      'marketing',
      'DELETE FROM order_items WHERE order_id >= 10',
      undefined,
      'SELECT DISTINCT order_id FROM order_items ORDER BY 1',
      { count: 4, stored: [[11], [13]] },
    ],
    [
      'a condition sees the mask',
      'support',
      "DELETE FROM tickets WHERE subject LIKE '%canary%'",
      undefined,
      'SELECT count(*)::int AS n FROM tickets',
      { count: 0, stored: [[3]] },
    ],
    [
      'RETURNING shows masks, under the names that the server gives',
      'support',
      "UPDATE customers SET email = 'new@example.com' WHERE id = 1 RETURNING id, email, upper(email), customers.phone AS p",
      undefined,
      email1,
      {
        rows: [[1, 'n***@example.com', 'N***@EXAMPLE.COM', '***********0001']],
        stored: [['new@example.com']],
      },
    ],
    [
      'RETURNING * is masked column by column',
      'support',
      'DELETE FROM tickets WHERE id = 1 RETURNING *',
      undefined,
      'SELECT count(*)::int AS n FROM tickets',
      { count: 1, stored: [[2]] },
    ],
    [
      'INSERT returns what it stored, masked',
      'support',
      "INSERT INTO customers (first_name, last_name, email) VALUES ('New', 'Person', 'new@example.com') RETURNING id > 100, first_name, email",
      undefined,
      "SELECT email FROM customers WHERE first_name = 'New'",
      { count: 1, rows: [[true, 'New', 'n***@example.com']], stored: [['new@example.com']] },
    ],
    [
      'INSERT of somebody without consent gives the key back',
      'marketing',
      "INSERT INTO customers (id, first_name, last_name) VALUES (900, 'New', 'Person') RETURNING id, region, created_at IS NULL",
      undefined,
      'SELECT count(*)::int AS n FROM customers WHERE id = 900',
      { count: 1, rows: [[900, 'EU', false]], stored: [[1]] },
    ],
    [
      'INSERT … SELECT copies masks',
      'support',
      'INSERT INTO customers (id, first_name, last_name, notes) SELECT id + 1000, email, last_name, notes FROM customers WHERE id = 1',
      undefined,
      'SELECT first_name, notes FROM customers WHERE id = 1001',
      { count: 1, stored: [['a***@example.com', '***']] },
    ],
    [
      'ON CONFLICT DO UPDATE keeps what the mask would overwrite',
      'support',
      "INSERT INTO customers (id, first_name, last_name, email) VALUES (1, 'Ada', 'Byron', 'a***@example.com') ON CONFLICT (id) DO UPDATE SET email = EXCLUDED.email, last_name = EXCLUDED.last_name RETURNING id, email",
      undefined,
      'SELECT email, last_name FROM customers WHERE id = 1',
      { count: 1, rows: [[1, 'a***@example.com']], stored: [['ada.canary1@example.com', 'Byron']] },
    ],
    [
      'ON CONFLICT DO UPDATE does not touch a withheld row',
      'marketing',
      "INSERT INTO customers (id, first_name, last_name) VALUES (2, 'X', 'Y') ON CONFLICT (id) DO UPDATE SET first_name = 'Changed' WHERE customers.id > 0",
      undefined,
      'SELECT first_name FROM customers WHERE id = 2',
      { count: 0, stored: [['Bob']] },
    ],
    [
      'ON CONFLICT DO NOTHING',
      'support',
      "INSERT INTO customers (id, first_name, last_name) VALUES (1, 'X', 'Y') ON CONFLICT DO NOTHING",
      undefined,
      'SELECT first_name FROM customers WHERE id = 1',
      { count: 0, stored: [['Ada']] },
    ],
    [
      'UPDATE … FROM a protected table reads its masks',
      'support',
      'UPDATE orders o SET status = c.email FROM customers c WHERE c.id = o.customer_id AND o.id = 10',
      undefined,
      'SELECT status FROM orders WHERE id = 10',
      { count: 1, stored: [['a***@example.com']] },
    ],
    [
      'DELETE … USING with a condition on a masked column',
      'support',
      "DELETE FROM tickets t USING customers c WHERE c.id = t.customer_id AND c.email = 'b***@example.com'",
      undefined,
      'SELECT id FROM tickets ORDER BY id',
      { count: 1, stored: [[1], [3]] },
    ],
    [
      'a CASE in SET and a subquery in WHERE',
      'support',
      "UPDATE orders SET status = CASE WHEN total > 30 THEN 'big' ELSE 'small' END, total = total + 1 WHERE customer_id IN (SELECT id FROM customers WHERE region = 'US') RETURNING id, status, total",
      undefined,
      'SELECT id, status FROM orders WHERE id IN (12, 13) ORDER BY id',
      {
        count: 2,
        stored: [
          [12, 'small'],
          [13, 'small'],
        ],
      },
    ],
    [
      'IS DISTINCT FROM in SET is no FROM clause',
      'support',
      "UPDATE customers SET do_not_call = region IS DISTINCT FROM 'EU' WHERE id = 3",
      undefined,
      'SELECT do_not_call FROM customers WHERE id = 3',
      { count: 1, stored: [[true]] },
    ],
    [
      'a WITH query in front, an alias, schema-qualified names',
      'support',
      "WITH w AS (SELECT 1 AS id) UPDATE public.customers AS c SET region = 'ZZ' FROM w WHERE c.id = w.id RETURNING c.email, w.id",
      undefined,
      'SELECT region FROM customers WHERE id = 1',
      { count: 1, rows: [['a***@example.com', 1]], stored: [['ZZ']] },
    ],
  ])('%s (%s)', async (_name, role, sql, values, stored, expected) => {
    expect(await write(role, sql, stored, values)).toMatchObject(expected);
  });

  it('RETURNING * keeps names, types and typmods, and no field claims to be a masked column', async () => {
    await crm.raw('BEGIN', 'support');
    try {
      const result = await crm.run(
        "UPDATE customers SET region = 'EU' WHERE id = 1 RETURNING *",
        crm.session('support'),
      );
      const direct = await crm.db.query('SELECT * FROM customers LIMIT 0');
      expect(result.fields.map((f) => [f.name, f.dataTypeID, f.dataTypeModifier])).toEqual(
        direct.fields.map((f) => [f.name, f.dataTypeID, f.dataTypeModifier]),
      );
      expect(JSON.stringify(result.rows)).not.toMatch(/canary/);
      const [plan] = (
        await crm.plan("UPDATE customers SET region = 'EU' RETURNING *", crm.session('support'))
      ).plans;
      const leaking = result.fields.filter((f) =>
        plan!.facts.forbiddenFields.has(`${f.tableID}:${f.columnID}`),
      );
      expect(leaking).toEqual([]);
    } finally {
      await crm.raw('ROLLBACK', 'support');
    }
  });

  it.each<[Role, string]>([
    ['support', 'UPDATE payments SET card_number = NULL'],
    ['support', "INSERT INTO payments VALUES (9, 1, '4111', 1)"],
    ['support', "UPDATE customers SET profile['social'] = '1'"],
    ['support', "UPDATE customers SET notes = notes || ' and more'"],
    ['support', "UPDATE customers SET notes = COALESCE(left(customers.notes, 2), 'none')"],
    ['support', 'UPDATE customers SET birth_date = CASE WHEN id = 1 THEN birth_date + 1 END'],
    [
      'support',
      "INSERT INTO customers (id, first_name, last_name) VALUES (1, 'a', 'b') ON CONFLICT (id) DO UPDATE SET notes = customers.notes || EXCLUDED.notes",
    ],
    ['support', 'UPDATE customers c SET region = c::text'],
    ['support', 'DELETE FROM customers c RETURNING ROW(c.*)'],
    ['support', 'DELETE FROM customers RETURNING row_to_json(customers.*)'],
    ['marketing', 'DELETE FROM customers WHERE ctid IS NOT NULL'],
    ['support', 'TRUNCATE tickets'],
    ['support', 'DELETE FROM region_counts'],
    ['support', 'UPDATE consents SET status = $$given$$'],
    [
      'support',
      'INSERT INTO consents (customer_id, purpose, status) VALUES (2, $$marketing_email$$, $$given$$)',
    ],
  ])('%s is refused: %s', async (role, sql) => {
    await expect(crm.run(sql, crm.session(role))).rejects.toBeInstanceOf(Refused);
  });
});
