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
        fix: connectionFix(error, options.what),
      },
    );
  }
  return client;
}

/** What to do when a database cannot be connected to. `what` is the key of the configuration that holds the URL. */
function connectionFix(error: unknown, what: string): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const message = error instanceof Error ? error.message : '';
  if (/CERT|SELF_SIGNED|UNABLE_TO|ERR_TLS/.test(code) || message.includes('does not support SSL'))
    return `check the server's certificate, and sslmode and sslrootcert in ${what} (?sslmode=verify-full&sslrootcert=ca.crt)`;
  // "no pg_hba.conf entry" and "connection requires a valid client certificate" (src/backend/libpq/auth.c).
  if (code === '28000')
    return message.includes('client certificate')
      ? `the server asks for a certificate: add sslcert=…&sslkey=… to ${what}`
      : message.includes('no encryption')
        ? `the server may take this log-in over TLS alone: add ?sslmode=verify-full&sslrootcert=ca.crt to ${what}; otherwise it misses a line in pg_hba.conf`
        : `add a line for this host, user and database to the server's pg_hba.conf, and reload the server`;
  if (code === '28P01') return `correct the user or the password in ${what}`;
  return `check that the server runs and that ${what} names its address, database, user and password`;
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
