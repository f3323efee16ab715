import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadCheckpointKey } from '../../../src/app/checkpoint-key.js';
import { openAuditLog } from '../../../src/audit/log.js';
import type { VerifyResult } from '../../../src/audit/verify/result.js';
import { registerVerify } from '../../../src/cli/commands/audit-verify.js';
import { configFacts, loadConfig } from '../../../src/config/load.js';
import type { Config } from '../../../src/config/schema.js';
import { redisServer } from '../../support/servers.js';
import { statement, success } from '../../unit/audit/samples.js';
import { runAudit, type Outcome } from './command.js';
import { changed, writeHonestLog, writeSpool, type HonestLog } from './tampering.js';

let folder: string;
let honest: HonestLog;
const at = (name: string): string => join(folder, name);
const openssl = (...args: string[]): void => void execFileSync('openssl', args, { stdio: 'ignore' });

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'pgveil-verify-command-'));
  mkdirSync(at('empty'));
  honest = await writeHonestLog(at('honest'));
  // As docs/audit.md tells people to.
  openssl('genpkey', '-algorithm', 'ed25519', '-out', at('good.key'));
  openssl('pkey', '-in', at('good.key'), '-pubout', '-out', at('good.pub'));
  openssl('pkey', '-in', at('good.key'), '-aes256', '-passout', 'pass:secret', '-out', at('locked.key'));
  openssl('genpkey', '-algorithm', 'rsa', '-pkeyopt', 'rsa_keygen_bits:2048', '-out', at('rsa.key'));
  writeFileSync(at('garbage.key'), 'no key at all', { mode: 0o600 });
  writeFileSync(at('open.key'), readFileSync(at('good.key')));
  chmodSync(at('open.key'), 0o644);
  writeFileSync(at('honest.pub'), honest.publicKey.export({ type: 'spki', format: 'pem' }));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

const run = (...args: string[]): Promise<Outcome> => runAudit(registerVerify, 'verify', args);

describe('pgveil audit verify', () => {
  it('ends with 0 on a clean log, and says what it could not look at', async () => {
    const { code, out } = await run('--spool', at('honest'));
    expect(code).toBe(0);
    expect(out).toContain('clean:');
    expect(out).toContain('the signatures of the checkpoints were not checked');
    expect(out).toContain('keep an anchor');
  });

  it('ends with 1 on a finding, and names chain, event, uid and place', async () => {
    const rows = honest.rows.map((row, index) =>
      index === 3 ? changed(row, (event) => (event.unmapped.rows = 0)) : row,
    );
    writeSpool(at('tampered'), honest.headers, rows);
    const text = await run('--spool', at('tampered'), '--public-key', at('honest.pub'));
    expect(text.code).toBe(1);
    expect(text.out).toContain(`chain first, event 4, uid ${rows[3]!.uid}`);
    expect(text.out).not.toContain('clean');
    const json = await run('--spool', at('tampered'), '--format', 'json', '--anchor', at('never.json'));
    const result = JSON.parse(json.out) as VerifyResult;
    expect(json.code).toBe(1);
    expect(result).toMatchObject({ clean: false, findingsTotal: 1 });
    expect(result.findings[0]).toMatchObject({
      kind: 'changed',
      chain: 'first',
      sequence: 4,
      uid: rows[3]!.uid,
    });
    expect(() => readFileSync(at('never.json'))).toThrow('ENOENT');
  });

  it('keeps an anchor of a clean log and demands it the next time', async () => {
    const options = ['--public-key', at('honest.pub'), '--anchor', at('anchor.json')];
    expect((await run('--spool', at('honest'), ...options)).out).toContain('there was no anchor');
    const again = await run('--spool', at('honest'), ...options);
    expect([again.code, again.out.includes('note:')]).toEqual([0, false]);
    writeSpool(at('cut'), honest.headers, honest.rows.slice(0, -1));
    const cut = await run('--spool', at('cut'), ...options);
    expect(cut.code).toBe(1);
    expect(cut.out).toMatch(/^anchor at worker-2 segment/m);
    writeFileSync(at('broken.json'), '{}');
    const broken = await run('--spool', at('honest'), '--anchor', at('broken.json'));
    expect([broken.code, broken.error]).toEqual([
      2,
      `${at('broken.json')} is no anchor that pgveil has written`,
    ]);
  });

  it.each<[string, () => string[], number, RegExp]>([
    [
      'a Redis that is not there',
      () => ['--redis', 'redis://127.0.0.1:1'],
      1,
      /^nothing is proven: .*ECONNREFUSED/,
    ],
    [
      'a stream that is not there',
      () => ['--redis', redisServer().url, '--stream', 'verify-test:none'],
      1,
      /nothing is proven: there is no stream "verify-test:none"/,
    ],
    ['a folder that is not there', () => ['--spool', at('nowhere')], 1, /nothing is proven: .*ENOENT/],
    [
      'a folder without a spool',
      () => ['--spool', at('empty')],
      1,
      /nothing is proven: there is no audit spool/,
    ],
    [
      'a file that is no key',
      () => ['--spool', at('honest'), '--public-key', at('garbage.key')],
      2,
      /no key in PEM/,
    ],
    [
      'a key of another kind',
      () => ['--spool', at('honest'), '--public-key', at('rsa.key')],
      2,
      /is a key for rsa/,
    ],
    [
      'an anchor for a part of a log',
      () => ['--spool', at('honest'), '--since', '1h', '--anchor', 'x'],
      2,
      /whole chains/,
    ],
    ['a part of a spool', () => ['--spool', at('honest'), '--since', '1h'], 2, /verified whole/],
  ])('is no proof with %s', async (_, args, code, message) => {
    const outcome = await run(...args());
    expect([outcome.code, outcome.out]).toEqual([code, '']);
    expect(outcome.error).toMatch(message);
  });
});

