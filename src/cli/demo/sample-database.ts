/** Fills a fresh PostgreSQL server with the sample CRM: its roles, its tables and rows, its grants. */
import { readFile } from 'node:fs/promises';
import { connectDatabase, queryText } from '../database.js';
import type { PostgresServer } from '../launch/postgres.js';
import { packageFile } from '../package-root.js';

/** The users of fixtures/roles.sql and what they are to the demo. */
export const people = {
  admin: { user: 'crm_admin', password: 'admin', title: 'DBA' },
  support: { user: 'crm_support', password: 'support', title: 'support' },
  marketing: { user: 'crm_marketing', password: 'marketing', title: 'marketing' },
} as const;

export type Person = keyof typeof people;

export const databaseName = 'crm';

export function urlOf(
  user: { readonly user: string; readonly password: string },
  port: number,
  database: string,
): string {
  return `postgres://${user.user}:${user.password}@127.0.0.1:${port}/${database}`;
}

/** Gives the server's version, e.g. 18.4. */
export async function loadSampleDatabase(server: PostgresServer): Promise<string> {
  const superuser = { user: server.superuser, password: server.password };
  const version = await withConnection(urlOf(superuser, server.port, 'postgres'), async (run) => {
    await run(await readFile(packageFile('fixtures/roles.sql'), 'utf8'));
    await run(`CREATE DATABASE ${databaseName} OWNER ${people.admin.user}`);
    const answer = await run('SHOW server_version');
    return answer.rows[0]?.[0] ?? '';
  });
  await withConnection(urlOf(people.admin, server.port, databaseName), async (run) => {
    await run(await readFile(packageFile('fixtures/crm.sql'), 'utf8'));
    await run(await readFile(packageFile('fixtures/grants.sql'), 'utf8'));
  });
  return version.split(' ', 1)[0] ?? version;
}

type Run = (sql: string) => ReturnType<typeof queryText>;

async function withConnection<T>(url: string, work: (run: Run) => Promise<T>): Promise<T> {
  const client = await connectDatabase({ url, what: 'the demo', applicationName: 'pgveil demo' });
  try {
    return await work((sql) => queryText(client, sql));
  } finally {
    await client.end();
  }
}
