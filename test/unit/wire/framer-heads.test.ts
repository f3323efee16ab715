import { describe, expect, it } from 'vitest';
import { backendTable } from '../../../src/wire/frame-table.js';
import { Framer, type Verdict } from '../../../src/wire/framer.js';
import { byteByByte, RecordingSink } from './framer-harness.js';

const HEAD = 20;
const table = backendTable({
  interest: ['error-response', 'ready-for-query'],
  maxInterestingBytes: 100,
  heads: { 'error-response': HEAD },
});

function message(letter: string, bytes: number): Buffer {
  const frame = Buffer.alloc(5 + bytes, letter.charCodeAt(0));
  frame.writeInt32BE(4 + bytes, 1);
  return frame;
}

const ready = message('Z', 1);
const stream = Buffer.concat([
  message('E', HEAD),
  ready,
  message('E', HEAD + 1),
  message('D', 3),
  message('E', 500),
  ready,
  message('E', 0),
  ready,
]);
const ways: [string, Buffer[]][] = [
  ['whole', [stream]],
  ['byte by byte', byteByByte(stream)],
  ...[3, 7, 24, 25, 26, 100].map((size): [string, Buffer[]] => [
    `in pieces of ${size}`,
    Array.from({ length: Math.ceil(stream.length / size) }, (_, n) =>
      stream.subarray(n * size, (n + 1) * size),
    ),
  ]),
];

describe.each(ways)('messages of which the head alone is shown, %s', (_way, pieces) => {
  function work(verdictOf: (type: number, nth: number) => Verdict): RecordingSink & { most: number } {
    const framer = new Framer(table);
    let holds = 0;
    const sink = new RecordingSink((type, _frame, nth) => {
      const verdict = verdictOf(type, nth);
      return verdict === 'pass' && holds++ % 3 === 1 ? 'hold' : verdict;
    });
    let most = 0;
    for (const piece of pieces) {
      framer.push(piece, sink);
      while (framer.held) framer.resume(sink);
      most = Math.max(most, framer.bufferedBytes);
    }
    return Object.assign(sink, { most });
  }

  it('go on as they came, and no more than their heads is kept', () => {
    const sink = work(() => 'pass');
    expect(Buffer.concat(sink.written).equals(stream)).toBe(true);
    expect(sink.shown.map((one) => `${one[0]}${one.length - 5}`)).toEqual([
      'E20',
      'Z1',
      'E20',
      'E20',
      'Z1',
      'E0',
      'Z1',
    ]);
    // The first allocation of what is put together.
    expect(sink.most).toBeLessThanOrEqual(HEAD + 5);
  });

  it('go nowhere as a whole when their head goes nowhere', () => {
    const sink = work((type) => (type === 0x45 ? 'drop' : 'pass'));
    expect(Buffer.concat(sink.written).equals(Buffer.concat([ready, message('D', 3), ready, ready]))).toBe(
      true,
    );
  });

  it('are replaced as a whole', () => {
    const sink = work((type) => (type === 0x45 ? [Buffer.from('!')] : 'pass'));
    const text = Buffer.concat(sink.written).toString('latin1').replaceAll(ready.toString('latin1'), 'z');
    expect(text.replace(message('D', 3).toString('latin1'), 'd')).toBe('!z!d!z!z');
  });
});

it('tells that a part of a message has gone on', () => {
  const framer = new Framer(table);
  const sink = new RecordingSink();
  framer.push(message('E', 500).subarray(0, 24), sink);
  expect(framer.midStream).toBe(false);
  framer.push(message('E', 500).subarray(24, 30), sink);
  expect(framer.midStream).toBe(true);
  framer.push(message('E', 500).subarray(30), sink);
  expect(framer.midStream).toBe(false);
});

it('refuses heads of what is not shown', () => {
  expect(() => backendTable({ interest: [], maxInterestingBytes: 1, heads: { 'data-row': 5 } })).toThrow();
});
