import { describe, expect, test } from 'vitest';
import {
  afterCommit,
  afterEffect,
  afterRollback,
  isDirty,
  loginSettings,
  type SessionSettings,
} from '../../../src/enforce/session-settings.js';
import type { SessionEffect } from '../../../src/enforce/types.js';

type Step = SessionEffect | 'commit' | 'rollback' | 'failed-commit';

const set = (role: string | undefined, local = false): Step => ({
  kind: 'set',
  changes: [{ setting: 'role', value: role, local }],
});
const path = (value: string[] | undefined, local = false): Step => ({
  kind: 'set',
  changes: [{ setting: 'path', value, local }],
});
const transaction = (what: Extract<SessionEffect, { kind: 'transaction' }>['what'], name?: string): Step => ({
  kind: 'transaction',
  what,
  name,
});
const all: Step = { kind: 'set', changes: [{ setting: 'all' }] };

function after(steps: readonly Step[]): SessionSettings {
  return steps.reduce<SessionSettings>(
    (settings, step) => {
      if (step === 'commit') return afterCommit(settings);
      if (step === 'rollback') return afterRollback(settings);
      if (step === 'failed-commit')
        return afterEffect(settings, { kind: 'transaction', what: 'commit' }, true);
      return afterEffect(settings, step);
    },
    loginSettings({ path: ['login'], role: 'first' }),
  );
}

describe('settings through transactions, as guc.c keeps them', () => {
  test.each<[string, readonly Step[], string | undefined]>([
    ['SET lasts after COMMIT', [set('a'), 'commit', 'rollback'], 'a'],
    ['SET goes at ROLLBACK', [set('a'), 'commit', set('b'), 'rollback'], 'a'],
    ['COMMIT of a failed transaction is a rollback', [set('a'), 'failed-commit'], 'first'],
    ['SET LOCAL ends with the transaction', [set('a', true), 'commit'], 'first'],
    ['SET overrides SET LOCAL', [set('a', true), set('b'), 'commit'], 'b'],
    ['SET LOCAL covers SET until the end', [set('a'), set('b', true)], 'b'],
    ['and then SET stays', [set('a'), set('b', true), 'commit'], 'a'],
    ['RESET goes back to the log-in', [set('a'), 'commit', set(undefined)], 'first'],
    ['RESET ALL too, and over SET LOCAL', [set('a', true), all], 'first'],
    ['RESET ALL is rolled back as any SET', [set('a'), 'commit', all, 'rollback'], 'a'],
    ['DISCARD ALL is for good', [set('a'), { kind: 'discard-all' }, 'rollback'], 'first'],
    [
      'ROLLBACK TO goes back to the newest savepoint of that name',
      [
        transaction('savepoint', 's'),
        set('a', true),
        transaction('savepoint', 's'),
        set('b', true),
        transaction('rollback-to', 's'),
      ],
      'a',
    ],
    [
      'and keeps it',
      [
        transaction('savepoint', 's'),
        set('a'),
        transaction('rollback-to', 's'),
        set('b'),
        transaction('rollback-to', 's'),
      ],
      'first',
    ],
    ['RELEASE keeps settings', [transaction('savepoint', 's'), set('a'), transaction('release', 's')], 'a'],
    ['an unknown savepoint changes nothing', [set('a'), transaction('rollback-to', 'x')], 'a'],
    [
      'savepoints end with their transaction',
      [transaction('savepoint', 's'), 'commit', set('a'), transaction('rollback-to', 's')],
      'a',
    ],
  ])('%s', (_name, steps, expected) => {
    expect(after(steps).current.role).toBe(expected);
  });

  test('each setting has its own level', () => {
    const { current } = after([set('a', true), path(['p']), 'commit']);
    expect(current).toEqual({ role: 'first', path: ['p'] });
  });

  test('only what a rollback or the end would change is dirty', () => {
    const dirty = (...steps: Step[]): boolean => isDirty(after(steps));
    expect([dirty(), dirty(set('a')), dirty(set('a'), 'commit')]).toEqual([false, true, false]);
    expect([dirty(set('a', true)), dirty(set('a', true), 'commit')]).toEqual([true, false]);
  });
});
