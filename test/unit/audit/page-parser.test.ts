/** The reply to XRANGE is the same entries, in whatever pieces it comes, and nothing else is taken for one. */
import { expect, it } from 'vitest';
import { PageParser } from '../../../src/audit/read/page-parser.js';

const bulk = (text: string): string => `$${Buffer.byteLength(text)}\r\n${text}\r\n`;
const entry = (id: string, ...fields: string[]): string =>
  `*2\r\n${bulk(id)}*${fields.length}\r\n${fields.map(bulk).join('')}`;
const entries = [
  ['1700-0', 'uid', 'a', 'event', '{"x":"ü\r\n$5\r\n*2\r\n"}'],
  ['1700-1', 'uid', '', 'event', 'x'.repeat(120)],
  ['1700-2'],
] as const;
const reply = Buffer.from(`*3\r\n${entries.map(([id, ...fields]) => entry(id, ...fields)).join('')}`);

function parsed(pieces: readonly Buffer[]): unknown {
  const parser = new PageParser();
  for (const [index, piece] of pieces.entries()) {
    expect([index, parser.page]).toEqual([index, undefined]);
    parser.add(piece);
  }
  return parser.page?.map(([id, fields]) => [String(id), ...fields.map(String)]);
}

it('cut in two, wherever that is', () => {
  for (let at = 1; at < reply.length; at++)
    expect([at, parsed([reply.subarray(0, at), reply.subarray(at)])]).toEqual([at, entries]);
});

it.each([1, 2, 3, 7, 64, 10_000])('in pieces of %d bytes', (size) => {
  const pieces = [];
  for (let at = 0; at < reply.length; at += size) pieces.push(reply.subarray(at, at + size));
  expect(parsed(pieces)).toEqual(entries);
});

it('without an entry', () => {
  expect(parsed([Buffer.from('*0\r\n')])).toEqual([]);
});

it.each<[string, string]>([
  ['an error', '-ERR no\r\n'],
  ['strings alone', '*1\r\n$1\r\na\r\n'],
  ['a list of nothing', '*-1\r\n'],
  ['nothing in an entry', '*1\r\n*2\r\n$-1\r\n'],
  ['a length without an end', `*1${'1'.repeat(40)}`],
  ['a line without its end', '*1\rx'],
  ['more than was asked for', '*0\r\n+OK\r\n'],
])('%s is refused', (_, text) => {
  expect(() => parsed([Buffer.from(text)])).toThrow('Redis has sent');
});
