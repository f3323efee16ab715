/**
 * The command line's own database connections: the policy tests' and the demo's. The only file of the cli that knows `pg`.
 * Values stay PostgreSQL's own text, so that what a test compares and the demo shows is what the server said.
 */
import pg from 'pg';
import { CommandFailure, EXIT, reasonOf } from './exit.js';
import type { TextResult } from './policy-test/compare.js';

export interface QueryAnswer extends TextResult {
  /** The command tag's count. */
  readonly rowCount: number;
}

/** An error of the server, with what people and tests look at. */
export interface ServerError {
  readonly sqlstate: string;
  readonly message: string;
  readonly detail: string | undefined;
  readonly hint: string | undefined;
}

// pg asks for a type parser per column and format; the identity keeps the text.
const asText = { getTypeParser: () => (value: unknown) => value } as unknown as pg.CustomTypesConfig;

/** Connects or says what to do about it. `what` names the connection for people, e.g. `catalog.url`. */
export async function connectDatabase(options: {
  readonly url: string;
  readonly what: string;
  readonly applicationName: string;
}): Promise<pg.Client> {
  const client = new pg.Client({
    connectionString: options.url,
    application_name: options.applicationName,
    connectionTimeoutMillis: 10_000,
  });
  // A connection that breaks between two queries emits an error nobody waits for; the next query reports it.
  client.on('error', () => undefined);
  try {
    await client.connect();
  } catch (error) {
    throw new CommandFailure(
      EXIT.findings,
      `cannot connect to the database of ${options.what}: ${reasonOf(error)}`,
      {
        cause: error,
        fix: `check that the server runs and that ${options.what} names its address, database, user and password`,
      },
    );
  }
  return client;
}

/**
 * Runs a query text in the simple protocol, where it may hold several statements and the last one's result is given;
 * `extended` takes exactly one.
 */
export async function queryText(
  client: pg.Client,
  sql: string,
  mode: 'simple' | 'extended' = 'simple',
): Promise<QueryAnswer> {
  const config: pg.QueryArrayConfig & { queryMode?: 'extended' } = {
    text: sql,
    rowMode: 'array',
    types: asText,
  };
  if (mode === 'extended') config.queryMode = 'extended';
  const answered: unknown = await client.query(config);
  // Several statements in one simple query give an array of results; the last one is what the caller asked for.
  const last = (Array.isArray(answered) ? answered.at(-1) : answered) as pg.QueryArrayResult<
    (string | null)[]
  >;
  return { columns: last.fields.map((field) => field.name), rows: last.rows, rowCount: last.rowCount ?? 0 };
}

/** The server's or the proxy's error, or undefined when it is something else (a broken connection, a bug). */
export function serverErrorOf(error: unknown): ServerError | undefined {
  if (!(error instanceof pg.DatabaseError) || error.code === undefined) return undefined;
  return { sqlstate: error.code, message: error.message, detail: error.detail, hint: error.hint };
}
