/**
 * The reference that reads are measured against: a database whose tables hold only what one role is shown, masks and all.
 * The client's own statement, run there by the server alone, must give what pgveil gives over the real tables.
 */
import type pg from 'pg';
import { createDatabase, type TestDatabase } from './databases.js';
import type { Governed } from './governed.js';

export interface MaskedCopy {
  readonly db: TestDatabase;
  /** The superuser's connection to it. */
  readonly client: pg.Client;
}

/** Tables of the sample CRM that hang on a person, parents before children. */
const crmTables = ['customers', 'leads', 'orders', 'order_items', 'payments', 'tickets'] as const;

export async function maskedCopy(
  real: Governed,
  version: 15 | 18,
  role: 'support' | 'marketing',
  options: {
    readonly setup?: string;
    readonly tables?: readonly string[];
    readonly denied?: readonly string[];
  },
): Promise<MaskedCopy> {
  const db = await createDatabase(version, { fixture: 'fixtures/crm.sql' });
  const client = await db.connect();
  if (options.setup !== undefined) await db.query(options.setup, 'crm_admin');
  // Masked values need not be unique, and what refers to withheld rows has no partner here; keys stay for GROUP BY.
  await client.query('SET session_replication_role = replica');
  await client.query('ALTER TABLE customers DROP CONSTRAINT IF EXISTS customers_email_key');
  for (const table of options.tables ?? crmTables) {
    const relation = real.catalog.relation('public', table)!;
    const columns = relation.columns
      .filter((column) => !column.generated && options.denied?.includes(column.name) !== true)
      .map((column) => `"${column.name}"`);
    const list = columns.map((column) => `${column}::text`).join(', ');
    await client.query(`DELETE FROM ${table}`);
    const [plan] = (await real.plan(`SELECT ${list} FROM ${table}`, real.session(role))).plans;
    if (plan?.kind === 'refuse') continue;
    const shown = await real.run(`SELECT ${list} FROM ${table}`, real.session(role), undefined, 'array');
    const places = columns.map((_column, index) => `$${index + 1}`).join(', ');
    for (const row of shown.rows as unknown[][]) {
      await client.query(`INSERT INTO ${table} (${columns.join(', ')}) VALUES (${places})`, row);
    }
  }
  await client.query('SET session_replication_role = origin; ANALYZE');
  return { db, client };
}

/** Names, types and rows in order, or the SQLSTATE. Row type numbers differ between databases, so types go by name. */
export async function observed(run: () => Promise<pg.QueryResult>, typeNames: TypeNames): Promise<unknown> {
  try {
    const result = await run();
    return {
      names: result.fields.map((field) => field.name),
      types: result.fields.map((field) => `${typeNames.get(field.dataTypeID)} ${field.dataTypeModifier}`),
      rows: result.rows as unknown[],
    };
  } catch (error) {
    const { code, message, rule } = error as Record<string, unknown>;
    return rule === undefined ? { code } : { refused: message };
  }
}

export type TypeNames = ReadonlyMap<number, string>;

export async function typeNames(client: pg.Client): Promise<TypeNames> {
  const { rows } = await client.query<{ oid: number; name: string }>(
    'SELECT oid, oid::regtype::text AS name FROM pg_type',
  );
  return new Map(rows.map(({ oid, name }) => [oid, name]));
}
