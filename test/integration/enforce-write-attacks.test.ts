/**
 * The leak catalogue for writes: an insider's statements against two databases that differ only in what the policy hides
 * must give the same rows, counts and errors, and must leave the same visible state behind.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { governed, Refused, type Governed } from '../support/governed.js';
import { otherPeople, otherSecrets } from '../support/hidden.js';
import { postgresVersions } from '../support/servers.js';

const statements = [
  "UPDATE customers SET region = 'x' WHERE notes::int > 0 RETURNING id",
  'DELETE FROM tickets WHERE 1 / (length(subject) - 26) > 0 RETURNING id',
  "UPDATE customers SET region = 'x' WHERE CASE WHEN last_name = 'Secretname5' THEN 1/0 ELSE 1 END = 1 RETURNING id",
  'UPDATE customers SET region = notes RETURNING id, region',
  'UPDATE customers SET region = email || notes || phone RETURNING id, region',
  'UPDATE customers SET notes = email, email = NULL RETURNING id, notes, email',
  "UPDATE customers SET notes = '***' RETURNING id, notes",
  "UPDATE customers SET email = 'a***@example.com' WHERE id = 1 RETURNING email, email = 'ada.canary1@example.com'",
  "UPDATE customers SET region = CASE WHEN notes LIKE '%tea%' THEN 'A' ELSE 'B' END RETURNING id, region",
  'UPDATE customers SET region = (SELECT string_agg(x.notes, $$,$$) FROM customers x) RETURNING id, region',
  'UPDATE customers SET region = (SELECT max(t.subject) FROM tickets t WHERE t.customer_id = customers.id) RETURNING id, region',
  "UPDATE customers c SET region = 'x' FROM tickets t WHERE t.subject = c.notes RETURNING c.id",
  "UPDATE customers c SET region = 'x' FROM customers d WHERE d.notes = c.notes AND d.id <> c.id RETURNING c.id",
  'UPDATE orders SET status = 1 / total RETURNING id, status',
  "UPDATE orders SET status = 'x' WHERE 1 / (total - 59) > 1000 RETURNING id",
  "UPDATE orders SET status = 'x' WHERE id = 11 AND status::int = 1 RETURNING id",
  "UPDATE orders SET status = 'x' WHERE id IN (10, 11, 13) AND 1 / total IS NOT NULL RETURNING id",
  'DELETE FROM order_items i USING orders o WHERE o.id = i.order_id AND 1 / o.total > 0 RETURNING i.order_id',
  'DELETE FROM order_items RETURNING *',
  "DELETE FROM tickets WHERE subject < 'm' RETURNING id, subject",
  'DELETE FROM leads WHERE 1 / (extract(year FROM created_at)::int - 2023) > 5 RETURNING id',
  'DELETE FROM tickets RETURNING subject, length(subject), subject::text, (SELECT max(subject) FROM tickets)',
  "INSERT INTO customers (id, first_name, last_name) VALUES (901, 'a', 'b') RETURNING *",
  'INSERT INTO customers (id, first_name, last_name, notes) SELECT id + 2000, first_name, last_name, notes FROM customers RETURNING id, notes',
  "INSERT INTO customers (id, first_name, last_name) VALUES (1, 'a', 'b') ON CONFLICT (id) DO UPDATE SET region = customers.notes RETURNING id, region",
  "INSERT INTO customers (id, first_name, last_name) VALUES (5, 'a', 'b') ON CONFLICT (id) DO UPDATE SET region = customers.notes RETURNING id, region",
  "INSERT INTO customers (id, first_name, last_name) VALUES (1, 'a', 'b') ON CONFLICT (id) DO UPDATE SET region = 'r' WHERE customers.notes::int = 1 RETURNING id",
  "INSERT INTO customers (id, first_name, last_name) VALUES (5, 'a', 'b') ON CONFLICT (id) DO UPDATE SET region = 'r' WHERE 1 / (length(customers.notes) - 23) > 5 RETURNING id",
  "INSERT INTO customers (id, first_name, last_name) VALUES (1, 'a', 'b') ON CONFLICT (id) DO UPDATE SET email = EXCLUDED.email, notes = customers.email RETURNING id, email, notes",
  'INSERT INTO orders SELECT 500 + c.id, c.id, length(c.notes), c.notes FROM customers c RETURNING *',
  'UPDATE tickets SET region = subject || subject RETURNING id, region',
  'UPDATE customers SET region = (SELECT x.e FROM (SELECT customers.email) x (e)) RETURNING id, region',
  'UPDATE customers SET region = (SELECT x.* FROM (VALUES (customers.id || customers.notes)) x) WHERE notes IS NOT NULL RETURNING id, region',
  'UPDATE customers SET region = (SELECT max(v) FROM unnest(ARRAY[customers.notes, customers.email]) v) RETURNING id, region',
  "UPDATE customers SET region = format('%s', ROW(customers.notes)) RETURNING id, region",
  'UPDATE customers SET region = coalesce(public.customers.notes, region) RETURNING id, region',
  'INSERT INTO app_log (message) SELECT to_jsonb(c)::text FROM customers c RETURNING message',
  'INSERT INTO app_log (message) SELECT array_agg(c)::text FROM customers c RETURNING message',
  "UPDATE products SET name = (SELECT string_agg(email || notes, ',' ORDER BY id) FROM customers) RETURNING name",
  'WITH d AS (DELETE FROM tickets RETURNING *), i AS (INSERT INTO tickets SELECT id + 100, customer_id, region, subject, opened_at FROM d RETURNING *) SELECT * FROM i',
  "INSERT INTO customers AS c (id, first_name, last_name) VALUES (1, 'x', 'y') ON CONFLICT (id) DO UPDATE SET region = (SELECT c.notes), notes = c.email RETURNING c.region, c.notes",
  'UPDATE customers SET region = overlay(phone PLACING email FROM 1 FOR 3) WHERE phone IS NOT NULL RETURNING id, region',
] as const;

/** What a role sees afterwards. */
const visible = [
  'SELECT * FROM customers ORDER BY id',
  'SELECT * FROM orders ORDER BY id',
  'SELECT * FROM tickets ORDER BY id',
  'SELECT * FROM order_items ORDER BY 1, 2',
] as const;

