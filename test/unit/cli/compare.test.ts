import { describe, expect, it } from 'vitest';
import { findings, valueEquals, type Actual } from '../../../src/cli/policy-test/compare.js';

const result = (
  rows: (string | null)[][],
  extra: Partial<Extract<Actual, { kind: 'result' }>> = {},
): Actual => ({
  kind: 'result',
  result: { columns: ['a', 'b'], rows },
  rowCount: rows.length,
  outputs: [
    { name: 'a', exposure: 'clear' },
    { name: 'b', exposure: 'masked', mask: 'email', label: 'contact.email' },
  ],
  reference: undefined,
  ...extra,
});

describe('values of a test file against the server’s text', () => {
  it.each<[unknown, string | null, boolean]>([
    [null, null, true],
    [null, '', false],
    ['', null, false],
    ['x', 'x', true],
    [34.4, '34.40', true],
    [0, '', false],
    ['34.4', '34.40', false],
    [true, 't', true],
    [false, 't', false],
    [{ b: 1, a: [2] }, '{"a": [2], "b": 1}', true],
    [{ a: 1 }, 'not json', false],
  ])('%j against %j: %s', (expected, actual, equal) => {
    expect(valueEquals(expected, actual)).toBe(equal);
  });
});

describe('expectations of a policy test', () => {
  it('hold when everything fits', () => {
    expect(
      findings(
        { rows: [[1, 'x']], row_count: 1, columns: { a: 'clear', b: 'masked' } },
        result([['1', 'x']]),
      ),
    ).toEqual([]);
  });
  it('name the row that differs', () => {
    expect(
      findings(
        {
          rows: [
            [1, 'x'],
            [2, 'y'],
          ],
        },
        result([
          ['1', 'x'],
          ['2', 'z'],
        ]),
      ),
    ).toEqual(['row 2: expected [2,"y"], got ["2","z"]']);
  });
  it('report a missing column and a wrong exposure', () => {
    expect(findings({ columns: { b: 'clear', c: 'masked' } }, result([]))).toEqual([
      'column "b": expected clear, got masked',
      'column "c" is not in the result: it has "a", "b"',
    ]);
  });
  it('compare with the reference of same_as', () => {
    const reference = { columns: ['x', 'y'], rows: [['1', 'q']] };
    expect(findings({ same_as: 'SELECT 1' }, result([['1', 'x']], { reference }))).toEqual([
      'row 1: expected ["1","q"], got ["1","x"]',
    ]);
  });
  it('want the SQLSTATE that came', () => {
    const refused: Actual = { kind: 'error', sqlstate: '42501', message: 'denied' };
    expect(findings({ error: '42501' }, refused)).toEqual([]);
    expect(findings({ error: '22012' }, refused)).toEqual(['expected error 22012, got error 42501: denied']);
    expect(findings({ row_count: 1 }, refused)).toEqual(['expected a result, got error 42501: denied']);
    expect(findings({ error: '42501' }, result([]))).toEqual([
      'expected error 42501, got a result of 0 rows',
    ]);
  });
});
