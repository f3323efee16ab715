/** Command tags, byte strings and error fields. */
import { describe, expect, it } from 'vitest';
import { fromByteString, toByteString } from '../../../src/wire/byte-string.js';
import { parseCommandTag } from '../../../src/wire/command-tag.js';
import { errorField } from '../../../src/wire/messages/error-response.js';

describe('parseCommandTag', () => {
  it.each([
    ['INSERT 0 5', 'INSERT', 5],
    ['SELECT 10', 'SELECT', 10],
    ['SELECT 0', 'SELECT', 0],
    ['COPY 3', 'COPY', 3],
    ['FETCH 7', 'FETCH', 7],
    ['MERGE 2', 'MERGE', 2],
    ['BEGIN', 'BEGIN', undefined],
    ['CREATE TABLE', 'CREATE TABLE', undefined],
    ['CREATE TABLE AS', 'CREATE TABLE AS', undefined],
    ['DISCARD ALL', 'DISCARD ALL', undefined],
    ['', '', undefined],
    ['5', '5', undefined],
  ])('reads "%s"', (tag, command, rows) => {
    expect(parseCommandTag(tag)).toEqual({ command, rows });
  });
});

describe('byte strings', () => {
  it('hold the UTF-8 bytes of text, one character a byte', () => {
    expect(toByteString('é')).toBe('\u00c3\u00a9');
    expect(fromByteString(toByteString('Grüße 🙂'))).toBe('Grüße 🙂');
  });
});

describe('errorField', () => {
  const message = {
    kind: 'error-response',
    fields: [
      ['C', '22012'],
      ['M', toByteString('Division durch Null für alle')],
      ['?', 'unknown to us'],
    ],
  } as const;

  it('finds a field by its code and decodes it for people', () => {
    expect(errorField(message, 'C')).toBe('22012');
    expect(errorField(message, 'M')).toBe('Division durch Null für alle');
    expect(errorField(message, 'D')).toBeUndefined();
  });
});
