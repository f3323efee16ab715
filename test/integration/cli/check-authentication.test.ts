/** `pgveil check` finds what would keep everybody out, and tells what a configuration lets in. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { authenticationWarnings } from '../../../src/app/authentication-warnings.js';
import { findProblems } from '../../../src/cli/check/find-problems.js';
import { loadConfig } from '../../../src/config/load.js';
import type { Config } from '../../../src/config/schema.js';
import { createDatabase, type TestDatabase } from '../../support/databases.js';
import { bySettings, policyFolder, type PolicyFolder } from '../claims/support.js';

let database: TestDatabase;
let policies: PolicyFolder;
beforeAll(async () => {
  database = await createDatabase(18, { fixture: 'fixtures/crm.sql' });
  policies = policyFolder([bySettings]);
});
afterAll(async () => {
  policies.remove();
  await database.drop();
});

async function check(verifiers: Readonly<Record<string, string>>, userlist = ''): Promise<readonly string[]> {
  const folder = mkdtempSync(join(tmpdir(), 'pgveil-check-'));
  const path = join(folder, 'userlist.txt');
  writeFileSync(path, userlist);
  const settings = Object.entries(verifiers['from'] === 'file' ? { ...verifiers, path } : verifiers);
  const flags = {
    'catalog.url': database.url(),
    policies: policies.path,
    'auth.mode': 'scram',
    ...Object.fromEntries(settings.map(([key, value]) => [`auth.verifiers.${key}`, value])),
  };
  const loaded = loadConfig({ env: {}, flags });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded));
  try {
    const problems = await findProblems(loaded.config, false);
    return problems
      .filter(({ code }) => code === 'verifiers')
      .map(({ severity, message }) => `${severity} ${message}`);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

it('verifiers that can be read are no problem', async () => {
  expect(await check({ from: 'query', url: database.url() })).toEqual([]);
  expect(await check({ from: 'file' }, '"a" "b"')).toEqual([]);
});

it.each([
  [
    'a login without the right',
    () => ({ from: 'query', url: database.url('crm_admin') }),
    /permission denied/,
  ],
  [
    'a server that is not there',
    () => ({ from: 'query', url: 'postgres://u:hunter2@127.0.0.1:1/x' }),
    /REFUSED/,
  ],
  ['a file with a broken line', () => ({ from: 'file' }), /this line is not of the form/],
] as const)('%s is an error, told without a password', async (_, verifiers, expected) => {
  const [problem] = await check(verifiers(), 'broken hunter2');
  expect(problem).toMatch(/^error/);
  expect(problem).toMatch(expected);
  expect(problem).not.toContain('hunter2');
});

describe('warnings', () => {
  const warnings = (config: object): string[] =>
    authenticationWarnings({
      auth: {},
      upstream: {},
      catalog: { url: 'postgres://u@localhost/x' },
      ...config,
    } as Config).map(({ key }) => key);

  it.each([
    ['postgres://u@db.example.com/x', ['catalog.url']],
    ['postgres://u@db.example.com/x?sslmode=disable', ['catalog.url']],
    ['postgres://u@db.example.com/x?sslmode=verify-full', []],
    ['postgres://u@127.0.0.1/x', []],
    ['postgres://u@[::1]/x', []],
    ['postgres://u@%2Fvar%2Frun/x', []],
    ['postgres://u@10.0.0.1/x?sslmode=require', []],
  ])('%s', (url, expected) => {
    expect(warnings({ catalog: { url } })).toEqual(expected);
  });

  it('a certificate of the proxy with log-ins that are relayed', () => {
    const upstream = { tls: { mode: 'verify-full', cert: 'c', key: 'k' } };
    expect(warnings({ upstream })).toEqual(['upstream.tls.cert']);
    const verifiers = { from: 'file', path: 'userlist.txt' };
    expect(warnings({ upstream, auth: { verifiers } })).toEqual([]);
  });
});
