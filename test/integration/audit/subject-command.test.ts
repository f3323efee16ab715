/** The flags, the standard input and the exit codes of `pgveil audit subject`. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { segmentName } from '../../../src/audit/spool-format.js';
import type { SubjectAnswer } from '../../../src/audit/subject/answer.js';
import { registerSubject } from '../../../src/cli/commands/audit-subject.js';
import { redisServer } from '../../support/servers.js';
import { runAudit, type Outcome } from './command.js';
import { hmacKey, sealed, segmentOf } from './subject-events.js';

const folder = mkdtempSync(join(tmpdir(), 'pgveil-subject-command-'));
const at = (name: string): string => join(folder, name);
const stream = `subject-command:${process.pid}`;

beforeAll(async () => {
  for (const spool of ['whole', 'damaged', 'empty']) mkdirSync(at(spool));
  writeFileSync(at('whole/subject.key'), hmacKey);
  writeFileSync(join(at('whole'), segmentName(1)), segmentOf());
  const damaged = segmentOf();
  damaged.fill(0, damaged.indexOf('"uid":"one-3"'), damaged.indexOf('"uid":"one-3"') + 8);
  writeFileSync(join(at('damaged'), segmentName(1)), damaged);
  writeFileSync(at('good.key'), 'k'.repeat(32));
  writeFileSync(at('hmac.key'), hmacKey);
  writeFileSync(at('short.key'), 'secret');
  const redis = new Redis(redisServer().url);
  for (const { uid, sequence, json } of sealed())
    await redis.xadd(stream, '*', 'uid', uid, 'instance', 'one', 'seq', String(sequence), 'event', json);
  redis.disconnect();
});
afterAll(async () => {
  const redis = new Redis(redisServer().url);
  await redis.del(stream);
  redis.disconnect();
  rmSync(folder, { recursive: true });
});

const run = (...args: string[]): Promise<Outcome> => runAudit(registerSubject, 'subject', args);

const whole = ['--spool', at('whole')];
const inRedis = ['--redis', redisServer().url, '--stream', stream, '--key-file', at('hmac.key')];

describe('an answer', () => {
  it.each<[string, string[], number, RegExp]>([
    ['from a spool, with the key beside it', ['42', ...whole], 0, /^Accesses to data of this subject: 4$/m],
    ['from a stream, with a key file', ['42', ...inRedis], 0, /^Accesses to data of this subject: 4$/m],
    ['about nobody', ['4711', ...whole], 0, /^Accesses to data of this subject: none recorded$/m],
    ['with another key', ['42', ...whole, '--key-file', at('good.key')], 1, /another key than the one given/],
    [
      'from a damaged spool',
      ['42', '--spool', at('damaged'), '--key-file', at('hmac.key')],
      1,
      /1 places cannot be read.*pgveil audit verify/,
    ],
    [
      'of a period',
      ['42', ...whole, '--since', '2026-03-01T00:01'],
      0,
      /events of spool .* from 2026-03-01T00:01:00.000Z were read/,
    ],
  ])('%s', async (_, args, code, text) => {
    const outcome = await run(...args);
    expect(outcome).toMatchObject({ code, error: '' });
    expect(outcome.out).toMatch(text);
  });

  it.each<[string, string[], number, string | null, string | null]>([
    ['everything', [], 4, null, null],
    ['since a time', ['--since', '2026-03-01T00:02Z'], 2, '2026-03-01T00:02:00.000Z', null],
    ['until a time', ['--until', '2026-03-01T01:01+01:00'], 1, null, '2026-03-01T00:01:00.000Z'],
    ['until the end of a day', ['--until', '2026-03-01'], 4, null, '2026-03-02T00:00:00.000Z'],
    ['since the day after', ['--since', '2026-03-02'], 0, '2026-03-02T00:00:00.000Z', null],
    [
      'between',
      ['--since', '2026-03-01T00:01', '--until', '2026-03-01T00:02'],
      1,
      '2026-03-01T00:01:00.000Z',
      '2026-03-01T00:02:00.000Z',
    ],
  ])('as JSON, alone on the output, of %s', async (_, period, accesses, since, until) => {
    for (const source of [whole, inRedis]) {
      const { code, out, error } = await run('42', ...source, '--format', 'json', ...period);
      expect([code, error]).toEqual([0, '']);
      const answer = JSON.parse(out) as SubjectAnswer;
      expect(answer).toMatchObject({ since, until });
      expect(answer).not.toHaveProperty('key');
      expect(answer.attributed.reduce((sum, { count }) => sum + count, 0)).toBe(accesses);
    }
  });

  it('repeats the key only when it is told to', async () => {
    const { out } = await run('42', ...whole, '--format', 'json', '--with-key');
    expect((JSON.parse(out) as SubjectAnswer).key).toBe('42');
  });
});

it.each<[string, string[], number, RegExp]>([
  ['a Redis without the key', ['42', '--redis', redisServer().url], 78, /is not known$/],
  ['a spool without the key', ['42', '--spool', at('empty')], 78, /no key of subjects in .*subject\.key$/],
  ['a short key', ['42', ...whole, '--key-file', at('short.key')], 78, /could be guessed/],
  ['a key file that is not there', ['42', ...whole, '--key-file', at('none')], 78, /no key of subjects in/],
  [
    'a folder without a spool',
    ['42', '--spool', at('empty'), '--key-file', at('hmac.key')],
    1,
    /^no answer: there is no audit spool/,
  ],
  [
    'a stream that is not there',
    ['42', ...inRedis, '--stream', `${stream}:none`],
    1,
    /^no answer: there is no stream/,
  ],
  [
    'a Redis that is not there',
    ['42', '--redis', 'redis://127.0.0.1:1', '--key-file', at('hmac.key')],
    1,
    /^no answer: .*ECONNREFUSED/,
  ],
  [
    'an empty period',
    ['42', ...whole, '--since', '2026-03-02', '--until', '2026-03-01'],
    2,
    /nothing lies between/,
  ],
])('there is no answer with %s', async (_, args, code, message) => {
  const outcome = await run(...args);
  expect([outcome.code, outcome.out]).toEqual([code, '']);
  expect(outcome.error).toMatch(message);
});

describe('the key on standard input', () => {
  const pgveil = (input: string): ReturnType<typeof spawnSync> & { stdout: string; stderr: string } =>
    spawnSync(process.execPath, [resolve('bin/pgveil.js'), 'audit', 'subject', '-', ...whole], {
      input,
      encoding: 'utf8',
      cwd: folder,
    });

  it('is read to the end of its line, and stands nowhere in the answer', () => {
    const { status, stdout, stderr } = pgveil('0000042.00\r\n');
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toContain('Accesses to data of this subject: 4');
    expect(stdout).not.toContain('0000042');
  });

  it('that is none is wrong usage', () => {
    const { status, stdout, stderr } = pgveil('\n');
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toContain('no key came on standard input');
  });
});
