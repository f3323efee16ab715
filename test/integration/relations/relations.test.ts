/** A CRM application behind pgveil, over a schema that was not designed around it: everything works, and no canary passes. */
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startProxy, type Proxy } from '../../support/proxy.js';
import { reads, writes, type Ask } from './application.js';

const logins = ['crm_admin', 'crm_support', 'crm_marketing'] as const;
/** Protected values, and hidden names and people: see the head of the schema. */
const canary = /canary|7700/i;

describe.each([18, 15] as const)('a CRM application on PostgreSQL %i', (version) => {
  let proxy: Proxy;
  const clients = new Map<string, pg.Client>();
  beforeAll(async () => {
    proxy = await startProxy(version, {
      fixture: 'fixtures/relations-crm/schema.sql',
      policies: 'fixtures/relations-crm/policies',
    });
    for (const login of logins) clients.set(login, await proxy.connect(login));
  });
  afterAll(() => proxy.stop());

  async function outcome(login: string, ask: Ask): Promise<{ seen: number | string; text: string }> {
    const query = { text: ask.sql, ...(ask.values === undefined ? {} : { values: [...ask.values] }) };
    try {
      const result = await clients.get(login)!.query(query);
      return { seen: result.rowCount ?? 0, text: JSON.stringify(result.rows) };
    } catch (error) {
      const { code = '', message } = error as pg.DatabaseError;
      return { seen: code, text: `${message} ${JSON.stringify(error)}` };
    }
  }

  it.each(reads)('$name', async (ask) => {
    const outcomes = await Promise.all(logins.map((login) => outcome(login, ask)));
    expect(outcomes.map((each) => each.seen)).toEqual(ask.expect);
    for (const each of outcomes.slice(1)) expect(each.text.replaceAll(literal(ask), '')).not.toMatch(canary);
  });

  it.each(writes)('$name', async (ask) => {
    const outcomes: Awaited<ReturnType<typeof outcome>>[] = [];
    for (const login of logins) {
      await clients.get(login)!.query('BEGIN');
      outcomes.push(await outcome(login, ask));
      await clients.get(login)!.query('ROLLBACK');
    }
    expect(outcomes.map((each) => each.seen)).toEqual(ask.expect);
    for (const each of outcomes.slice(1)) expect(each.text).not.toMatch(canary);
  });

  it('keeps what a form shows masked when the whole record is saved back', async () => {
    const admin = clients.get('crm_admin')!;
    const sales = clients.get('crm_support')!;
    const fields = ['first_name', 'last_name', 'background', 'birthday', 'linkedin_url', 'title'];
    const stored = `SELECT ${fields.join(', ')} FROM contacts WHERE id = 1`;
    const save = `UPDATE contacts SET ${fields.map((name, index) => `${name} = $${index + 1}`).join(', ')} WHERE id = 1`;
    const before = (await admin.query(stored)).rows;
    const shown = await sales.query<Record<string, string>>(
      `SELECT ${fields.map((name) => `${name}::text`).join(', ')} FROM contacts WHERE id = 1`,
    );
    expect(shown.rows[0]).toMatchObject({ last_name: 'C**********', birthday: '1980-01-01' });
    await sales.query(
      save,
      fields.map((name) => shown.rows[0]![name]),
    );
    expect((await admin.query(stored)).rows).toEqual(before);
    // Documents: one masked as a whole, one at a place inside it.
    const documents = 'SELECT email_jsonb, phone_jsonb, custom_fields FROM contacts WHERE id = 1';
    const kept = (await admin.query(documents)).rows;
    const form = (await sales.query<Record<string, unknown>>(documents)).rows[0]!;
    await sales.query(
      'UPDATE contacts SET email_jsonb = $1, phone_jsonb = $2, custom_fields = $3 WHERE id = 1',
      [
        JSON.stringify(form['email_jsonb']),
        JSON.stringify(form['phone_jsonb']),
        JSON.stringify({ ...(form['custom_fields'] as object), shoe: 39 }),
      ],
    );
    expect((await admin.query(documents)).rows).toEqual([
      { ...kept[0], custom_fields: { shoe: 39, spouse: { name: 'canary-spouse-1' } } },
    ]);
    await sales.query("UPDATE contacts SET last_name = 'Other' WHERE id = 1");
    expect((await admin.query(stored)).rows).toEqual([{ ...before[0], last_name: 'Other' }]);
  });
});

/** What the application itself asked for may come back. */
function literal(ask: Ask): string {
  const first = ask.values?.[0];
  return typeof first === 'string' && canary.test(first) ? first : '\0';
}
