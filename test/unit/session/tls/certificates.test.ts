/** What is read out of certificates, against OpenSSL's own reading. */
import { execFileSync } from 'node:child_process';
import { createHash, X509Certificate } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { certificateNames } from '../../../../src/session/tls/certificate-names.js';
import { serverEndpointHash } from '../../../../src/session/tls/endpoint-hash.js';
import { type Certificates, type KeyKind, makeCertificates } from '../../../support/certificates.js';

let certificates: Certificates;

beforeAll(async () => {
  certificates = await makeCertificates();
});

afterAll(() => {
  certificates.remove();
});

describe('tls-server-end-point', () => {
  test.each<[KeyKind, string | undefined]>([
    ['ecdsa', 'sha256'],
    ['ecdsa-sha384', 'sha384'],
    ['rsa', 'sha256'],
    ['rsa-sha1', 'sha256'],
    ['rsa-sha512', 'sha512'],
    ['rsa-pss', 'sha256'],
    ['ed25519', undefined],
  ])('hashes a certificate signed with %s by %s', async (kind, hash) => {
    const { certPem } = await certificates.ca.issue({ names: ['localhost'], kind });
    const der = new X509Certificate(certPem).raw;
    const expected = hash === undefined ? undefined : createHash(hash).update(der).digest('hex');
    expect(serverEndpointHash(der)?.toString('hex')).toBe(expected);
  });
});

describe('the names of a client certificate', () => {
  test.each([
    [[{ CN: ['crm_support'] }], 'crm_support'],
    [[{ C: ['DE'] }, { O: ['Example, Inc.'] }, { CN: ['crm_support'] }], 'crm_support'],
    [[{ CN: ['first'] }, { CN: ['second'] }], 'first'],
    [[{ O: [' # odd+name;"<>\\ '] }, { CN: ['ärger'] }], 'ärger'],
    [[{ O: ['nobody'] }], undefined],
    [[{ OU: ['one'], O: ['two'] }, { '1.2.3.4': ['unknown'] }, { E: ['a@example.com'] }, { CN: ['x'] }], 'x'],
  ])('reads %j as the server does', async (subject, commonName) => {
    const { cert, certPem } = await certificates.ca.issue({ subject });
    const openssl = execFileSync('openssl', [
      'x509',
      '-in',
      cert,
      '-noout',
      '-subject',
      '-nameopt',
      'RFC2253',
    ]);
    expect(certificateNames(new X509Certificate(certPem).raw)).toEqual({
      commonName,
      subject: openssl
        .toString()
        .replace(/^subject=/, '')
        .replace(/\n$/, ''),
    });
  });

  test('refuses a NUL inside a name (CVE-2009-4034)', async () => {
    const { certPem } = await certificates.ca.issue({ subject: [{ CN: ['crm_admin\0.example.com'] }] });
    expect(certificateNames(new X509Certificate(certPem).raw)).toBeUndefined();
  });
});
