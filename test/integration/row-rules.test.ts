/** Rules over rows (`rows`, `restricted`, `retention`, consent) at their edges, on real servers. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { crmPolicy, governed, type Governed } from '../support/governed.js';
import { versionsOfLongTests } from '../support/servers.js';

const setup = `
  CREATE TABLE visits (
    id int PRIMARY KEY, team text, day date, open boolean, token uuid, score numeric, at timestamptz, plain timestamp
  );
  INSERT INTO visits VALUES
    (1, 'EU', '2026-01-01', true, '00000000-0000-0000-0000-000000000001', 1.5, now() - interval '10 days', now() AT TIME ZONE 'UTC' - interval '10 days'),
    (2, 'US', '2026-01-02', false, '00000000-0000-0000-0000-000000000002', 2.5, now() - interval '30 days' - interval '1 minute', now() AT TIME ZONE 'UTC' - interval '30 days' - interval '1 minute'),
    (3, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
    (4, 'O''X', '2026-01-04', true, NULL, NULL, now() - interval '30 days' + interval '5 minutes', now() AT TIME ZONE 'UTC' - interval '30 days' + interval '5 minutes');
  CREATE TABLE calls (id int PRIMARY KEY, visit_id int, customer_id int, body text);
  INSERT INTO calls VALUES (1, 1, 1, 'x'), (2, 2, 5, 'x'), (3, 3, NULL, 'x');
  CREATE TABLE logs (id int NOT NULL, at timestamptz) PARTITION BY LIST (id);
  CREATE TABLE logs_1 PARTITION OF logs FOR VALUES IN (1);
  CREATE TABLE logs_2 PARTITION OF logs FOR VALUES IN (2);
  INSERT INTO logs VALUES (1, now()), (2, now() - interval '40 days');
  GRANT ALL ON visits, calls, logs, logs_1, logs_2 TO crm_support, crm_marketing;
`;

function policyWith(change: { rows?: string; retention?: string }): string {
  return crmPolicy
    .replace(
      '  public.tickets: { key: customer_id }\n',
      '  public.tickets: { key: customer_id }\n  public.calls: { key: customer_id }\n',
    )
    .replace('retention:\n', `retention:\n${change.retention ?? ''}`)
    .replace(
      '"*": redact }\n  marketing:',
      `"*": redact }\n${change.rows === undefined ? '' : `    rows: { public.visits: "${change.rows}" }\n`}  marketing:`,
    );
}

describe.each(versionsOfLongTests)('rules over rows on PostgreSQL %i', (version) => {
  const open: Governed[] = [];
  const start = async (change: { rows?: string; retention?: string }): Promise<Governed> => {
    const one = await governed(version, { policy: policyWith(change), setup });
    open.push(one);
    return one;
  };
  afterAll(async () => {
    for (const one of open) await one.close();
  });

  const ids = async (
    one: Governed,
    sql: string,
    facts: Parameters<Governed['session']>[1] = {},
    role: 'support' | 'marketing' = 'support',
  ): Promise<unknown[]> => {
    const result = await one.run(sql, one.session(role, facts));
    return result.rows.map((row: { id: unknown }) => row.id);
  };

  test.each<[string, Record<string, string>, number[]]>([
    ['team = {actor.team}', { team: 'EU' }, [1]],
    ['team = {actor.team}', { team: "O'X" }, [4]],
    ['team = {actor.team}', { team: "' OR true --" }, []],
    ['team = {actor.team}', { team: '{actor.team}' }, []],
    ['team = {actor.team}', { team: '' }, []],
    ['team = {actor.team}', {}, []],
    ['team = {actor.team}', { Team: 'EU' }, []],
    ['NOT team = {actor.team}', { team: 'EU' }, [2, 4]],
    ['NOT team = {actor.team}', {}, []],
    ['team = {actor.team} OR id = 2', {}, []],
    ['id = {actor.id}', { id: '2' }, [2]],
    ['id < {actor.id}', { id: '3' }, [1, 2]],
    ['day >= {actor.day}', { day: '2026-01-02' }, [2, 4]],
    ['open = {actor.open}', { open: 'true' }, [1, 4]],
    ['token = {actor.token}', { token: '00000000-0000-0000-0000-000000000002' }, [2]],
    ['score > {actor.score}', { score: '1.6' }, [2]],
    ['team IN ({actor.a}, {actor.b})', { a: 'EU', b: 'US' }, [1, 2]],
    ['team IN ({actor.a}, {actor.b})', { a: 'EU' }, []],
  ])('rows: %s with %j shows %j', async (rows, actor, expected) => {
    const one = await start({ rows });
    expect(
      await ids(one, 'SELECT id FROM visits ORDER BY id', { actor: new Map(Object.entries(actor)) }),
    ).toEqual(expected);
    const change = await one.run(
      'UPDATE visits SET team = team',
      one.session('support', { actor: new Map(Object.entries(actor)) }),
    );
    expect(change.rowCount).toBe(expected.length);
  });

  test('an attribute that is no value of its type fails alike whatever the table holds', async () => {
    const one = await start({ rows: 'id = {actor.id}' });
    const session = one.session('support', { actor: new Map([['id', 'x']]) });
    await expect(one.run('SELECT id FROM visits', session)).rejects.toMatchObject({ code: '22P02' });
    await one.db.query('DELETE FROM visits', 'crm_admin');
    await expect(one.run('SELECT id FROM visits', session)).rejects.toMatchObject({ code: '22P02' });
  });

  describe('restricted and retention', () => {
    let one: Governed;
    beforeAll(async () => {
      one = await start({
        retention:
          '  public.visits: { column: at, keep: 30 days }\n  public.logs: { column: at, keep: 30 days }\n',
      });
    });

    test('restricted hides from every purpose but those that are excepted, through hops too', async () => {
      const customers = 'SELECT id FROM customers WHERE id = 5';
      expect(await ids(one, customers)).toEqual([]);
      expect(await ids(one, customers, { purpose: 'legal_claims' })).toEqual([5]);
      for (const purpose of ['marketing', 'calls', 'sale'])
        expect(await ids(one, customers, { purpose }, 'marketing')).toEqual([]);
      expect(await ids(one, 'SELECT id FROM calls ORDER BY id')).not.toContain(2);
      expect(await ids(one, 'SELECT id FROM calls ORDER BY id', { purpose: 'legal_claims' })).toContain(2);
    });

    test('a row that belongs to nobody is restricted by nobody', async () => {
      // Its subject cannot have asked for anything; under a purpose that needs consent it is withheld all the same.
      expect(
        await ids(one, 'SELECT id FROM calls WHERE id = 3', { purpose: 'marketing' }, 'marketing'),
      ).toEqual([]);
    });

    test('rows end at the end of their period, also at its last minute, and those without a time are withheld', async () => {
      expect(await ids(one, 'SELECT id FROM visits ORDER BY id')).toEqual([1, 4]);
      expect(await ids(one, 'SELECT id FROM visits ORDER BY id', {}, 'marketing')).toEqual([1, 4]);
    });

    test("the session's time zone moves no period", async () => {
      const client = await one.db.connect('crm_support');
      const plan = await one.plan('SELECT id FROM visits ORDER BY id', one.session('support'));
      const only = plan.plans[0]!;
      if (only.kind === 'refuse') throw new Error(only.refusal.message);
      for (const zone of ['Pacific/Kiritimati', 'Etc/GMT+12', 'UTC']) {
        await client.query(`SET TimeZone = '${zone}'`);
        const { rows } = await client.query<{ id: number }>(Buffer.from(only.sql, 'latin1').toString());
        expect(rows.map((row) => row.id)).toEqual([1, 4]);
      }
    });

    test('partitions keep the period of their parent', async () => {
      expect(await ids(one, 'SELECT id FROM logs ORDER BY id')).toEqual([1]);
      expect(await ids(one, 'SELECT id FROM logs_2')).toEqual([]);
    });

    test('retention, restriction and consent hold together', async () => {
      const sql = 'SELECT c.id FROM customers c JOIN visits v ON v.id = c.id ORDER BY c.id';
      expect(await ids(one, sql, {}, 'marketing')).toEqual([1]);
      expect(await ids(one, sql)).toEqual([1, 4]);
    });

    test('a flag that flips counts from the next statement on, for what was prepared before too', async () => {
      const plan = await one.plan('SELECT id FROM customers WHERE id = 1', one.session('support'));
      const only = plan.plans[0]!;
      if (only.kind === 'refuse') throw new Error(only.refusal.message);
      const client = await one.db.connect('crm_support');
      const prepared = { name: 'p', text: Buffer.from(only.sql, 'latin1').toString() };
      const seen = async (): Promise<number | null> => (await client.query(prepared)).rowCount;
      expect(await seen()).toBe(1);
      await one.db.query('UPDATE customers SET restricted_at = now() WHERE id = 1', 'crm_admin');
      expect(await seen()).toBe(0);
      await one.db.query('UPDATE customers SET restricted_at = NULL WHERE id = 1', 'crm_admin');
      expect(await seen()).toBe(1);
    });

    test('a cursor shows what stood when it was opened, as the manual says of every cursor', async () => {
      const client = await one.db.connect('crm_support');
      const text = async (sql: string): Promise<string> => {
        const only = (await one.plan(sql, one.session('support'))).plans[0]!;
        if (only.kind === 'refuse') throw new Error(only.refusal.message);
        return Buffer.from(only.sql, 'latin1').toString();
      };
      await client.query('BEGIN');
      await client.query(await text('DECLARE c CURSOR FOR SELECT id FROM customers WHERE id = 2'));
      await one.db.query('UPDATE customers SET restricted_at = now() WHERE id = 2', 'crm_admin');
      expect((await client.query('FETCH ALL FROM c')).rowCount).toBe(1);
      expect((await client.query(await text('SELECT id FROM customers WHERE id = 2'))).rowCount).toBe(0);
      await client.query('ROLLBACK');
      await one.db.query('UPDATE customers SET restricted_at = NULL WHERE id = 2', 'crm_admin');
    });
  });
});
