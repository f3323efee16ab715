/** WHERE CURRENT OF writes the row that the cursor stands on, and COPY shows what a write returns masked. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { governed, type Governed } from '../support/governed.js';
import { postgresVersions } from '../support/servers.js';

type Role = 'support' | 'marketing';

describe.each(postgresVersions)('cursors and COPY of writes on PostgreSQL %i', (version) => {
  let crm: Governed;
  beforeAll(async () => {
    crm = await governed(version);
  });
  afterAll(() => crm.close());

  /** Fetches from a cursor, writes its row, and reads which rows changed. */
  async function writeCurrent(role: Role, purpose: string, query: string, fetch: string): Promise<unknown> {
    const session = crm.session(role, { purpose });
    await crm.raw('BEGIN', role);
    try {
      await crm.run(`DECLARE c CURSOR FOR ${query}`, session);
      const fetched = await crm.run(`FETCH ${fetch} FROM c`, session, undefined, 'array');
      const update = "UPDATE customers SET region = 'here', email = 'a***@example.com' WHERE CURRENT OF c";
      const written = await crm.run(`${update} RETURNING id, email`, session, undefined, 'array');
      const stored = await crm.raw("SELECT id, email FROM customers WHERE region = 'here'", role);
      return {
        last: fetched.rows.at(-1) as unknown,
        written: written.rows as unknown,
        stored: stored.rows as unknown,
      };
    } catch (error) {
      return (error as { code?: string }).code;
    } finally {
      await crm.raw('ROLLBACK', role);
    }
  }

  const cleo = {
    last: [3],
    written: [[3, 'a***@example.com']],
    stored: [{ id: 3, email: 'a***@example.com' }],
  };
  const ada = {
    last: [1],
    written: [[1, 'a***@example.com']],
    stored: [{ id: 1, email: 'ada.canary1@example.com' }],
  };

  it.each<[string, Role, string, string, string, unknown]>([
    [
      'a plain cursor without a row filter',
      'support',
      'legal_claims',
      'SELECT id FROM customers WHERE id = 3',
      '1',
      cleo,
    ],
    [
      'a lock without a row filter',
      'support',
      'legal_claims',
      'SELECT id FROM customers ORDER BY id FOR UPDATE',
      '3',
      cleo,
    ],
    [
      'a plain cursor under a flag of the row',
      'marketing',
      'calls',
      'SELECT id FROM customers WHERE id > 1',
      '1',
      cleo,
    ],
    [
      'a lock under a consent',
      'marketing',
      'marketing',
      'SELECT id FROM customers ORDER BY id FOR UPDATE',
      '2',
      cleo,
    ],
    [
      'a lock below a sort',
      'marketing',
      'marketing',
      'SELECT id FROM customers ORDER BY id DESC FOR UPDATE',
      '2',
      ada,
    ],
    [
      'a lock in a join',
      'marketing',
      'marketing',
      'SELECT c.id FROM orders o JOIN customers c ON c.id = o.customer_id ORDER BY o.id DESC FOR UPDATE OF c',
      '1',
      ada,
    ],
    [
      'a lock under a restriction',
      'support',
      'support',
      'SELECT id FROM customers ORDER BY email FOR UPDATE',
      '1',
      ada,
    ],
    [
      'a join with the consents, without a lock',
      'marketing',
      'marketing',
      'SELECT id FROM customers',
      '1',
      '24000',
    ],
  ])('%s', async (_name, role, purpose, query, fetch, expected) => {
    expect(await writeCurrent(role, purpose, query, fetch)).toEqual(expected);
  });

  it.each([
    [
      'DELETE FROM tickets RETURNING id, subject',
      [
        [1, '***'],
        [3, '***'],
      ],
    ],
    [
      'WITH d AS (DELETE FROM tickets RETURNING *) SELECT id, subject FROM d',
      [
        [1, '***'],
        [3, '***'],
      ],
    ],
    ["UPDATE tickets SET region = subject WHERE subject LIKE '%canary%' RETURNING id", []],
  ])('COPY (%s) TO STDOUT', async (query, rows) => {
    const [plan] = (await crm.plan(`COPY (${query}) TO STDOUT`, crm.session('marketing'))).plans;
    if (plan?.kind !== 'rewrite') throw new Error('the statement is not rewritten');
    const inside = /^COPY \((.*)\) TO STDOUT$/su.exec(Buffer.from(plan.sql, 'latin1').toString('utf8'));
    await crm.raw('BEGIN', 'marketing');
    try {
      await crm.raw(plan.sql, 'marketing');
      await crm.raw('ROLLBACK; BEGIN', 'marketing');
      const { rows: returned } = await crm.raw(inside![1]!, 'marketing');
      expect((returned as object[]).map((row) => Object.values(row) as unknown[])).toEqual(rows);
    } finally {
      await crm.raw('ROLLBACK', 'marketing');
    }
  });
});
