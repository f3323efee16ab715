/** Row guards of every kind on writes: which rows are touched and counted, and that no condition runs on the others' values. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { crmPolicy, governed, type Governed } from '../support/governed.js';
import { postgresVersions } from '../support/servers.js';

type Role = 'support' | 'marketing';

const policy = crmPolicy
  .replace('labels:', 'labels:\n  item.quantity: [public.order_items.quantity]')
  .replace(
    '"*": redact }\n  marketing:',
    '"*": redact }\n    rows: { public.tickets: "region = {actor.region}" }\n  marketing:',
  );

describe.each(postgresVersions)('row guards on writes on PostgreSQL %i', (version) => {
  let crm: Governed;
  beforeAll(async () => {
    crm = await governed(version, { policy });
  });
  afterAll(() => crm.close());

  const write = async (
    role: Role,
    purpose: string,
    sql: string,
  ): Promise<{ count: number | null; rows: unknown[] }> => {
    await crm.raw('BEGIN', role);
    try {
      const session = crm.session(role, { purpose, actor: new Map([['region', 'EU']]) });
      const result = await crm.run(sql, session, undefined, 'array');
      return { count: result.rowCount, rows: (result.rows as unknown[][]).map((row) => row[0]).sort() };
    } finally {
      await crm.raw('ROLLBACK', role);
    }
  };

  describe.each<[string, Role, string, number[]]>([
    ['a consent with a history', 'marketing', 'marketing', [1, 3]],
    ['a flag on the row', 'marketing', 'calls', [1, 3, 4, 6]],
    ['an objection', 'marketing', 'sale', [2, 3, 4, 6]],
    ['a restriction', 'support', 'support', [1, 2, 3, 4, 6]],
    ['no guard', 'support', 'legal_claims', [1, 2, 3, 4, 5, 6]],
  ])('%s', (_name, role, purpose, ids) => {
    const names = ['Ada', 'Bob', 'Cleo', 'Dmitri', 'Eve', 'Finn'];
    const withheld = names.filter((_each, index) => !ids.includes(index + 1));

    it.each([
      ['no condition', 'true'],
      [
        'a condition that fails on withheld values',
        `1 / (CASE WHEN first_name IN (${["''", ...withheld.map((each) => `'${each}'`)].join(', ')}) THEN 0 ELSE 1 END) = 1`,
      ],
      [
        'a cast that fails on withheld values',
        `(CASE WHEN first_name = ANY ('{${withheld.join(',')}}') THEN first_name ELSE '1' END)::int = 1`,
      ],
      ['a subquery on the same row', "(SELECT customers.first_name) <> ''"],
    ])('UPDATE with %s', async (_condition, where) => {
      const sql = `UPDATE customers SET region = 'ZZ' WHERE ${where} RETURNING id`;
      expect(await write(role, purpose, sql)).toEqual({ count: ids.length, rows: ids });
    });

    it('DELETE', async () => {
      const { rows } = await crm.raw('SELECT DISTINCT customer_id AS id FROM tickets ORDER BY 1', role);
      const sql = 'DELETE FROM tickets RETURNING customer_id';
      const expected = rows.map((row: { id: number }) => row.id).filter((id) => ids.includes(id));
      // Support sees the tickets of its own region alone; customer 3 is in another.
      const seen = role === 'support' ? expected.filter((id) => id !== 3) : expected;
      expect((await write(role, purpose, sql)).rows).toEqual(seen);
    });

    it('ON CONFLICT DO UPDATE', async () => {
      const values = [1, 2, 3, 4, 5, 6].map((id) => `(${id}, 'x', 'y')`).join(', ');
      const sql = `INSERT INTO customers (id, first_name, last_name) VALUES ${values} ON CONFLICT (id) DO UPDATE SET region = 'ZZ' RETURNING id`;
      expect(await write(role, purpose, sql)).toEqual({ count: ids.length, rows: ids });
    });

    it('a hop to the subject', async () => {
      const orders: Record<number, number> = { 10: 1, 11: 2, 12: 3, 13: 4, 14: 1 };
      const expected = Object.entries(orders).flatMap(([order, customer]) =>
        ids.includes(customer) ? [Number(order)] : [],
      );
      const sql = 'DELETE FROM order_items WHERE line = 1 RETURNING order_id';
      expect((await write(role, purpose, sql)).rows).toEqual(expected);
    });
  });

  it('retention', async () => {
    expect(await write('support', 'support', "UPDATE leads SET source = 'x' RETURNING id")).toEqual({
      count: 1,
      rows: [1],
    });
    expect(
      await write('support', 'support', 'DELETE FROM leads WHERE created_at < now() RETURNING id'),
    ).toEqual({ count: 1, rows: [1] });
  });

  it('rows without the attribute that they ask for', async () => {
    const sql = 'DELETE FROM tickets RETURNING id';
    await crm.raw('BEGIN', 'support');
    const { rowCount } = await crm.run(sql, crm.session('support'));
    await crm.raw('ROLLBACK', 'support');
    expect(rowCount).toBe(0);
  });
});
