import { describe, expect, test } from 'vitest';
import { characters, clientPosition } from '../../../src/guard/position.js';

const bytes = (text: string): string => Buffer.from(text).toString('latin1');

describe('a position in the text that was sent', () => {
  const client = bytes('SELECT ü, x FROM t');
  const sent = bytes('SELECT ü, x FROM (ours) AS t');
  const kept = [0, 0, 17, bytes('SELECT ü, x FROM (ours) AS ').length, 18, 1];

  test.each([
    [1, 1],
    [8, 8],
    [11, 11],
    [28, 18],
    [18, undefined],
    [22, undefined],
    [29, undefined],
    [0, undefined],
    [-1, undefined],
    [NaN, undefined],
    [1e9, undefined],
  ])("%j is %j in the client's", (position, expected) => {
    expect(clientPosition(position, sent, client, kept)).toBe(expected);
  });

  test('counts characters, not bytes', () => {
    expect(characters(bytes('aü€😀'))).toBe(4);
  });
});
