import { describe, expect, test } from 'vitest';
import { scrubError } from '../../../src/guard/errors.js';
import { decodeBackend, encodeBackend } from '../../../src/wire/backend-message.js';

const canary = 'canary-4711';

function scrubbed(
  kind: 'error-response' | 'notice-response',
  fields: Record<string, string>,
): Record<string, string> {
  const message = decodeBackend(scrubError(encodeBackend({ kind, fields: Object.entries(fields) })));
  if (message.kind !== kind) throw new Error(`became a ${message.kind}`);
  return Object.fromEntries(message.fields);
}

describe('errors of governed sessions carry no value', () => {
  test.each([
    '22P02',
    '22012',
    '23505',
    '23514',
    'P0001',
    '38000',
    '44000',
    'XX000',
    'HV000',
    '99999',
    '21000',
    '01004',
  ])('the message of %s is replaced, its names stay', (code) => {
    const all = Object.fromEntries('DHPpqWFLR'.split('').map((letter) => [letter, canary]));
    const result = scrubbed('error-response', {
      S: 'ERROR',
      V: 'ERROR',
      C: code,
      M: canary,
      n: 'pk',
      t: 'customers',
      ...all,
    });
    expect(JSON.stringify(result)).not.toContain(canary);
    expect(result).toMatchObject({ S: 'ERROR', V: 'ERROR', C: code, n: 'pk', t: 'customers' });
    expect(result['M']).toMatch(/^pgveil: /);
  });

  test.each(['42703', '42501', '25P02', '57014', '40001', '0A000'])(
    'the message of %s holds names only and stays',
    (code) => {
      const result = scrubbed('error-response', {
        S: 'ERROR',
        C: code,
        M: 'column "x" does not exist',
        P: '8',
        D: canary,
      });
      expect(result).toEqual({ S: 'ERROR', C: code, M: 'column "x" does not exist' });
    },
  );

  test('RAISE with a harmless SQLSTATE is known by its source file, and its names go too', () => {
    const names = { s: canary, t: canary, c: canary, d: canary, n: canary };
    const result = scrubbed('error-response', {
      S: 'ERROR',
      C: '42501',
      M: canary,
      F: 'pl_exec.c',
      P: '1',
      ...names,
    });
    expect(JSON.stringify(result)).not.toContain(canary);
  });

  test.each([
    [
      'a statement that a function made up',
      { C: '42703', P: '3', W: 'PL/pgSQL function f() line 1', q: canary },
    ],
    ['a foreign server', { C: '42P01', P: '3', W: 'remote SQL command: x' }],
    ['a function given a text it cannot read', { C: '42601' }],
    ['a cast to regclass', { C: '42P01' }],
  ])('the message of an error from inside is replaced: %s', (_name, fields) => {
    const result = scrubbed('error-response', { S: 'ERROR', M: canary, ...fields });
    expect(JSON.stringify(result)).not.toContain(canary);
  });

  test('RAISE NOTICE and RAISE WARNING are replaced, other notices stay', () => {
    expect(scrubbed('notice-response', { S: 'NOTICE', C: '00000', M: canary })['M']).toMatch(
      /^pgveil: notice/,
    );
    expect(scrubbed('notice-response', { S: 'WARNING', C: '01000', M: canary })['M']).not.toContain(canary);
    expect(
      scrubbed('notice-response', { S: 'NOTICE', C: '42P07', M: 'relation "x" already exists, skipping' })[
        'M'
      ],
    ).toContain('skipping');
  });
});
