/**
 * Reads the structure of one database over a connection that is given to it.
 * It knows no reason for a refresh and keeps no state.
 */
import type { Client, QueryResultRow } from 'pg';
import * as code from './code-queries.js';
import * as queries from './queries.js';
import { buildCatalog } from './snapshot.js';
import type { Catalog } from './types.js';

/**
 * Loads the catalog in one transaction, so that its parts belong together.
 * Needs nothing but a login: every role may read pg_catalog.
 */
export async function loadCatalog(client: Client): Promise<Catalog> {
  const loadedAt = Date.now();
  await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
  try {
    const catalog = buildCatalog(await readRows(client), loadedAt);
    await client.query('COMMIT');
    return catalog;
  } catch (error) {
    // The first error is the one to tell; a connection that is gone cannot roll back either.
    await client.query('ROLLBACK').catch(() => undefined);
    throw error;
  }
}

/**
 * Loads inside the transaction that the caller has begun, and leaves it as it was: a policy test's fixture exists in its
 * own uncommitted transaction only.
 */
export async function loadCatalogInTransaction(client: Client): Promise<Catalog> {
  const loadedAt = Date.now();
  // SET LOCAL would last to the end of the transaction; rolling back to a savepoint undoes it (PostgreSQL manual, SET).
  const undo = 'ROLLBACK TO SAVEPOINT pgveil_catalog; RELEASE SAVEPOINT pgveil_catalog';
  await client.query('SAVEPOINT pgveil_catalog');
  try {
    const catalog = buildCatalog(await readRows(client), loadedAt);
    await client.query(undo);
    return catalog;
  } catch (error) {
    await client.query(undo).catch(() => undefined);
    throw error;
  }
}

async function readRows(client: Client): Promise<queries.CatalogRows> {
  // An empty search_path makes the server print qualified names and keeps the queries from finding anything of a user's.
  await client.query(`SET LOCAL search_path = ''`);
  await client.query('SET LOCAL quote_all_identifiers = off');
  // pg_get_viewdef locks what the view reads: a migration that holds its locks for long must not hang the refresh.
  await client.query(`SET LOCAL lock_timeout = '2s'`);
  const rows = async <Row extends QueryResultRow>(sql: string): Promise<Row[]> =>
    (await client.query<Row>(sql)).rows;
  const [server] = await rows<queries.ServerRow>(queries.serverQuery);
  if (server === undefined) throw new Error('the server did not tell its version');
  return {
    server,
    schemas: await rows<queries.SchemaRow>(queries.schemasQuery),
    relations: await rows<queries.RelationRow>(queries.relationsQuery),
    columns: await rows<queries.ColumnRow>(queries.columnsQuery),
    indexes: await rows<queries.IndexRow>(queries.indexesQuery),
    inheritance: await rows<queries.InheritanceRow>(queries.inheritanceQuery),
    functions: await rows<code.FunctionRow>(code.functionsQuery),
    operators: await rows<code.OperatorRow>(code.operatorsQuery),
    casts: await rows<code.CastRow>(code.castsQuery),
    types: await rows<code.TypeRow>(code.typesQuery),
    typeCode: await rows<code.TypeCodeRow>(code.typeCodeQuery),
    builtinFunctions: await rows<code.BuiltinFunctionRow>(code.builtinFunctionsQuery),
  };
}