describe('the key of signed checkpoints', () => {
  const configured = (key: string): Pick<Config, 'audit'> => {
    const outcome = loadConfig({
      env: { PGVEIL_CATALOG_URL: 'postgres://x/y', PGVEIL_AUDIT_CHECKPOINTS_KEY: key },
    });
    if (!outcome.ok) throw new Error(outcome.problems[0]!.message);
    return outcome.config;
  };

  it('is read from a file, and from the environment itself', () => {
    const pem = readFileSync(at('good.key'), 'utf8');
    expect(loadCheckpointKey(configured(at('good.key')))).toMatchObject({ ok: true });
    expect(loadCheckpointKey(configured(pem))).toMatchObject({
      ok: true,
      key: { asymmetricKeyType: 'ed25519' },
    });
    const env = { PGVEIL_CATALOG_URL: 'postgres://x/y', PGVEIL_AUDIT_CHECKPOINTS_KEY_FILE: at('good.key') };
    const outcome = loadConfig({ env });
    if (!outcome.ok) throw new Error('unusable');
    expect(loadCheckpointKey(outcome.config)).toMatchObject({
      ok: true,
      key: { asymmetricKeyType: 'ed25519' },
    });
    // What is shown to people does not show it.
    expect(JSON.stringify(configFacts(outcome.config, outcome.origins))).not.toContain(pem.split('\n')[1]);
  });

  it.each<[string, string, RegExp, RegExp]>([
    ['is missing', 'none.key', /cannot be read \(ENOENT\)/, /openssl genpkey -algorithm ed25519/],
    ['is open to everybody', 'open.key', /open to every user/, /chmod 600/],
    ['is the public half', 'good.pub', /public half/, /openssl genpkey/],
    ['is encrypted', 'locked.key', /encrypted/, /without a passphrase/],
    ['is of another kind', 'rsa.key', /a key for rsa/, /ed25519/],
    ['is something else', 'garbage.key', /no private key in PEM/, /ed25519/],
  ])('that %s is an error that names the file and the fix', (_, name, message, fix) => {
    if (name !== 'open.key' && name !== 'none.key') chmodSync(at(name), 0o600);
    const outcome = loadCheckpointKey(configured(at(name)));
    if (outcome.ok) throw new Error('was taken');
    const [problem] = outcome.problems;
    expect(problem).toMatchObject({ place: { file: at(name) }, severity: 'error' });
    expect(problem!.message).toMatch(message);
    expect(problem!.fix).toMatch(fix);
  });
});

describe('checkpoints', () => {
  it('are written every so often when there is anything new, at a start behind events, and at an orderly end', async () => {
    const options = {
      spoolDirectory: at('paced'),
      durability: 'relaxed',
      version: '0',
      checkpoints: { key: honest.key, everyMs: 20 },
    } as const;
    const log = await openAuditLog(options);
    await new Promise((resolve) => setTimeout(resolve, 100));
    // Nothing to sign yet.
    expect(log.state().events).toBe(0);
    void log.outcome(log.intent(statement()), statement(), success);
    await expect.poll(() => log.state().events).toBe(2);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(log.state().events).toBe(2);
    void log.outcome(log.intent(statement()), statement(), success);
    await log.close();
    const next = await openAuditLog(options);
    await next.close();
    const json = await run('--spool', at('paced'), '--public-key', at('honest.pub'), '--format', 'json');
    const { chains } = JSON.parse(json.out) as VerifyResult;
    // Two events with a checkpoint each, and one of the second start.
    expect(chains).toMatchObject([{ events: 5, checkpoints: 3, unsigned: 0, signedUpTo: { sequence: 4 } }]);
  });
});
