/** What the clients connect to: a PostgreSQL server with the sample CRM, Redis, and pgveil before it. */
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import type { PostgresVersion } from '../../src/cli/launch/postgres-binaries.js';
import { startPostgres, type PostgresServer } from '../../src/cli/launch/postgres.js';
import { startRedis } from '../../src/cli/launch/redis.js';
import { makeCertificates, type Certificates } from '../support/certificates.js';
import { startPgveil, type PgveilProcess } from './pgveil-process.js';
import type { ClientEnvironment, Endpoint, Setting } from './settings.js';

export interface World {
  readonly version: PostgresVersion;
  /** A database of its own for one client, with the sample CRM in it, so that clients run beside each other. */
  database(client: string): Promise<string>;
  /** Where a client of that setting connects to. */
  environment(setting: Setting, database: string): ClientEnvironment;
  stop(): Promise<void>;
}

const template = 'crm_template';
/** The database of the catalog's own connection; a template may have none. */
const home = 'crm';

/** Starts everything; whatever had started is stopped when a later part cannot. */
export async function startWorld(version: PostgresVersion): Promise<World> {
  const stops: (() => Promise<void>)[] = [];
  const stop = async (): Promise<void> => {
    for (const one of stops.splice(0).reverse()) await one();
  };
  try {
    const folder = await mkdtemp(join(tmpdir(), 'pgveil-clients-'));
    stops.push(() => rm(folder, { recursive: true, force: true }));
    const userHome = join(folder, 'home');
    await mkdir(userHome);
    const certificates = await makeCertificates();
    stops.push(() => {
      certificates.remove();
      return Promise.resolve();
    });
    const [server, redis] = await Promise.all([
      startPostgres({ version, tls: certificates.server }),
      startRedis({ appendonly: true }),
    ]);
    stops.push(
      () => server.stop(),
      () => redis.stop(),
    );
    await loadSample(server);
    const proxies = await startProxies({ folder, server, redis: redis.url, certificates });
    stops.push(
      () => proxies.plain.stop(),
      () => proxies.tls.stop(),
    );

    const endpointOf = (setting: Setting): Endpoint => ({
      // By name: node's drivers verify no certificate against an address.
      host: 'localhost',
      port: setting.direct ? server.port : proxies[setting.transport].port,
      ...(setting.transport === 'tls' ? { ca: certificates.ca.files.cert } : {}),
    });
    return {
      version,
      async database(client) {
        const name = `client_${client.replace(/\W/g, '_')}`;
        await asSuperuser(server, `CREATE DATABASE ${name} TEMPLATE ${template} OWNER crm_admin`);
        return name;
      },
      environment: (setting, database) => ({
        setting,
        endpoint: endpointOf(setting),
        database,
        serverMajor: version,
        home: userHome,
      }),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

interface Surroundings {
  readonly folder: string;
  readonly server: PostgresServer;
  readonly redis: string;
  readonly certificates: Certificates;
}

/** One that relays log-ins in the clear, one that ends TLS and SCRAM and begins both again with certificates of its own. */
async function startProxies({
  folder,
  server,
  redis,
  certificates,
}: Surroundings): Promise<Record<Setting['transport'], PgveilProcess>> {
  const { host, port } = server;
  const address = `${host}:${port}`;
  const catalog = { url: `postgres://pgveil_catalog:catalog@${address}/${home}` };
  const { cert, key } = await certificates.ca.issue({ names: ['localhost', '127.0.0.1'], name: 'pgveil' });
  const plain = await startPgveil({
    folder: join(folder, 'plain'),
    settings: {
      upstream: { host, port },
      auth: { mode: 'passthrough' },
      catalog,
      audit: { redis, stream: 'clients:plain' },
    },
  });
  try {
    const tls = await startPgveil({
      folder: join(folder, 'tls'),
      settings: {
        listen: { tls: { mode: 'require', cert, key } },
        upstream: { host, port, tls: { mode: 'verify-full', ca: certificates.ca.files.cert } },
        auth: {
          mode: 'scram',
          verifiers: { from: 'query', url: `postgres://pgveil_auth:auth@${address}/postgres` },
        },
        catalog,
        audit: { redis, stream: 'clients:tls' },
      },
    });
    return { plain, tls };
  } catch (error) {
    await plain.stop();
    throw error;
  }
}

async function loadSample(server: PostgresServer): Promise<void> {
  await asSuperuser(server, await readFile('fixtures/roles.sql', 'utf8'));
  // May read verifiers and nothing else. Privileges on a shared catalog count in the database where they were granted.
  await asSuperuser(
    server,
    `CREATE ROLE pgveil_auth LOGIN PASSWORD 'auth';
     GRANT SELECT (rolname, rolpassword, rolvaliduntil) ON pg_catalog.pg_authid TO pgveil_auth`,
  );
  await asSuperuser(server, `CREATE DATABASE ${template} OWNER crm_admin`);
  const owner = { user: 'crm_admin', password: 'admin', database: template };
  for (const file of ['fixtures/crm.sql', 'fixtures/grants.sql'])
    await query(server, owner, await readFile(file, 'utf8'));
  await asSuperuser(server, `CREATE DATABASE ${home} TEMPLATE ${template} OWNER crm_admin`);
}

function asSuperuser(server: PostgresServer, sql: string): Promise<void> {
  return query(server, { user: server.superuser, password: server.password, database: 'postgres' }, sql);
}

async function query(
  server: PostgresServer,
  login: { readonly user: string; readonly password: string; readonly database: string },
  sql: string,
): Promise<void> {
  const client = new pg.Client({ host: server.host, port: server.port, ...login });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
