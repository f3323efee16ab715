/**
 * FOR UPDATE and its kin lock exactly the rows that the statement would have locked over tables that hold what the role
 * sees: a second connection tells which rows are locked by taking all others. Consents and withheld rows never are.
 */
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { governed, type Governed } from '../support/governed.js';
import { maskedCopy, type MaskedCopy } from '../support/masked-copy.js';

const setup = 'CREATE VIEW named AS SELECT id, first_name, email FROM customers';

const statements = [
  'SELECT id FROM customers FOR UPDATE',
  'SELECT id FROM customers WHERE id = 3 FOR UPDATE',
  "SELECT * FROM customers WHERE region = 'EU' FOR NO KEY UPDATE",
  "SELECT id FROM customers WHERE email LIKE 'a%' FOR SHARE",
  "SELECT id FROM customers WHERE notes LIKE '%canary%' FOR UPDATE",
  'SELECT id FROM customers WHERE length(first_name) = 3 FOR KEY SHARE',
  // Job queues: the sort must not lock what the limit leaves out.
  'SELECT id FROM customers ORDER BY created_at DESC LIMIT 1 FOR UPDATE SKIP LOCKED',
  'SELECT id FROM orders ORDER BY total LIMIT 1 FOR UPDATE',
  'SELECT id FROM orders ORDER BY id LIMIT 1 OFFSET 1 FOR UPDATE',
  "SELECT id FROM orders WHERE status = 'paid' ORDER BY placed_at FETCH FIRST ROW ONLY FOR NO KEY UPDATE SKIP LOCKED",
  'SELECT id FROM tickets ORDER BY subject, id LIMIT 1 FOR UPDATE NOWAIT',
  'SELECT o.id FROM orders o JOIN customers c ON c.id = o.customer_id WHERE c.region = $$EU$$ ORDER BY 1 FOR UPDATE',
  'SELECT o.id FROM orders o JOIN customers c ON c.id = o.customer_id ORDER BY o.id LIMIT 1 FOR UPDATE OF o',
  'SELECT o.id FROM orders o JOIN customers c ON c.id = o.customer_id ORDER BY o.id LIMIT 1 FOR UPDATE OF o FOR SHARE OF c',
  'SELECT o.id FROM orders o LEFT JOIN customers c ON c.id = o.customer_id WHERE o.id = 10 FOR UPDATE OF o',
  'SELECT p.id, o.id FROM products p JOIN order_items i ON i.product_id = p.id JOIN orders o ON o.id = i.order_id WHERE p.id = 2 FOR UPDATE OF p, o',
  'SELECT * FROM (SELECT * FROM customers) s WHERE s.id < 3 ORDER BY s.id FOR UPDATE',
  'SELECT * FROM (SELECT id FROM customers ORDER BY id LIMIT 1) s FOR UPDATE',
  'SELECT id FROM (SELECT * FROM customers ORDER BY id LIMIT 2 FOR UPDATE) s WHERE id = 1',
  'WITH next AS (SELECT id FROM orders ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED) SELECT * FROM next',
  'WITH people AS (SELECT * FROM customers) SELECT o.id FROM orders o JOIN people p ON p.id = o.customer_id ORDER BY 1 FOR UPDATE',
  'SELECT id, (SELECT count(*) FROM orders o WHERE o.customer_id = c.id) FROM customers c WHERE id = 1 FOR UPDATE',
  'SELECT id FROM customers c WHERE EXISTS (SELECT FROM orders o WHERE o.customer_id = c.id) FOR UPDATE',
  'SELECT c.id, x.id FROM customers c, LATERAL (SELECT id FROM orders o WHERE o.customer_id = c.id ORDER BY id LIMIT 1) x FOR UPDATE OF c',
  'SELECT id FROM named WHERE id = 1 FOR UPDATE',
  'SELECT id FROM customers WHERE id = 99 FOR UPDATE',
  'SELECT id FROM ONLY customers WHERE id = 1 FOR UPDATE',
  'UPDATE app_log SET message = message WHERE id = (SELECT id FROM customers ORDER BY id DESC LIMIT 1 FOR UPDATE)',
  // What the server refuses it refuses here too.
  'SELECT DISTINCT region FROM customers FOR UPDATE',
  'SELECT count(*) FROM customers FOR UPDATE',
  'SELECT p.id FROM products p LEFT JOIN customers c ON c.id = p.id FOR UPDATE',
  'SELECT id FROM customers UNION SELECT id FROM orders FOR UPDATE',
  'SELECT id FROM customers c FOR UPDATE OF customers',
] as const;

