import { describe, expect, test } from 'vitest';
import { governStartup } from '../../../src/session/startup-parameters.js';

const user = ['user', 'ann'] as const;

describe('what a governed session may bring', () => {
  test.each([
    [['application_name', 'x']],
    [['client_encoding', 'utf-8']],
    [['client_encoding', "'UNICODE'"]],
    [['DateStyle', 'ISO']],
    [['options', '-c search_path=a\\ b --statement-timeout=5 -cgeqo=off']],
    [['replication', 'false']],
  ] as const)('%s is taken', (pair) => {
    expect(governStartup([user, pair])).toMatchObject({ ok: true });
  });

  test.each([
    [['client_encoding', 'LATIN1'], 'client-encoding-not-utf8'],
    [['options', '-c client_encoding=SJIS'], 'client-encoding-not-utf8'],
    [['options', '-c standard_conforming_strings=off'], 'startup-setting-not-allowed'],
    [['options', '-c'], 'startup-setting-not-allowed'],
    [['options', '-E'], 'startup-setting-not-allowed'],
    [['options', '--search_path'], 'startup-setting-not-allowed'],
    [['options', '-c role\\=x'], 'startup-setting-not-allowed'],
    [['role', 'postgres'], 'startup-setting-not-allowed'],
    [['replication', 'database'], 'replication-not-allowed'],
    [['USER', 'bob'], 'startup-setting-invalid'],
    [['user', 'bob'], 'startup-setting-invalid'],
  ] as const)('%s is refused', (pair, code) => {
    expect(governStartup([user, pair])).toMatchObject({ ok: false, problem: { code } });
  });

  test('client_encoding and standard strings are always stated, and protocol options go no further', () => {
    const outcome = governStartup([user, ['_pq_.x', '1']]);
    expect(outcome.ok && [...outcome.startup.parameters]).toEqual([
      ['user', 'ann'],
      ['client_encoding', 'UTF8'],
      ['standard_conforming_strings', 'on'],
    ]);
  });

  test('no message repeats a value', () => {
    const outcome = governStartup([user, ['role', 'canary']]);
    expect(JSON.stringify(outcome)).not.toContain('canary');
  });
});
