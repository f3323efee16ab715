/** The runner of real clients must be able to fail: made-up programs do wrong what programs do wrong. */
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runProgram } from '../../clients/run-client.js';
import type { Setting } from '../../clients/settings.js';
import { closingLine, jsonOf, reasonsOf, tableOf } from '../../clients/table.js';
import { failed, judge, notInstalled, type ClientVerdict } from '../../clients/verdict.js';

const direct: Setting = {
  name: 'direct',
  short: 'D',
  direct: true,
  role: 'exempt',
  transport: 'tls',
};
const proxied: Setting = {
  name: 'governed plain',
  short: 'GP',
  direct: false,
  role: 'governed',
  transport: 'plain',
};

async function verdictOf(wrong: string): Promise<ClientVerdict> {
  const runs = await Promise.all(
    [direct, proxied].map(async (setting) => ({
      setting,
      run: await runProgram({
        command: [process.execPath, resolve('test/clients/made-up-client.mjs'), wrong],
        env: {
          PATH: process.env['PATH'] ?? '',
          PGSSLMODE: setting.transport === 'plain' ? 'disable' : 'verify-full',
          PGVEIL_ROLE: setting.direct ? 'direct' : setting.role,
        },
        timeoutMs: wrong === 'hangs' ? 1_500 : 20_000,
      }),
    })),
  );
  return judge(wrong, runs);
}

describe('the runner of real clients', () => {
  it.each(['nothing', 'absent everywhere'])('passes a client that does wrong: %s', async (wrong) => {
    const verdict = await verdictOf(wrong);
    expect(reasonsOf([verdict])).toEqual([]);
    expect(failed(verdict)).toBe(false);
    expect(closingLine([verdict], false)).toMatch(/^clients: \d+ passed, 0 failed$/);
  });

  const wrongs: readonly [wrong: string, place: string, why: RegExp][] = [
    ['fails', 'copy (direct), copy (governed plain)', /^the reason$/],
    ['evades', 'copy (governed plain)', /^works directly, and was not tried here: not today$/],
    ['skips', 'copy (direct), copy (governed plain)', /^not reported; the program ended with exit code 0/],
    ['repeats', 'copy (direct), copy (governed plain)', /^reported 2 times$/],
    [
      'crashes',
      'disconnect (governed plain)',
      /not reported; the program ended with exit code 1 after "cursors"/,
    ],
    ['crashes', 'program (direct)', /ended with exit code 1; stderr: [^]*a crash/],
    ['hangs', 'program (direct)', /was stopped after \d+ s/],
    ['no reason', 'program (direct)', /printed what is no result/],
    ['babbles', 'program (governed plain)', /printed what is no result: rows: 3/],
    ['ends with 3', 'program (direct)', /ended with exit code 3/],
  ];
  it.each(wrongs)('fails a client that %s, and says where and why: %s', async (wrong, place, why) => {
    const verdict = await verdictOf(wrong);
    expect(failed(verdict)).toBe(true);
    const reasons = reasonsOf([verdict]).map((reason) => reason.slice(`${wrong}: `.length));
    expect(reasons.some((reason) => reason.includes(place) && why.test(reason.replace(/^.*?\): /, '')))).toBe(
      true,
    );
    expect(tableOf([verdict])).toContain('✗');
    expect(closingLine([verdict], false)).not.toMatch(/ 0 failed$/);
    expect(JSON.parse(jsonOf([verdict], false))).toMatchObject({ failed: [wrong] });
  });

  it('counts a client that is not installed as a failure, unless told otherwise', () => {
    const verdict = notInstalled('psql', 'Debian packages postgresql-client');
    expect(failed(verdict)).toBe(true);
    expect(failed(verdict, true)).toBe(false);
    expect(closingLine([verdict], false)).toBe('clients: 0 passed, 1 failed');
    expect(closingLine([verdict], true)).toBe('clients: 0 passed, 0 failed, 1 skipped');
    expect(tableOf([verdict])).toContain('not installed');
    expect(reasonsOf([verdict])).toEqual(['psql: not installed: Debian packages postgresql-client']);
  });
});
