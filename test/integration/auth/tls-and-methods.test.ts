/** Channel binding on both legs, and servers that ask otherwise than by SCRAM. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openAuthentication } from '../../../src/app/authentication.js';
import { startPostgres, type PostgresServer } from '../../../src/cli/launch/postgres.js';
import type { Config } from '../../../src/config/schema.js';
import type { AuthenticationPort } from '../../../src/session/auth/port.js';
import { makeCertificates, type CertificateFiles, type Certificates } from '../../support/certificates.js';
import { psql, startTlsProxy, type TlsProxyOptions } from '../tls/support.js';

let certificates: Certificates;
let server: PostgresServer;
const folder = mkdtempSync(join(tmpdir(), 'pgveil-methods-'));
let authentication: AuthenticationPort & { close(): Promise<void> };

beforeAll(async () => {
  certificates = await makeCertificates();
  server = await startPostgres({
    version: 18,
    tls: certificates.server,
    hba: ['host all by_trust all trust', 'host all by_md5 all md5', 'hostnossl all by_tls all reject'],
  });
  const client = new pg.Client({ ...server, user: 'postgres', password: 'postgres', database: 'postgres' });
  await client.connect();
  await client.query("SET password_encryption = md5; CREATE ROLE by_md5 LOGIN PASSWORD 'right'");
  await client.query("RESET password_encryption; CREATE ROLE by_trust LOGIN PASSWORD 'right'");
  await client.query("CREATE ROLE by_tls LOGIN PASSWORD 'right'");
  await client.end();
  authentication = await verifiersOf(server.port);
});

async function verifiersOf(port: number): Promise<AuthenticationPort & { close(): Promise<void> }> {
  const url = `postgres://postgres:postgres@127.0.0.1:${port}/postgres`;
  const opened = await openAuthentication({
    auth: { verifiers: { from: 'query', url } },
    audit: { spool: folder },
    limits: { auth_timeout: 10_000 },
  } as unknown as Config);
  if (!opened.ok || opened.authentication === undefined) throw new Error('no verifiers');
  return opened.authentication;
}

afterAll(async () => {
  await authentication.close();
  await server.stop();
  certificates.remove();
  rmSync(folder, { recursive: true });
});

async function through(
  options: TlsProxyOptions,
  conninfo: string,
  env: Readonly<Record<string, string>> = {},
  upstream: PostgresServer = server,
): Promise<string> {
  const proxy = await startTlsProxy(upstream, {
    matchSession: () => ({
      place: { file: 'test', line: 1, column: 1 },
      exempt: true,
      audit: 'statements',
      role: undefined,
      purpose: undefined,
    }),
    ...options,
  });
  try {
    return await psql(proxy.port, `dbname=postgres ${conninfo}`, 'SELECT session_user', {
      PGPASSWORD: 'right',
      ...env,
    });
  } finally {
    await proxy.stop();
  }
}

describe('SCRAM that ends at the proxy', () => {
  const both = (): TlsProxyOptions => ({
    authentication,
    client: { certificate: certificates.server },
    server: { mode: 'verify-full', ca: certificates.ca.files.certPem },
  });

  it('channel_binding=require, with TLS on both legs and a certificate of its own on each', async () => {
    const own = await certificates.ca.issue({
      names: ['localhost', '127.0.0.1'],
      name: 'proxy',
      kind: 'ecdsa-sha384',
    });
    const root = `sslrootcert=${certificates.ca.files.cert}`;
    const wanted = `user=by_tls sslmode=verify-full channel_binding=require ${root}`;
    expect(await through({ ...both(), client: { certificate: own } }, wanted)).toBe('by_tls');
    expect(
      await through({ ...both(), client: { certificate: own } }, wanted, { PGPASSWORD: 'wrong' }),
    ).toContain('password authentication failed for user "by_tls"');
  });

  it.each([
    ['plain', 'sslmode=disable'],
    ['TLS without channel binding', 'sslmode=require channel_binding=disable'],
    ['TLS as libpq likes it', 'sslmode=require'],
  ])('a client on %s, a server on TLS', async (_, conninfo) => {
    expect(await through(both(), `user=by_tls ${conninfo}`)).toBe('by_tls');
  });

  it('a client on TLS with channel binding, a server without TLS', async () => {
    const options = { authentication, client: { certificate: certificates.server } };
    expect(
      await through(options, 'user=postgres sslmode=require channel_binding=require', {
        PGPASSWORD: 'postgres',
      }),
    ).toBe('postgres');
  });

  it('a server that trusts is believed, after the client has proven itself', async () => {
    expect(await through({ authentication }, 'user=by_trust')).toBe('by_trust');
    expect(await through({ authentication }, 'user=by_trust', { PGPASSWORD: 'wrong' })).toContain(
      'password authentication failed for user "by_trust"',
    );
  });

  it('an md5 verifier logs in by md5 on both legs', async () => {
    expect(await through({ authentication }, 'user=by_md5')).toBe('by_md5');
    expect(await through({ authentication }, 'user=by_md5', { PGPASSWORD: 'wrong' })).toContain(
      'password authentication failed for user "by_md5"',
    );
  });
});

describe('Ed25519 certificates, to which nothing can be bound', () => {
  let other: PostgresServer;
  let ed25519: CertificateFiles;
  let verifiers: AuthenticationPort & { close(): Promise<void> };
  beforeAll(async () => {
    ed25519 = await certificates.ca.issue({ names: ['localhost', '127.0.0.1'], kind: 'ed25519' });
    other = await startPostgres({ version: 18, tls: ed25519 });
    verifiers = await verifiersOf(other.port);
  });
  afterAll(async () => {
    await verifiers.close();
    await other.stop();
  });

  it.each([
    ['require', undefined, 'channel binding is impossible with the database server'],
    ['verify-ca', 'ca', 'channel binding is impossible with the database server'],
    ['verify-full', 'ca', 'postgres'],
  ] as const)('at the server, with %s', async (mode, ca, expected) => {
    const server = { mode, ca: ca && certificates.ca.files.certPem };
    const options = { authentication: verifiers, server };
    const env = { PGPASSWORD: 'postgres' };
    expect(await through(options, 'user=postgres', env, other)).toContain(expected);
  });

  it.each([
    ['channel_binding=prefer', 'by_tls'],
    ['channel_binding=require', 'channel binding is required, but server did not offer'],
  ])('at the proxy, for libpq with %s', async (conninfo, expected) => {
    const options = {
      authentication,
      client: { certificate: ed25519 },
      server: { mode: 'require' as const },
    };
    expect(await through(options, `user=by_tls sslmode=require ${conninfo}`)).toContain(expected);
  });
});

describe('passthrough', () => {
  it('relays SCRAM to a client in the clear from a server with TLS, whose -PLUS such a client would refuse', async () => {
    expect(await through({ server: { mode: 'require' } }, 'user=by_tls sslmode=disable')).toBe('by_tls');
  });

  it('with TLS on both legs needs channel_binding=disable, or one certificate for both', async () => {
    const own = await certificates.ca.issue({ names: ['localhost'], name: 'other' });
    const server = { mode: 'require' } as const;
    const options = { server, client: { certificate: own } };
    expect(await through(options, 'user=by_tls sslmode=require')).toContain('channel binding');
    expect(await through(options, 'user=by_tls sslmode=require channel_binding=disable')).toBe('by_tls');
    const alike = { server, client: { certificate: certificates.server } };
    expect(await through(alike, 'user=by_tls sslmode=require channel_binding=require')).toBe('by_tls');
  });
});
