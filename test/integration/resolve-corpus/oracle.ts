/** What the server itself made of a SELECT: relation OIDs from a view's rule, origins from the row description. */
import type pg from 'pg';

export interface ServerReading {
  /** OIDs of the relation range table entries, sorted, one per occurrence. */
  readonly relations: readonly number[];
  /** Per output column: its name, and the base column it is, when the server says so. */
  readonly outputs: readonly { readonly name: string; readonly origin: string | undefined }[];
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** Reads a statement through a temporary view; throws the server's error when it does not accept it. */
export async function readByServer(
  client: pg.Client,
  sql: string,
  searchPath: readonly string[],
): Promise<ServerReading> {
  await client.query('BEGIN');
  try {
    await client.query(`SET LOCAL search_path = ${searchPath.map(quoted).join(', ')}`);
    await client.query(`CREATE TEMPORARY VIEW pgveil_oracle AS SELECT 1 AS one FROM (${sql}) AS q`);
    const rule = await client.query<{ action: string; oid: number }>(
      `SELECT ev_action::text AS action, ev_class::oid::int AS oid FROM pg_catalog.pg_rewrite
        WHERE ev_class = 'pgveil_oracle'::pg_catalog.regclass`,
    );
    const { action, oid } = rule.rows[0]!;
    const relations = [...action.matchAll(/:rtekind 0 :relid (\d+)/g)]
      .map((match) => Number(match[1]))
      .filter((relid) => relid !== oid)
      .sort((x, y) => x - y);
    const { fields } = await client.query(sql);
    const outputs = fields.map((field) => ({
      name: field.name,
      origin: field.tableID === 0 || field.columnID < 1 ? undefined : `${field.tableID}:${field.columnID}`,
    }));
    return { relations, outputs };
  } finally {
    await client.query('ROLLBACK');
  }
}
