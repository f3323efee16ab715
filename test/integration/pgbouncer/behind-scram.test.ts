/**
 * SCRAM on every leg, and TLS between pgveil and PgBouncer: the client proves itself to pgveil, the key in its proof logs pgveil in at PgBouncer, and PgBouncer in
 * at PostgreSQL. Nobody keeps a password: PgBouncer's file has the verifiers of pg_authid.
 */
import { chmodSync } from 'node:fs';
import { expect, it } from 'vitest';
import { makeCertificates } from '../../support/certificates.js';
import type { TestDatabase } from '../../support/databases.js';
import { createDatabase } from '../../support/databases.js';
import { startPgBouncer } from '../../support/pgbouncer.js';
import { postgresServer } from '../../support/servers.js';
import { startProxy } from '../../support/proxy.js';

const emails = 'SELECT email FROM customers ORDER BY id LIMIT 1';

async function verifiersOf(db: TestDatabase): Promise<Record<string, string>> {
  const { rows } = await db.query(
    "SELECT rolname, rolpassword FROM pg_authid WHERE rolname IN ('crm_support', 'crm_admin')",
  );
  return Object.fromEntries(
    (rows as { rolname: string; rolpassword: string }[]).map((row) => [row.rolname, row.rolpassword]),
  );
}

/** It runs as another user. */
function openToPgBouncer(folder: string, ...files: string[]): void {
  chmodSync(folder, 0o755);
  for (const file of files) chmodSync(file, 0o644);
}

it.each([
  [15, 'session'],
  [18, 'transaction'],
] as const)('before PostgreSQL %s, in %s mode', async (version, mode) => {
  const some = await createDatabase(version);
  const verifiers = await verifiersOf(some);
  await some.drop();
  expect(Object.values(verifiers).every((one) => one.startsWith('SCRAM-SHA-256$'))).toBe(true);
  const certificates = await makeCertificates();
  const { ca, server } = certificates;
  openToPgBouncer(certificates.folder, server.cert, server.key);
  const bouncer = await startPgBouncer({
    mode,
    auth: 'scram-sha-256',
    verifiers,
    server: postgresServer(version),
    settings: {
      default_pool_size: '3',
      // The tests' own questions to its console come in the clear; pgveil demands TLS.
      client_tls_sslmode: 'allow',
      client_tls_cert_file: server.cert,
      client_tls_key_file: server.key,
    },
  });
  const proxy = await startProxy(version, {
    upstreamPort: bouncer.port,
    flags: (db) => ({
      'auth.mode': 'scram',
      'auth.verifiers.from': 'query',
      'auth.verifiers.url': db.url(),
      'upstream.pooler': mode,
      'upstream.tls.mode': 'verify-ca',
      'upstream.tls.ca': ca.files.cert,
    }),
  });
  try {
    const support = await proxy.connect('crm_support');
    for (let round = 0; round < 2; round++) {
      const { rows } = await support.query<{ email: string }>({ name: 'n', text: emails });
      expect(rows[0]?.email).toMatch(/^.\*\*\*@/);
    }
    const admin = await proxy.connect('crm_admin');
    expect((await admin.query<{ email: string }>(emails)).rows[0]?.email).not.toMatch(/^.\*\*\*@/);
    await expect(proxy.connect('crm_support', { password: 'wrong' })).rejects.toMatchObject({
      code: '28P01',
    });
  } finally {
    await proxy.stop();
    await bouncer.stop();
  }
});
