/** The whole proxy with TLS: the tap still sees, reloads swap certificates and drop nobody, a bad one changes nothing. */
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type tls from 'node:tls';
import type pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { takeSightings } from '../../support/canary-tap.js';
import { type CertificateFiles, type Certificates, makeCertificates } from '../../support/certificates.js';
import { crmPolicy } from '../../support/governed.js';
import { startProxy, type Proxy } from '../../support/proxy.js';
import { directTls } from '../tls/support.js';

const folder = mkdtempSync(join(tmpdir(), 'pgveil-whole-tls-'));
let certificates: Certificates;
let proxy: Proxy;

beforeAll(async () => {
  certificates = await makeCertificates();
  // Observing forwards statements unchanged, so protected values do pass.
  writeFileSync(join(folder, 'policy.yaml'), crmPolicy.replace('mode: enforce', 'mode: observe'));
  put(certificates.server);
  copyFileSync(certificates.ca.files.cert, file('ca.crt'));
  proxy = await startProxy(18, {
    policies: folder,
    flags: () => ({
      'listen.tls.mode': 'require',
      'listen.tls.cert': file('server.crt'),
      'listen.tls.key': file('server.key'),
      'listen.tls.client_ca': file('ca.crt'),
    }),
  });
});

afterAll(async () => {
  await proxy.stop();
  certificates.remove();
  rmSync(folder, { recursive: true });
});

const file = (name: string): string => join(folder, name);

function put({ cert, key }: CertificateFiles): void {
  copyFileSync(cert, file('server.crt'));
  copyFileSync(key, file('server.key'));
}

const encrypted = (): pg.ClientConfig => ({
  ssl: { ca: [certificates.ca.files.certPem, certificates.wrongCa.files.certPem], servername: 'localhost' },
});

async function shown(options: tls.ConnectionOptions = {}): Promise<string> {
  const socket = await directTls(proxy.app.ports.proxy, { rejectUnauthorized: false, ...options });
  const { fingerprint256 } = socket.getPeerCertificate();
  socket.destroy();
  return fingerprint256;
}

test('the canary tap sees what a governed client reads through TLS', async () => {
  const client = await proxy.connect('crm_support', encrypted());
  await client.query('SELECT email FROM customers WHERE id = 1');
  expect(takeSightings().map((each) => each.user)).toContain('crm_support');
});

test('a log-in in the clear is refused, counted and audited', async () => {
  await expect(proxy.connect('crm_support')).rejects.toThrow('encrypted connections only');
  await expect
    .poll(async () => (await proxy.events()).map((event) => JSON.stringify(event)))
    .toContainEqual(expect.stringContaining('encrypted connections only'));
});

test('a reload shows the new certificate to new clients and drops nobody; a bad one changes nothing', async () => {
  const before = await proxy.connect('crm_admin', encrypted());
  expect(await shown()).toBe(certificates.server.fingerprint);

  put(certificates.wrongServer);
  expect(await proxy.app.reload()).toEqual([]);
  expect(await shown()).toBe(certificates.wrongServer.fingerprint);

  copyFileSync(certificates.server.cert, file('server.crt'));
  expect(await proxy.app.reload()).toMatchObject([
    { text: file('server.key'), message: expect.stringContaining('does not belong') as string },
  ]);
  expect(await shown()).toBe(certificates.wrongServer.fingerprint);

  // The authority of clients is swapped as well.
  const stranger = pairOf(await certificates.wrongCa.issue({ commonName: 'crm_admin' }));
  const asStranger: pg.ClientConfig = { ssl: { ...(encrypted().ssl as object), ...stranger } };
  await expect(proxy.connect('crm_admin', asStranger)).rejects.toThrow('client certificate is not valid');
  put(certificates.server);
  copyFileSync(certificates.wrongCa.files.cert, file('ca.crt'));
  expect(await proxy.app.reload()).toEqual([]);
  const admitted = await proxy.connect('crm_admin', asStranger);
  expect((await admitted.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);

  expect((await before.query('SELECT 2 AS two')).rows).toEqual([{ two: 2 }]);
});

test('changed files are noticed by themselves', async () => {
  expect(await shown()).toBe(certificates.server.fingerprint);
  put(certificates.wrongServer);
  await expect
    .poll(() => shown(), { timeout: 15_000, interval: 500 })
    .toBe(certificates.wrongServer.fingerprint);
});

test('readiness still finds the server', async () => {
  const answer = await fetch(`http://127.0.0.1:${proxy.app.ports.admin}/readyz`);
  expect(await answer.json()).toMatchObject({ checks: { upstream: { ok: true } } });
});

function pairOf({ certPem, keyPem }: CertificateFiles): { cert: string; key: string } {
  return { cert: certPem, key: keyPem };
}
