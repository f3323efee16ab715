import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { readKeySet } from '../../../src/policy/key-set.js';

const folder = mkdtempSync(join(tmpdir(), 'pgveil-keys-'));
afterAll(() => rmSync(folder, { recursive: true }));

const rsa = { kty: 'RSA', n: 'x', e: 'AQAB' };

it.each([
  ['public keys are taken', { keys: [rsa, { kty: 'EC' }, { kty: 'OKP' }] }, undefined],
  ['no key', { keys: [] }, 'the file holds no JSON Web Key Set'],
  ['a single key', rsa, 'the file holds no JSON Web Key Set'],
  ['a symmetric key', { keys: [rsa, { kty: 'oct', k: 'x' }] }, 'a key that is not of an asymmetric kind'],
  ['a private key', { keys: [{ ...rsa, d: 'x' }] }, 'the key set holds a private key'],
  ['no JSON', '-----BEGIN', 'the key set is not JSON'],
])('%s', (_what, content, reason) => {
  writeFileSync(join(folder, 'keys.json'), typeof content === 'string' ? content : JSON.stringify(content));
  const outcome = readKeySet('keys.json', folder);
  expect(outcome.ok ? undefined : outcome.reason).toEqual(
    reason === undefined ? undefined : expect.stringContaining(reason),
  );
});
