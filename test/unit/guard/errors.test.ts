import { describe, expect, test } from 'vitest';
import { scrubError, scrubNotice } from '../../../src/guard/errors.js';
import { decodeBackend, encodeBackend } from '../../../src/wire/backend-message.js';

const canary = 'canary-4711';

function scrubbed(
  kind: 'error-response' | 'notice-response',
  fields: Record<string, string>,
): Record<string, string> {
  const frame = encodeBackend({ kind, fields: Object.entries(fields) });
  const out = kind === 'error-response' ? scrubError(frame) : scrubNotice(frame);
  if (out === undefined) return {};
  const message = decodeBackend(out);
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
    const all = Object.fromEntries('DHPpqWLR'.split('').map((letter) => [letter, canary]));
    const result = scrubbed('error-response', {
      S: 'ERROR',
      V: 'ERROR',
      C: code,
      M: canary,
      F: 'execMain.c',
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

  test.each([
    [{ S: 'NOTICE', C: '00000', M: canary }],
    [{ S: 'WARNING', C: '01000', M: canary }],
    [{ S: 'NOTICE', C: '42P07', M: 'relation "x" already exists', F: 'pl_exec.c' }],
    [{ S: 'NOTICE', C: '42P07', M: 'relation "x" already exists', W: 'SQL function "f"' }],
    [{ S: 'LOG', V: 'LOG', C: '42P07', M: 'duration' }],
    [{ S: 'DEBUG1', V: 'DEBUG1', C: '42P07', M: 'x' }],
  ])('a notice that may carry a value goes nowhere, so that not even its coming tells: %j', (fields) => {
    expect(scrubbed('notice-response', fields)).toEqual({});
  });

  test('other notices stay', () => {
    const fields = { S: 'WARNING', V: 'WARNING', C: '25P01', M: 'there is no transaction in progress' };
    expect(scrubbed('notice-response', { ...fields, D: canary, F: 'xact.c' })).toEqual(fields);
  });

  test.each([
    ['22P02', `invalid input syntax for type integer: "${canary}"`, 'invalid input syntax for type integer'],
    ['22P02', 'invalid input syntax for type uuid: "a"b"', 'invalid input syntax for type uuid'],
    [
      '22001',
      'value too long for type character varying(200)',
      'value too long for type character varying(200)',
    ],
    ['22008', `date/time field value out of range: "${canary}"`, 'date/time field value out of range'],
    ['22012', 'division by zero', 'division by zero'],
    ['40P01', 'deadlock detected', 'deadlock detected'],
  ])('of %s what holds no value is kept, even from inside: %s', (code, message, kept) => {
    for (const more of [{}, { W: canary }]) {
      const result = scrubbed('error-response', {
        S: 'ERROR',
        C: code,
        M: message,
        F: 'numutils.c',
        ...more,
      });
      expect(result).toEqual({ S: 'ERROR', C: code, M: kept });
    }
  });

  test.each([
    ['23505', 'duplicate key value violates unique constraint "k"'],
    ['23514', 'new row for relation "t" violates check constraint "k"'],
    ['23502', 'null value in column "c" of relation "t" violates not-null constraint'],
    ['23503', 'insert or update on table "t" violates foreign key constraint "k"'],
    ['23503', 'update or delete on table "t" violates foreign key constraint "k" on table "u"'],
    ['23P01', 'conflicting key value violates exclusion constraint "k"'],
  ])('a constraint that is violated is told in the words of the server: %s %s', (code, message) => {
    const names = { n: 'k', t: 't', c: 'c' };
    const given = { S: 'ERROR', C: code, M: message, D: canary, F: 'nbtinsert.c', ...names };
    expect(scrubbed('error-response', given)).toEqual({ S: 'ERROR', C: code, M: message, ...names });
  });

  test.each([
    ['23505', `duplicate key value violates unique constraint "${canary}"`, { n: 'k' }],
    ['23514', `new row for relation "t" violates check constraint "${canary}"`, { t: 't', n: 'k' }],
    ['22P02', `invalid input syntax for type ${canary}`, {}],
    ['22003', `"${canary}" is out of range for type integer`, {}],
    ['22001', `value "${canary}" too long`, {}],
    ['0A000', `unit "${canary}" not supported for type date`, {}],
    ['54000', 'index row size 2816 exceeds btree version 4 maximum 2704 for index "i"', {}],
    ['08006', canary, {}],
  ])('what only looks like such a message is replaced: %s %s', (code, message, names) => {
    const result = scrubbed('error-response', { S: 'ERROR', C: code, M: message, ...names });
    expect(result['M']).toMatch(/^pgveil: /);
    expect(result['M']).not.toContain(canary);
  });

  test('RAISE that borrows the words of the server gives away no name', () => {
    const message = `duplicate key value violates unique constraint "${canary}"`;
    for (const file of ['pl_exec.c', 'plpy_elog.c', 'plperl.c', 'plv8.cc', 'lib.rs']) {
      const result = scrubbed('error-response', { S: 'ERROR', C: '23505', M: message, n: canary, F: file });
      expect(JSON.stringify(result)).not.toContain(canary);
    }
  });

  test.each(['plancache.c', 'planner.c'])('%s is a file of the server', (file) => {
    const fields = { S: 'ERROR', C: '0A000', M: 'cached plan must not change result type' };
    expect(scrubbed('error-response', { ...fields, F: file })).toEqual(fields);
  });

  test('a hint without a variable part stays, others go', () => {
    const hint =
      'No function matches the given name and argument types. You might need to add explicit type casts.';
    const fields = { S: 'ERROR', C: '42883', M: 'function f(integer) does not exist' };
    expect(scrubbed('error-response', { ...fields, P: '8', H: hint })).toEqual({ ...fields, H: hint });
    expect(scrubbed('error-response', { ...fields, P: '8', H: canary })).toEqual(fields);
  });
});
