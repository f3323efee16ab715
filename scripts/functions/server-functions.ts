/** What pg_proc of each supported major says of pg_catalog, from servers started for the purpose. */
import pg from 'pg';
import { startPostgres } from '../../src/cli/launch/postgres.js';
import type { PostgresVersion } from '../../src/cli/launch/postgres-binaries.js';

export const supportedVersions = [15, 16, 17, 18] as const satisfies readonly PostgresVersion[];

export interface ServerFunction {
  readonly name: string;
  /** As oidvectortypes prints them. */
  readonly arguments: readonly string[];
  readonly result: string;
  readonly volatility: 'i' | 's' | 'v';
  readonly language: string;
  readonly defaults: number;
  readonly variadic: boolean;
}

export const signatureOf = (one: ServerFunction): string => `${one.name}(${one.arguments.join(', ')})`;

const query = `
SELECT p.proname::text AS name, p.provolatile::text AS volatility, l.lanname::text AS language,
       p.pronargdefaults::int4 AS defaults, p.provariadic <> 0 AS variadic, format_type(p.prorettype, NULL) AS result,
       ARRAY(SELECT format_type(t, NULL) FROM unnest(p.proargtypes) WITH ORDINALITY AS u (t, place) ORDER BY place) AS arguments
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace JOIN pg_language l ON l.oid = p.prolang
WHERE n.nspname = 'pg_catalog'`;

/** Asks a server. */
export async function serverFunctions(client: pg.Client): Promise<readonly ServerFunction[]> {
  return (await client.query<ServerFunction>(query)).rows;
}

/** Starts a server of one major, asks it, and stops it. */
export async function functionsOf(version: PostgresVersion): Promise<readonly ServerFunction[]> {
  const server = await startPostgres({ version });
  const { host, port, superuser: user, password } = server;
  const client = new pg.Client({ host, port, user, password, database: 'postgres' });
  try {
    await client.connect();
    return await serverFunctions(client);
  } finally {
    await client.end();
    await server.stop();
  }
}
