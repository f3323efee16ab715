/** Gives each test file databases of its own on the run's servers, copied from a template that is loaded once per run. */
import { createHash, randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import pg from 'pg';
import { postgresServer, type ProvidedPostgres } from './servers.js';

/** Login roles: the server's superuser and those of fixtures/roles.sql. */
export type TestRole = 'postgres' | 'crm_admin' | 'crm_support' | 'crm_marketing' | 'pgveil_catalog';

export const passwords = {
  postgres: 'postgres',
  crm_admin: 'admin',
  crm_support: 'support',
  crm_marketing: 'marketing',
  pgveil_catalog: 'catalog',
} as const satisfies Record<TestRole, string>;

export interface ConnectionSettings {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

export interface TestDatabase {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  /** Settings for pg.Client and others; the superuser when no role is named. */
  connection(role?: TestRole): ConnectionSettings;
  /** The same as postgres://… */
  url(role?: TestRole): string;
  /** A connected client; drop() ends it. */
  connect(role?: TestRole): Promise<pg.Client>;
  /** Runs SQL over a connection of its own. */
  query(sql: string, role?: TestRole): Promise<pg.QueryResult>;
  /** Ends its clients, throws the others out, and removes the database. */
  drop(): Promise<void>;
}

export interface CreateDatabaseOptions {
  /** A SQL file, loaded as crm_admin, who owns the database; the grants of fixtures/grants.sql follow. Empty database when absent. */
  readonly fixture?: string;
}

/** Makes a fresh database, owned by crm_admin. */
export async function createDatabase(
  version: 15 | 18,
  options: CreateDatabaseOptions = {},
): Promise<TestDatabase> {
  const server = postgresServer(version);
  const template = options.fixture === undefined ? 'template0' : await templateOf(server, options.fixture);
  const name = `test_${randomBytes(6).toString('hex')}`;
  await asSuperuser(server, async (client) => {
    await client.query(`CREATE DATABASE ${name} TEMPLATE ${template} OWNER crm_admin`);
  });
  return handleOf(server, name);
}

function handleOf(server: ProvidedPostgres, name: string): TestDatabase {
  const clients: pg.Client[] = [];
  const connection = (role: TestRole = 'postgres'): ConnectionSettings => settingsOf(server, role, name);
  return {
    name,
    host: server.host,
    port: server.port,
    connection,
    url(role = 'postgres') {
      return `postgres://${role}:${passwords[role]}@${server.host}:${server.port}/${name}`;
    },
    async connect(role) {
      const client = await connected(connection(role));
      clients.push(client);
      return client;
    },
    async query(sql, role) {
      const client = await connected(connection(role));
      try {
        return await client.query(sql);
      } finally {
        await client.end();
      }
    },
    async drop() {
      await Promise.allSettled(clients.map((client) => client.end()));
      await asSuperuser(server, async (client) => {
        await client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
      });
    },
  };
}

/** Test files run in several processes, so an advisory lock of the server decides who loads the template. */
async function templateOf(server: ProvidedPostgres, fixture: string): Promise<string> {
  const files = await Promise.all([fixture, 'fixtures/grants.sql'].map((file) => readFile(file, 'utf8')));
  const digest = createHash('sha256').update(files.join('\n')).digest('hex').slice(0, 16);
  const template = `template_${digest}`;
  await asSuperuser(server, async (client) => {
    await client.query('SELECT pg_advisory_lock(hashtext($1))', [template]);
    const existing = await client.query('SELECT FROM pg_database WHERE datname = $1', [template]);
    if (existing.rowCount !== 0) return;
    // Renamed at the end: a fixture that fails half-way must not leave a template.
    await client.query(`DROP DATABASE IF EXISTS ${template}_loading WITH (FORCE)`);
    await client.query(`CREATE DATABASE ${template}_loading TEMPLATE template0 OWNER crm_admin`);
    const owner = await connected(settingsOf(server, 'crm_admin', `${template}_loading`));
    try {
      for (const sql of files) await owner.query(sql);
    } finally {
      await owner.end();
    }
    await client.query(`ALTER DATABASE ${template}_loading RENAME TO ${template}`);
  });
  return template;
}

async function asSuperuser(
  server: ProvidedPostgres,
  work: (client: pg.Client) => Promise<void>,
): Promise<void> {
  const client = await connected(settingsOf(server, 'postgres', 'postgres'));
  try {
    await work(client);
  } finally {
    await client.end();
  }
}

async function connected(settings: ConnectionSettings): Promise<pg.Client> {
  const client = new pg.Client({ ...settings });
  // A client that the server throws out (drop, restart) emits 'error'; unheard, that would end the test process.
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

function settingsOf(server: ProvidedPostgres, role: TestRole, database: string): ConnectionSettings {
  return { host: server.host, port: server.port, user: role, password: passwords[role], database };
}
