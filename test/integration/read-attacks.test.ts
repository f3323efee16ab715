/**
 * The leak catalogue, reads: what a clever insider tries with locks, grouping, samples, system columns, names and views. Run
 * on two databases that differ only in what the policy hides; whatever comes back is the same on both, or a refusal.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { governed, Refused, type Governed } from '../support/governed.js';
import { otherPeople, otherSecrets } from '../support/hidden.js';
import { readPolicy, readSetup } from './read-forms.js';

const hiddenToo = `
  UPDATE visits SET remark = 'zzzz' || id WHERE remark IS NOT NULL; UPDATE letters SET body = 'zzzz' || id; UPDATE emails SET reply_to = 'zzzz' WHERE reply_to IS NOT NULL;
  UPDATE measures SET remark = 'zzzz' WHERE remark IS NOT NULL; REFRESH MATERIALIZED VIEW m_people; REFRESH MATERIALIZED VIEW m_regions;
  CLUSTER letters USING letters_pkey;`;

const withheldToo = `
  DELETE FROM visits WHERE customer_id IN (2, 4, 5); DELETE FROM letters WHERE customer_id = 2;
  REFRESH MATERIALIZED VIEW m_people; REFRESH MATERIALIZED VIEW m_regions;`;

const answered = [
  'SELECT id FROM orders WHERE id = 11 AND status::int = 1 FOR UPDATE',
  'SELECT id FROM orders WHERE 1 / (total - 59) IS NOT NULL ORDER BY id FOR UPDATE',
  'SELECT id FROM orders ORDER BY 1 / (total - 59) NULLS LAST, id LIMIT 1 FOR UPDATE SKIP LOCKED',
  'SELECT id, CASE WHEN notes LIKE $$canary-note-5%$$ THEN 1/0 END FROM customers ORDER BY id FOR SHARE',
  'SELECT o.id FROM orders o JOIN customers c ON c.id = o.customer_id AND c.notes::int > 0 FOR UPDATE OF o',
  'SELECT x.* FROM (SELECT id, total FROM orders FOR UPDATE) x WHERE 1 / (x.total - 59) > 0 ORDER BY id',
  'SELECT id, notes FROM customers GROUP BY 1 HAVING notes::int > 0 ORDER BY 1',
  'SELECT id, length(notes) FROM customers GROUP BY id ORDER BY notes, id',
  'SELECT o.id, 1 / (o.total - 59) FROM orders o GROUP BY o.id ORDER BY 1',
  'SELECT c.id, count(*) FILTER (WHERE c.notes LIKE $$%4711%$$) FROM customers c GROUP BY c.id ORDER BY 1',
  'SELECT notes(c)::int FROM customers c',
  'SELECT id FROM customers c WHERE 1 / (length(notes(c)) - 23) > 0 ORDER BY id',
  'SELECT public.customers.notes, other.customers.note FROM public.customers JOIN other.customers USING (id) ORDER BY id',
  'SELECT public.customers.id FROM public.customers, other.customers WHERE public.customers.email = other.customers.email',
  'SELECT c IS NULL, (c).notes, c::text FROM products p LEFT JOIN customers c ON c.id = p.id + 3 ORDER BY p.id',
  'SELECT count(c) FROM products p LEFT JOIN customers c ON c.id = p.id + 3 AND (c).notes::int > 0',
  'SELECT o.tableoid = 0, o.id FROM orders o ORDER BY 2',
  'SELECT count(*), count(tableoid) FROM orders WHERE 1 / (tableoid::int8 - tableoid::int8 + 1) = 1',
  'SELECT v.tableoid::regclass, count(*) FROM visits v GROUP BY 1 ORDER BY max(v.id)',
  'SELECT id, remark FROM visits_us ORDER BY id',
  'SELECT remark::int FROM visits_eu',
  'SELECT id, body FROM letters ORDER BY id',
  'SELECT * FROM emails ORDER BY id',
  'SELECT id FROM customers TABLESAMPLE SYSTEM (100) WHERE notes::int > 0',
  'SELECT count(*) FROM orders TABLESAMPLE BERNOULLI (100)',
  'SELECT * FROM v_nested ORDER BY id',
  'SELECT id FROM v_plain WHERE notes::int > 0',
  'SELECT * FROM v_join WHERE 1 / (total - 59) IS NOT NULL ORDER BY id',
  'SELECT id, email FROM v_barrier WHERE email LIKE $$%canary2%$$ ORDER BY id',
  'SELECT id, email FROM m_people ORDER BY id',
  'SELECT id FROM m_people WHERE first_name::int > 0 AND id = 5',
  'SELECT remark FROM v_visits ORDER BY id',
] as const;

/** By their rows, or by what they would tell. */
const refused = [
  'SELECT * FROM m_regions',
  'SELECT * FROM v_newest',
  'SELECT * FROM v_union',
  'SELECT ctid, id FROM visits_eu',
  'SELECT xmax FROM orders',
  'SELECT cmin, * FROM letters',
  'SELECT id FROM orders TABLESAMPLE SYSTEM (50) REPEATABLE (1)',
] as const;

