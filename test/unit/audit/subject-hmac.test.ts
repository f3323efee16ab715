import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { canonicalKey, canonicalSpellings, subjectHmac } from '../../../src/audit/subject-hmac.js';

const key = randomBytes(32);

describe('the spelling of a subject key', () => {
  it.each([
    ['42', 'number', '42'],
    ['042', 'number', '42'],
    ['+42', 'number', '42'],
    ['42.00', 'number', '42'],
    ['42.50', 'number', '42.5'],
    ['.5', 'number', '0.5'],
    ['-7', 'number', '-7'],
    ['-0', 'number', '0'],
    ['0.000', 'number', '0'],
    ['100', 'number', '100'],
    ['9007199254740993', 'number', '9007199254740993'],
    ['NaN', 'number', 'NaN'],
    ['-Infinity', 'number', '-Infinity'],
    ['A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11', 'uuid', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'],
    ['042', 'text', '042'],
    ['Ab ', 'text', 'Ab '],
    ['Ab  ', 'bpchar', 'Ab'],
    ['\\xDEad', 'bytea', '\\xdead'],
    ['a\\\\b\\001', 'bytea', '\\x615c6201'],
    ['x', 'other', 'x'],
  ] as const)('of %j as %s is %j', (text, kind, spelled) => {
    expect(canonicalKey(text, kind)).toBe(spelled);
  });

  it('makes one HMAC of one key and others of others', () => {
    const of = (text: string, kind: 'number' | 'text'): string => subjectHmac(key, canonicalKey(text, kind));
    expect(of('42', 'number')).toBe(of('42.0', 'number'));
    expect(of('42', 'number')).toBe(of('42', 'text'));
    expect(of('42', 'number')).not.toBe(of('43', 'number'));
    expect(of('42', 'number')).toMatch(/^[\w-]{22}$/);
    expect(subjectHmac(randomBytes(32), '42')).not.toBe(of('42', 'number'));
  });

  it.each([
    ['42', ['42']],
    ['007', ['007', '7']],
    [
      'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11',
      ['A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'],
    ],
    [
      '{A0EEBC999C0B4EF8BB6D6BB9BD380A11}',
      ['{A0EEBC999C0B4EF8BB6D6BB9BD380A11}', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'],
    ],
    ['ann', ['ann']],
    ['ann  ', ['ann  ', 'ann']],
    ['.', ['.']],
  ])('typed as %j is looked for as %j', (typed, spellings) => {
    expect(canonicalSpellings(typed)).toEqual(spellings);
  });
});