const lockable = ['customers', 'orders', 'order_items', 'tickets', 'products', 'consents'] as const;

describe.each([18, 15] as const)('row locks on PostgreSQL %i', (version) => {
  describe.each(['support', 'marketing'] as const)('as %s', (role) => {
    let real: Governed;
    let copy: MaskedCopy;
    let besides: pg.Client;
    let besidesCopy: pg.Client;
    beforeAll(async () => {
      real = await governed(version, { setup });
      await real.db.query(
        'GRANT SELECT, UPDATE ON ALL TABLES IN SCHEMA public TO PUBLIC; REVOKE UPDATE ON consents FROM PUBLIC, crm_support, crm_marketing',
      );
      await real.refresh();
      copy = await maskedCopy(real, version, role, { setup, denied: ['card_number'] });
      besides = await real.db.connect();
      besidesCopy = await copy.db.connect();
    });
    afterAll(async () => {
      await real.close();
      await copy.db.drop();
    });

    /** What another session cannot take; with FOR UPDATE it meets even the weakest lock. */
    const lockedRows = async (client: pg.Client): Promise<Record<string, string[]>> => {
      const locked: Record<string, string[]> = {};
      for (const table of lockable) {
        const key = async (lock: string): Promise<string[]> =>
          (await client.query<{ k: string }>(`SELECT ${table}::text AS k FROM ${table} ${lock}`)).rows.map(
            ({ k }) => k,
          );
        const free = new Set(await key('FOR UPDATE SKIP LOCKED'));
        locked[table] = (await key(''))
          .filter((each) => !free.has(each))
          .map((each) => /\d+/.exec(each)![0])
          .sort();
      }
      return locked;
    };

    const locksOf = async (
      begin: (sql: string) => Promise<unknown>,
      run: () => Promise<pg.QueryResult>,
      other: pg.Client,
    ): Promise<unknown> => {
      await begin('BEGIN');
      try {
        const { rows } = await run();
        return { rows, locked: await lockedRows(other) };
      } catch (error) {
        const { code, rule, message } = error as Record<string, unknown>;
        return rule === undefined ? { code } : { refused: message };
      } finally {
        await begin('ROLLBACK');
      }
    };

    it.each(statements)('%s', async (sql) => {
      const session = real.session(role);
      const expected = await locksOf(
        (text) => copy.client.query(text),
        () => copy.client.query(sql),
        besidesCopy,
      );
      const got = await locksOf(
        (text) => real.run(text, session),
        () => real.run(sql, session),
        besides,
      );
      expect(got).toEqual(expected);
    });

    it('takes the next job beside another worker, and fails at once with NOWAIT', async () => {
      const session = real.session(role);
      await besides.query('BEGIN');
      await besides.query('SELECT id FROM orders WHERE id = 10 FOR UPDATE');
      try {
        const job = 'SELECT id FROM orders ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED';
        expect((await real.run(job, session)).rows).toEqual([{ id: role === 'support' ? 11 : 12 }]);
        const now = 'SELECT id FROM orders WHERE id = 10 FOR UPDATE NOWAIT';
        await expect(real.run(now, session)).rejects.toMatchObject({ code: '55P03' });
        // Somebody works on a withheld order: nothing tells of it.
        await besides.query('SELECT id FROM orders WHERE id = 11 FOR UPDATE');
        if (role === 'marketing') {
          const withheld = 'SELECT id FROM orders WHERE id = 11 FOR UPDATE NOWAIT';
          expect((await real.run(withheld, session)).rows).toEqual([]);
        }
      } finally {
        await besides.query('ROLLBACK');
      }
    });

    it('sees a change that it had to wait for, as the server does', async () => {
      const session = real.session(role);
      await besides.query('BEGIN');
      await besides.query("UPDATE orders SET status = 'taken' WHERE id = 10");
      const waiting = real.run(
        "SELECT id, status FROM orders WHERE id = 10 AND status = 'paid' FOR UPDATE",
        session,
      );
      await new Promise((resolve) => setTimeout(resolve, 200));
      await besides.query('COMMIT');
      expect((await waiting).rows).toEqual([]);
      await besides.query("UPDATE orders SET status = 'paid' WHERE id = 10");
    });
  });
});
