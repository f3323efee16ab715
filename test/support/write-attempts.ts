/**
 * What a governed session can observe of a write: its rows, count or error, and what it sees of the tables afterwards.
 * Each attempt runs in a transaction that is rolled back.
 */
import type pg from 'pg';
import { Refused, type Governed } from './governed.js';

type Role = 'support' | 'marketing';

/** A table without unique key, so that a key that is withheld is as good as absent. */
export const callsSetup = `
  CREATE TABLE calls (customer_id integer NOT NULL REFERENCES customers (id), minutes integer NOT NULL, body text);
  INSERT INTO calls VALUES (1, 5, 'canary-call-1'), (2, 7, 'canary-call-2'), (3, 9, NULL), (4, 11, 'canary-call-4'), (5, 13, '4711'), (6, 15, 'canary-call-6');
  GRANT ALL ON calls TO crm_support, crm_marketing;`;

export const withCalls = (policy: string): string =>
  policy
    .replace('public.tickets.subject]', 'public.tickets.subject, public.calls.body]')
    .replace(
      '  public.tickets: { key: customer_id }',
      '  public.tickets: { key: customer_id }\n  public.calls: { key: customer_id }',
    );

/** Other hidden values and other withheld people in it. */
export const otherCalls = (people: string): string => `
  UPDATE calls SET body = 'something else ' || minutes WHERE body IS NOT NULL;
  UPDATE calls SET minutes = minutes * 100, body = '0' WHERE customer_id IN (${people});`;

/** Without app_log's own numbers, which count every attempt. */
const seen = [
  ...['customers', 'orders', 'order_items', 'tickets', 'calls'].map((table) => `SELECT * FROM ${table}`),
  'SELECT message FROM app_log',
];

/** Both sides of a comparison take their own moment for DEFAULT now(). */
const withoutNow = (value: unknown): string =>
  JSON.stringify(value).replaceAll(
    new RegExp(`${new Date().toISOString().slice(0, 10)}T[0-9:.]+Z`, 'g'),
    'now',
  );

/** Rows in any order: without ORDER BY they come as they lie in the table. */
function observed(result: pg.QueryResult): unknown {
  const results = Array.isArray(result) ? (result as pg.QueryResult[]) : [result];
  return results.map((each) => ({ count: each.rowCount, rows: each.rows.map(withoutNow).sort() }));
}

async function attempt(run: () => Promise<pg.QueryResult>): Promise<unknown> {
  try {
    return observed(await run());
  } catch (error) {
    if (error instanceof Refused) return { refused: error.message };
    const { code, message, where } = error as Record<string, unknown>;
    return { code, message, where };
  }
}

const failed = (outcome: unknown): boolean =>
  typeof outcome === 'object' && outcome !== null && 'code' in outcome;

/** An error without its text, which on the wire holds no value either. */
export function codesOnly(outcome: unknown[]): unknown[] {
  return failed(outcome[0]) ? [(outcome[0] as { code: unknown }).code] : outcome;
}

/** The statement as the role, then all that the role sees. */
export async function governedWrite(crm: Governed, sql: string, role: Role): Promise<unknown[]> {
  const session = crm.session(role);
  await crm.raw('BEGIN', role);
  try {
    const first = await attempt(() => crm.run(sql, session, undefined, 'array'));
    if (failed(first)) return [first];
    const after: unknown[] = [];
    for (const text of seen) after.push(await attempt(() => crm.run(text, session, undefined, 'array')));
    return [first, ...after];
  } finally {
    await crm.raw('ROLLBACK', role);
  }
}

/**
 * The statement as the server alone runs it on a copy that holds what the role sees, then what the role would see there:
 * masks once more, for what the statement stored.
 */
export async function referenceWrite(
  crm: Governed,
  copy: pg.Client,
  sql: string,
  role: Role,
): Promise<unknown[]> {
  await copy.query('BEGIN');
  try {
    const first = await attempt(() => copy.query({ text: sql, rowMode: 'array' } as pg.QueryConfig));
    if (failed(first)) return [first];
    const after: unknown[] = [];
    for (const text of seen) {
      const [plan] = (await crm.plan(text, crm.session(role))).plans;
      if (plan?.kind === 'refuse') throw new Error(plan.refusal.message);
      const masked = Buffer.from(plan!.sql, 'latin1').toString('utf8');
      after.push(await attempt(() => copy.query({ text: masked, rowMode: 'array' } as pg.QueryConfig)));
    }
    return [first, ...after];
  } finally {
    await copy.query('ROLLBACK');
  }
}

/** Rows that the role does not see, as they are stored in front of the statement and behind it. */
export async function withheldRows(crm: Governed, sql: string, role: Role): Promise<[unknown, unknown]> {
  const session = crm.session(role);
  const keys = { customers: 'id', orders: 'id', tickets: 'id', calls: 'customer_id', payments: 'id' };
  const hidden: string[] = [];
  for (const [table, key] of Object.entries(keys)) {
    const shown = await crm.run(`SELECT ${key} AS k FROM ${table}`, session);
    const list = shown.rows.map((row: { k: number }) => row.k).concat(-1);
    hidden.push(`SELECT * FROM ${table} WHERE ${key} < 100 AND ${key} NOT IN (${list.join(', ')})`);
  }
  const stored = async (): Promise<unknown> => {
    const all: unknown[] = [];
    for (const text of hidden) all.push(observed(await crm.raw(text, role)));
    return all;
  };
  await crm.raw('BEGIN', role);
  try {
    const before = await stored();
    const outcome = await attempt(() => crm.run(sql, session));
    return [before, failed(outcome) ? before : await stored()];
  } finally {
    await crm.raw('ROLLBACK', role);
  }
}
