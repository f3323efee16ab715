/** The servers and certificates that the other tests of this folder stand on. */
import { X509Certificate } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { startPostgres, type PostgresServer } from '../../../src/cli/launch/postgres.js';
import { makeCertificates, type Certificates, type KeyKind } from '../../support/certificates.js';

let certificates: Certificates;
let server: PostgresServer;

beforeAll(async () => {
  certificates = await makeCertificates();
  server = await startPostgres({
    version: 18,
    tls: { ...certificates.server, ca: certificates.ca.files.cert },
    hba: ['hostssl all cert_role all cert', 'hostnossl all only_tls all reject'],
  });
});

afterAll(async () => {
  await server.stop();
  certificates.remove();
});

async function psql(conninfo: string): Promise<string> {
  const env = { PATH: process.env['PATH'], PGPASSWORD: server.password };
  const info = `host=localhost hostaddr=127.0.0.1 port=${server.port} dbname=postgres ${conninfo}`;
  const run = promisify(execFile)(
    'psql',
    ['-XAtc', 'SELECT ssl, client_dn FROM pg_stat_ssl WHERE pid = pg_backend_pid()', info],
    { env },
  );
  return run.then(
    ({ stdout }) => stdout.trim(),
    (error: unknown) => (error as { stderr: string }).stderr,
  );
}

test('libpq verifies the server up to its name, and no further authority', async () => {
  expect(await psql(`user=postgres sslmode=verify-full sslrootcert=${certificates.ca.files.cert}`)).toBe(
    't|',
  );
  expect(
    await psql(`user=postgres sslmode=verify-ca sslrootcert=${certificates.wrongCa.files.cert}`),
  ).toContain('certificate verify failed');
});

test('a role logs in with its certificate', async () => {
  const { cert, key } = await certificates.client('cert_role');
  await psql('user=postgres');
  expect(await psql(`user=cert_role sslmode=require sslcert=${cert} sslkey=${key}`)).toContain(
    'role "cert_role" does not exist',
  );
  expect(await psql('user=only_tls sslmode=disable')).toContain('pg_hba.conf rejects');
});

test.each<KeyKind>(['ecdsa', 'ecdsa-sha384', 'rsa', 'rsa-sha1', 'rsa-sha512', 'rsa-pss', 'ed25519'])(
  'makes %s certificates that their key belongs to',
  async (kind) => {
    const files = await certificates.ca.issue({ names: ['db.test'], kind });
    const certificate = new X509Certificate(files.certPem);
    expect(certificate.subject).toBe('CN=db.test');
    expect(certificate.fingerprint256).toBe(files.fingerprint);
    expect(certificate.checkHost('db.test')).toBe('db.test');
  },
);