describe.each([18, 15] as const)('reads that an insider tries on PostgreSQL %i', (version) => {
  let first: Governed;
  let second: Governed;
  beforeAll(async () => {
    first = await governed(version, { setup: readSetup, policy: readPolicy });
    second = await governed(version, {
      setup: `${readSetup}${otherSecrets}${otherPeople}${hiddenToo}${withheldToo}`,
      policy: readPolicy,
    });
    for (const crm of [first, second]) await crm.db.query('GRANT UPDATE ON customers, orders TO PUBLIC');
  });
  afterAll(() => Promise.all([first.close(), second.close()]));

  const outcome = async (crm: Governed, sql: string): Promise<unknown> => {
    try {
      const { rows, rowCount } = await crm.run(sql, crm.session('marketing'));
      return { rows: rows as unknown[], rowCount };
    } catch (error) {
      if (error instanceof Refused) return { refused: error.message };
      const { code, message, detail, where } = error as Record<string, unknown>;
      return { code, message, detail, where };
    }
  };

  it.each(answered)('learns nothing from: %s', async (sql) => {
    const seen = await outcome(first, sql);
    expect(seen).not.toHaveProperty('refused');
    expect(await outcome(second, sql)).toEqual(seen);
    expect(JSON.stringify(seen)).not.toMatch(/canary-|[a-z]\.canary|@canary|zzzz/);
  });

  it.each(refused)('is refused: %s', async (sql) => {
    expect(await outcome(first, sql)).toHaveProperty('refused');
  });
});

describe.each([18, 15] as const)('a row rule on a view, on PostgreSQL %i', (version) => {
  let crm: Governed;
  beforeAll(async () => {
    crm = await governed(version, {
      setup: `
        CREATE VIEW ticket_list AS SELECT t.id AS nr, t.customer_id, upper(t.region) AS region FROM tickets t;
        CREATE MATERIALIZED VIEW ticket_copy AS SELECT id, customer_id, opened_at FROM tickets;
        CREATE VIEW ticket_keyless AS SELECT customer_id, opened_at FROM tickets`,
      policy: readPolicy
        .replace(/, public\.visits.*?born\]/, ']')
        .replace(/ {2}public\.(visits|letters|measures|births): .*\n/g, '')
        .replace(
          '  support:\n    purposes: [support, legal_claims]',
          '  support:\n    purposes: [support, legal_claims]\n    rows: { public.tickets: "region = \'EU\'" }',
        ),
    });
    await crm.db.query('GRANT SELECT ON ticket_list, ticket_copy, ticket_keyless TO PUBLIC');
  });
  afterAll(() => crm.close());

  const ids = async (sql: string): Promise<unknown[]> =>
    (await crm.run(sql, crm.session('support'))).rows.map(
      (row: Record<string, unknown>) => Object.values(row)[0],
    );

  it('asks the table by the key that the view shows', async () => {
    expect(await ids('SELECT nr FROM ticket_list ORDER BY 1')).toEqual([1, 2]);
    expect(await ids('SELECT nr FROM ticket_list WHERE 1 / (nr - 5) IS NOT NULL ORDER BY 1')).toEqual([1, 2]);
  });

  it('asks it now, not when a materialized view was made', async () => {
    expect(await ids('SELECT id FROM ticket_copy ORDER BY 1')).toEqual([1, 2]);
    await crm.db.query("UPDATE tickets SET region = 'US' WHERE id = 2");
    expect(await ids('SELECT id FROM ticket_copy ORDER BY 1')).toEqual([1]);
    await crm.db.query("UPDATE tickets SET region = 'EU' WHERE id = 2");
  });

  it('refuses a view that shows no key', async () => {
    await expect(ids('SELECT * FROM ticket_keyless')).rejects.toBeInstanceOf(Refused);
  });
});
