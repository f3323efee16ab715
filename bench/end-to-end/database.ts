/**
 * The database that is measured: pgbench's tables, a consent table beside them, and the users of the contenders.
 * Knows nothing of proxies.
 */
import pg from 'pg';
import { startPostgres, type PostgresServer } from '../../src/cli/launch/postgres.js';
import { initialisePgbench } from './pgbench.js';

export const database = 'bench';

/** All log in without a password: logging in is not what is measured. */
export const users = {
  /** Direct, through PgBouncer, and exempt in pgveil. */
  plain: 'bench_plain',
  /** Exempt in pgveil, audited by connection only. */
  connections: 'bench_connections',
  governed: 'bench_governed',
} as const;

/** Has withdrawn consent; everybody else has given it. */
export const withdrawnAid = 1;
export const bucketSize = 100;

export interface BenchDatabase {
  readonly server: PostgresServer;
  readonly version: string;
  readonly accounts: number;
}

export async function startDatabase(
  options: { readonly scale: number; readonly consent: 'single' | 'history' },
  signal: AbortSignal,
): Promise<BenchDatabase> {
  const server = await startPostgres({
    version: 18,
    auth: 'trust',
    settings: { shared_buffers: '256MB', jit: 'off', max_wal_size: '2GB' },
  });
  try {
    await withClient({ port: server.port, database: 'postgres', user: server.superuser }, async (client) => {
      await client.query(`CREATE DATABASE ${database}`);
    });
    await initialisePgbench({ port: server.port, user: server.superuser, database }, options.scale, signal);
    const version = await withClient(
      { port: server.port, database, user: server.superuser },
      async (client) => {
        await client.query(contentSql(options.consent));
        // VACUUM may not stand in the transaction that a text of several statements is.
        await client.query('VACUUM (FULL, ANALYZE) pgbench_accounts');
        await client.query('VACUUM (ANALYZE) consents');
        await client.query('CHECKPOINT');
        const { rows } = await client.query<{ server_version: string }>('SHOW server_version');
        return rows[0]!.server_version;
      },
    );
    return { server, version, accounts: options.scale * 100_000 };
  } catch (error) {
    await server.stop();
    throw error;
  }
}

function contentSql(consent: 'single' | 'history'): string {
  const given = `SELECT aid, 'service', 'given' AS status, TIMESTAMPTZ '2026-01-01' AS at FROM pgbench_accounts`;
  return `
    UPDATE pgbench_accounts SET abalance = aid % 20011 - 10000;
    CREATE TABLE consents (aid int NOT NULL, purpose text NOT NULL, status text NOT NULL, recorded_at timestamptz NOT NULL);
    INSERT INTO consents ${given};
    ${
      consent === 'single'
        ? `UPDATE consents SET status = 'withdrawn' WHERE aid = ${withdrawnAid};
           ALTER TABLE consents ADD PRIMARY KEY (aid, purpose);`
        : // A refusal in between, so that the newest of three rows has to be found.
          `INSERT INTO consents SELECT aid, 'service', 'withdrawn', '2026-02-01' FROM pgbench_accounts;
           INSERT INTO consents SELECT aid, 'service', 'given', '2026-03-01' FROM pgbench_accounts WHERE aid <> ${withdrawnAid};
           CREATE INDEX ON consents (aid, purpose, recorded_at);`
    }
    ${Object.values(users)
      .map((user) => `CREATE ROLE ${user} LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA public TO ${user};`)
      .join('\n')}`;
}

export async function withClient<T>(
  target: {
    readonly port: number;
    readonly database: string;
    readonly user: string;
    readonly encrypted?: boolean;
  },
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = new pg.Client({
    host: '127.0.0.1',
    port: target.port,
    database: target.database,
    user: target.user,
    ssl: target.encrypted === true ? { rejectUnauthorized: false } : false,
  });
  // A failure of the connection rejects what waits for an answer; what comes behind the last answer matters to nobody.
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
