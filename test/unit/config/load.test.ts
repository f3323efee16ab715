import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { configJsonSchema, policyJsonSchema } from '../../../src/config/json-schemas.js';
import { loadConfig, showConfig, type ConfigOutcome } from '../../../src/config/load.js';
import { parseByteSize, parseDuration } from '../../../src/config/units.js';
import { formatProblem } from '../../../src/policy/problems.js';

const folder = mkdtempSync(join(tmpdir(), 'pgveil-config-'));
const file = join(folder, 'pgveil.yaml');
afterAll(() => rmSync(folder, { recursive: true }));

function load(
  text: string,
  env: Record<string, string> = {},
  flags: Record<string, string | number> = {},
): ConfigOutcome {
  writeFileSync(file, text);
  return loadConfig({ file, env, flags });
}
const base = 'catalog: { url: "postgres://u:secret@h/d" }\n';

describe('a bad configuration is refused with its place and the fix', () => {
  it.each([
    ['listen: { prot: 1 }', '2:11: error: unknown key "prot" in "listen" (prot); did you mean "port"?'],
    ['auth: { mode: scram }', '2:15: error: "auth.mode": needs verifiers to check log-ins against'],
    ['workers: 0', 'write workers: auto, or a whole number from 1 to 64'],
    ['limits: { auth_timeout: 3x }', '"limits.auth_timeout": is no duration (3x); write for example 30s'],
    ['limits: { statement_bytes: lots }', 'is no usable size (lots); write for example 1MiB'],
    ['audit: { redis: "http://x" }', 'is no such URL'],
    ['audit: { durability: loose }', '"audit.durability" has no such choice'],
  ])('%s', (line, expected) => {
    const outcome = load(base + line);
    expect(outcome.ok ? '' : outcome.problems.map(formatProblem).join('\n')).toContain(expected);
  });

  it('names a missing file, a missing key and an unknown flag', () => {
    expect(loadConfig({ file: join(folder, 'absent.yaml'), env: {} })).toMatchObject({ ok: false });
    expect(load('')).toMatchObject({ ok: false, problems: [{ code: 'missing-key' }] });
    expect(load(base, {}, { 'listen.prot': 1 })).toMatchObject({
      ok: false,
      problems: [{ fix: 'did you mean "listen.port"?' }],
    });
  });
});

it('takes flag before environment before file before default, and says which', () => {
  const secret = join(folder, 'url');
  writeFileSync(secret, 'postgres://u:fromfile@h/d\n');
  const outcome = load(
    `${base}listen: { port: 1, host: a }\nadmin: { port: 2 }\n`,
    { PGVEIL_LISTEN_PORT: '3', PGVEIL_ADMIN_PORT: '4', PGVEIL_CATALOG_URL_FILE: secret },
    { 'listen.port': '5' },
  );
  if (!outcome.ok) throw new Error(outcome.problems.map(formatProblem).join('\n'));
  expect(outcome.config).toMatchObject({
    listen: { port: 5, host: 'a' },
    admin: { port: 4 },
    upstream: { port: 5432 },
    catalog: { url: 'postgres://u:fromfile@h/d', refresh: 30_000 },
    limits: { statement_bytes: 1_048_576 },
  });
  const shown = showConfig(outcome.config, outcome.origins);
  expect(shown).toContain('listen.port = 5  (flag listen.port)');
  expect(shown).toContain('admin.port = 4  (environment PGVEIL_ADMIN_PORT)');
  expect(shown).toContain(`listen.host = a  (file ${file}:2:26)`);
  expect(shown).toContain('upstream.port = 5432  (default)');
  expect(shown).toContain('catalog.url = postgres://u:***@h/d  (environment PGVEIL_CATALOG_URL_FILE)');
});

it('never shows a secret in a problem', () => {
  const outcome = load('catalog: { url: "http://u:hunter2@h/d" }');
  expect(outcome.ok).toBe(false);
  expect(JSON.stringify(outcome)).not.toContain('hunter2');
});

it.each([
  ['30s', 30_000],
  ['250ms', 250],
  ['5m', 300_000],
  ['1h', 3_600_000],
  ['x', undefined],
])('reads the duration %s', (text, expected) => expect(parseDuration(text)).toBe(expected));

it.each([
  ['1MiB', 1_048_576],
  ['64kB', 64_000],
  ['512', 512],
  ['-1', undefined],
])('reads the size %s', (text, expected) => expect(parseByteSize(text)).toBe(expected));

it('keeps the published JSON Schemas equal to the code (tsx scripts/generate-schemas.ts)', () => {
  expect(readFileSync('policies/policy.schema.json', 'utf8')).toBe(policyJsonSchema());
  expect(readFileSync('policies/config.schema.json', 'utf8')).toBe(configJsonSchema());
});
