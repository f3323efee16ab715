/** What a configuration may say of TLS, and what its files must hold before anything starts. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { encryptionFiles, loadEncryption } from '../../../src/app/encryption.js';
import { loadConfig } from '../../../src/config/load.js';
import type { Config } from '../../../src/config/schema.js';
import { formatProblem } from '../../../src/policy/problems.js';
import { type Certificates, makeCertificates } from '../../support/certificates.js';

const folder = mkdtempSync(join(tmpdir(), 'pgveil-config-tls-'));
let certificates: Certificates;

beforeAll(async () => {
  certificates = await makeCertificates();
});

afterAll(() => {
  rmSync(folder, { recursive: true });
  certificates.remove();
});

function configured(lines: string): Config | string {
  const file = join(folder, 'pgveil.yaml');
  writeFileSync(file, `catalog: { url: "postgres://u:p@h/d" }\n${lines}\n`);
  const outcome = loadConfig({ file, env: {} });
  return outcome.ok ? outcome.config : outcome.problems.map(formatProblem).join('\n');
}

describe('a part that does not fit the others is refused, with the fix', () => {
  test.each([
    [
      'listen: { tls: { mode: require } }',
      '"listen.tls.cert": is missing ({ mode: require }); name the file of the certificate',
    ],
    ['listen: { tls: { cert: a } }', '"listen.tls.key": is missing'],
    ['listen: { tls: { mode: verify-client, cert: a, key: b } }', '"listen.tls.client_ca": is missing'],
    ['listen: { tls: { mode: verify-full, cert: a, key: b } }', '"listen.tls.mode" has no such choice'],
    [
      'listen: { tls: { cert: a, key: b, certificates: [{ names: [A.example.com], cert: a, key: b }] } }',
      'is no server name',
    ],
    [
      'listen: { tls: { cert: a, key: b, certificates: [{ names: [x], cert: a, key: b }, { names: [x], cert: a, key: b }] } }',
      'names "x" twice',
    ],
    ['upstream: { tls: { mode: verify-ca } }', '"upstream.tls.ca": is missing'],
    ['upstream: { tls: { mode: require, ca: system } }', 'is too weak for ca: system'],
    ['upstream: { tls: { mode: prefer, negotiation: direct } }', 'is too weak for negotiation: direct'],
    ['upstream: { tls: { cert: a } }', '"upstream.tls.key": is missing'],
  ])('%s', (lines, expected) => {
    expect(configured(lines)).toContain(expected);
  });
});

describe('files that cannot be used are named with the fix', () => {
  const problemsOf = (lines: string): string => {
    const config = configured(lines);
    if (typeof config === 'string') return config;
    const outcome = loadEncryption(config);
    return outcome.ok ? '' : outcome.problems.map(formatProblem).join('\n');
  };
  const listen = (cert: string, key: string, more = ''): string =>
    `listen: { tls: { cert: ${cert}, key: ${key}${more} } }`;

  test('a pair that fits is taken, with every file that a reload looks at', () => {
    const { server, ca } = certificates;
    const lines = `${listen(server.cert, server.key, `, client_ca: ${ca.files.cert}`)}
upstream: { tls: { mode: verify-full, ca: system } }`;
    expect(problemsOf(lines)).toBe('');
    const config = configured(lines) as Config;
    expect(encryptionFiles(config)).toEqual([server.cert, server.key, ca.files.cert]);
    const outcome = loadEncryption(config);
    expect(outcome).toMatchObject({ ok: true, encryption: { listen: { mode: 'prefer' } } });
  });

  test('mode: disable reads nothing', () => {
    expect(problemsOf('listen: { tls: { mode: disable, cert: absent, key: absent } }')).toBe('');
  });

  test.each([
    [
      'a missing file',
      (): string => listen('/nonexistent', certificates.server.key),
      'cannot be read (ENOENT)',
    ],
    [
      'a key of another certificate',
      () => listen(certificates.server.cert, certificates.wrongServer.key),
      'the key does not belong to the certificate',
    ],
    [
      'a key where the certificate should be',
      () => listen(certificates.server.key, certificates.server.key),
      'holds no certificate in PEM',
    ],
    [
      'an encrypted key',
      () => {
        const key = join(folder, 'encrypted.key');
        execFileSync('openssl', [
          'pkey',
          '-in',
          certificates.server.key,
          '-aes128',
          '-passout',
          'pass:x',
          '-out',
          key,
        ]);
        return listen(certificates.server.cert, key);
      },
      'the key is encrypted (',
    ],
    [
      'an authority cut off in the middle',
      () => {
        const ca = join(folder, 'cut.crt');
        writeFileSync(ca, certificates.ca.files.certPem.replace(/\n.{20}/, '\n'));
        return `upstream: { tls: { mode: verify-ca, ca: ${ca} } }`;
      },
      'holds no certificate in PEM',
    ],
  ])('%s', (_name, lines, expected) => {
    const said = problemsOf(lines());
    expect(said).toContain(expected);
    expect(said).not.toContain('PRIVATE KEY');
  });
});
