/** Certificates that OpenSSL takes and that are hard to read, or that nothing can be bound to, from either side. */
import { sign, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { certificateNames } from '../../../src/session/tls/certificate-names.js';
import { serverEndpointHash } from '../../../src/session/tls/endpoint-hash.js';
import { makeCertificates, type Certificates } from '../../support/certificates.js';
import { asked, psql, readAll, startTlsProxy } from './support.js';

let certificates: Certificates;

beforeAll(async () => {
  certificates = await makeCertificates();
});
afterAll(() => {
  certificates.remove();
});

/** Its common name is a SEQUENCE that holds no DER: OpenSSL keeps such values unread, a reader of DER stops at it. */
async function unreadable(): Promise<{ certPem: string; keyPem: string }> {
  const { certPem, keyPem } = await certificates.ca.issue({
    commonName: 'no DER at all',
    name: 'unreadable',
  });
  const der = Buffer.from(new X509Certificate(certPem).raw);
  // Both lengths take two bytes, since a certificate is longer than 255.
  const tbs = Buffer.from(der.subarray(4, 8 + der.readUInt16BE(6)));
  const behind = der.subarray(4 + tbs.length);
  const algorithm = behind.subarray(0, 2 + behind[1]!);
  const name = tbs.lastIndexOf(Buffer.from('no DER at all'));
  tbs[name - 2] = 0x30;
  const signature = sign('sha256', tbs, certificates.ca.files.keyPem);
  const body = Buffer.concat([tbs, algorithm, Buffer.from([3, signature.length + 1, 0]), signature]);
  const header = Buffer.from([0x30, 0x82, body.length >> 8, body.length & 0xff]);
  const text = Buffer.concat([header, body]).toString('base64').replace(/.{64}/g, '$&\n');
  return { certPem: `-----BEGIN CERTIFICATE-----\n${text}\n-----END CERTIFICATE-----\n`, keyPem };
}

/** A server that takes every handshake with this certificate, and tells what it hears inside. */
async function serverWith(files: {
  certPem: string;
  keyPem: string;
}): Promise<{ server: net.Server; port: number; heard: string[] }> {
  const heard: string[] = [];
  const secureContext = tls.createSecureContext({ cert: files.certPem, key: files.keyPem });
  const server = net.createServer((raw) => {
    raw.on('error', () => undefined);
    raw.once('data', () => {
      raw.write('S');
      const secure = new tls.TLSSocket(raw, { isServer: true, secureContext });
      secure.on('error', () => undefined);
      secure.on('data', (chunk: Buffer) => heard.push(chunk.toString('latin1')));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, port: (server.address() as net.AddressInfo).port, heard };
}

test('the certificate of these tests is one that our own reader cannot read', async () => {
  const { raw } = new X509Certificate((await unreadable()).certPem);
  expect(() => serverEndpointHash(raw)).toThrow();
  expect(() => certificateNames(raw)).toThrow();
});

test('a server that shows one ends this log-in, not the process', async () => {
  const { server, port, heard } = await serverWith(await unreadable());
  const proxy = await startTlsProxy({ host: '127.0.0.1', port }, { server: { mode: 'require' } });
  for (let attempt = 0; attempt < 2; attempt++)
    expect(await psql(proxy.port, 'user=postgres dbname=postgres')).toContain(
      'no encrypted connection to the database server could be made',
    );
  expect(heard).toEqual([]);
  await proxy.stop();
  server.close();
});

test('a client that shows one is a failed log-in, not the end of the process', async () => {
  const proxy = await startTlsProxy(
    { host: '127.0.0.1', port: 1 },
    { client: { mode: 'require', certificate: certificates.server, ca: certificates.ca.files } },
  );
  const { certPem, keyPem } = await unreadable();
  for (let attempt = 0; attempt < 2; attempt++) {
    const socket = await asked(proxy.port, { cert: certPem, key: keyPem });
    expect(await readAll(socket)).toEqual(Buffer.alloc(0));
  }
  expect(proxy.authFailures).toEqual(['tls_handshake', 'tls_handshake']);
  expect(proxy.audit.events).toMatchObject(
    Array(2).fill({ kind: 'login-failed', reason: 'TLS: a certificate that cannot be read' }),
  );
  await proxy.stop();
});