describe.each(postgresVersions)('what an insider writes on PostgreSQL %i', (version) => {
  const pairs: Record<'support' | 'marketing', Governed[]> = { support: [], marketing: [] };
  beforeAll(async () => {
    const plain = await governed(version);
    pairs.support = [plain, await governed(version, { setup: otherSecrets })];
    pairs.marketing = [plain, await governed(version, { setup: otherSecrets + otherPeople })];
  });
  afterAll(async () => {
    const all = new Set([...pairs.support, ...pairs.marketing]);
    await Promise.all([...all].map((each) => each.close()));
  });

  const outcome = async (crm: Governed, sql: string, role: 'support' | 'marketing'): Promise<unknown[]> => {
    const session = crm.session(role);
    const attempt = async (text: string): Promise<unknown> => {
      try {
        const result = await crm.run(text, session);
        const rows = result.rows.map((row) => JSON.stringify(row));
        // Without ORDER BY rows come as they lie in the table.
        return { rows: text === sql ? rows.sort() : rows, count: result.rowCount };
      } catch (error) {
        if (error instanceof Refused) return { refused: error.message };
        const { code, message, where } = error as Record<string, unknown>;
        return { code, message, where };
      }
    };
    await crm.raw('BEGIN', role);
    try {
      const first = await attempt(sql);
      if (typeof first === 'object' && first !== null && 'code' in first) return [first];
      const after: unknown[] = [];
      for (const text of visible) after.push(await attempt(text));
      return [first, ...after];
    } finally {
      await crm.raw('ROLLBACK', role);
    }
  };

  /** Both runs take their own moment for DEFAULT now(). */
  const withoutNow = (value: unknown): string =>
    JSON.stringify(value).replaceAll(
      new RegExp(`${new Date().toISOString().slice(0, 10)}T[0-9:.]+Z`, 'g'),
      'now',
    );

  describe.each(['support', 'marketing'] as const)('as %s', (role) => {
    it.each(statements)('learns nothing from: %s', async (sql) => {
      const [first, second] = await Promise.all(pairs[role].map((crm) => outcome(crm, sql, role)));
      expect(withoutNow(second)).toBe(withoutNow(first));
      if (!(role === 'marketing' && sql.includes('leads'))) expect(first![0]).not.toHaveProperty('refused');
      expect(JSON.stringify(first)).not.toMatch(
        /canary-|[a-z]\.canary|@canary|Secretname5|-000000[1-6]|zzzz/,
      );
    });
  });
});
