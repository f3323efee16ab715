/** The framer: the same outcome however the stream is cut, one range where nothing changes, and hold, drop, replace, stop. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeBackend } from '../../../src/wire/backend-message.js';
import type { Verdict } from '../../../src/wire/frame-sink.js';
import { backendTable, frontendTable } from '../../../src/wire/frame-table.js';
import { Framer } from '../../../src/wire/framer.js';
import { encodeFrontend } from '../../../src/wire/frontend-message.js';
import { anyBackend, anyFrontend } from './arbitraries.js';
import { byteByByte, cut, type Decide, frame, RecordingSink, run } from './framer-harness.js';

const backend = backendTable({
  interest: ['row-description', 'command-complete', 'error-response', 'ready-for-query', 'no-data'],
  maxInterestingBytes: 1 << 20,
});
const frontend = frontendTable({
  interest: ['query', 'parse', 'bind', 'execute', 'sync'],
  maxInterestingBytes: 1 << 20,
  limits: { query: 40 },
  discardOversized: ['query'],
});

const row = frame('D', '\0\x01\0\0\0\x01x');
const result = [frame('T', '\0\0'), row, row, row, frame('C', 'SELECT 3\0'), frame('Z', 'I')];

/** A verdict by the message's place and content, the same in every run; some are held once or twice first. */
function scripted(seed: number): Decide {
  const heldFor = new Map<number, number>();
  return (type, shown, nth) => {
    const choice = (seed + nth * 7 + type + shown.length) % 9;
    if (choice >= 7) {
      const times = (heldFor.get(nth) ?? 0) + 1;
      heldFor.set(nth, times);
      if (times <= choice - 6) return 'hold';
      return choice === 7 ? 'pass' : [Buffer.from('held, then replaced')];
    }
    if (choice === 5) return 'drop';
    if (choice === 6) return [Buffer.from('replaced'), Buffer.alloc(0), Buffer.from(` by ${nth}`)];
    return 'pass';
  };
}

/** The plainest possible framer, to compare with. */
function model(frames: readonly Buffer[], shows: (frame: Buffer) => boolean, decide: Decide): Buffer {
  const output: Buffer[] = [];
  let nth = 0;
  for (const one of frames) {
    let verdict: Verdict = 'pass';
    if (one[0] === 0x51 && one.length - 5 > 40) verdict = [Buffer.from(`<oversized 81 ${one.length - 5}>`)];
    else if (shows(one)) {
      do verdict = decide(one[0]!, one, nth);
      while (verdict === 'hold');
      nth++;
    }
    if (verdict === 'pass') output.push(one);
    else if (typeof verdict === 'object') output.push(...verdict);
  }
  return Buffer.concat(output);
}

const directions = [
  ['frontend', frontend, anyFrontend.map(encodeFrontend)],
  ['backend', backend, anyBackend.map(encodeBackend)],
] as const;

describe('a stream cut anywhere', () => {
  it.each(directions)('%s: gives the same output, messages and counts', (_direction, table, frames) => {
    const cuts = fc.array(fc.nat({ max: 5000 }), { maxLength: 12 });
    const property = fc.property(
      fc.array(frames, { maxLength: 12 }),
      cuts,
      fc.nat(),
      (list, offsets, seed) => {
        const stream = Buffer.concat(list);
        const whole = run(table, [stream], scripted(seed));
        expect(whole.violation).toBeUndefined();
        const shows = (one: Buffer) => table.action[one[0]!]! > 1;
        expect(whole.output.equals(model(list, shows, scripted(seed)))).toBe(true);
        for (const pieces of [byteByByte(stream), cut(stream, offsets)]) {
          for (const resumeLate of [false, true]) {
            const other = run(table, pieces, scripted(seed), resumeLate);
            expect({ ...other, mostBuffered: 0 }).toEqual({ ...whole, mostBuffered: 0 });
          }
        }
      },
    );
    fc.assert(property, { numRuns: 150 });
  });

  it('counts each message once, also rows that are hopped over and messages held in between', () => {
    const stream = Buffer.concat([...result, ...result]);
    for (const pieces of [[stream], byteByByte(stream)]) {
      const { counts } = run(backend, pieces, scripted(3));
      expect(counts).toEqual({ T: 2, D: 6, C: 2, Z: 2 });
    }
  });

  it('counts start again when they are taken', () => {
    const framer = new Framer(backend);
    framer.push(Buffer.concat([row, row]), new RecordingSink());
    expect(framer.takeCount(0x44)).toBe(2);
    expect(framer.takeCount(0x44)).toBe(0);
  });
});

describe('forwarding', () => {
  it('INVARIANT(one-range): a chunk in which nothing changes goes on as itself, in one piece', () => {
    const chunk = Buffer.concat([...result, row.subarray(0, 9)]);
    const seen: Buffer[] = [];
    const sink = new RecordingSink();
    sink.bytes = (buffer) => void seen.push(buffer);
    new Framer(backend).push(chunk, sink);
    expect(sink.shown).toHaveLength(3);
    expect(seen).toHaveLength(1);
    expect(seen[0]).toBe(chunk);
  });

  it('INVARIANT(one-range): only a changed message splits a chunk, and what lies around it stays uncopied', () => {
    const chunk = Buffer.concat([...result, ...result]);
    const seen: Buffer[] = [];
    const replacement = frame('C', 'SELECT 4\0');
    const sink = new RecordingSink((type, _frame, nth) =>
      type === 0x43 && nth < 3 ? [replacement] : 'pass',
    );
    sink.bytes = (buffer) => void seen.push(buffer);
    new Framer(backend).push(chunk, sink);
    expect(seen).toHaveLength(3);
    expect(seen[0]!.buffer).toBe(chunk.buffer);
    expect(seen[1]).toBe(replacement);
    expect(seen[2]!.buffer).toBe(chunk.buffer);
  });

  it('INVARIANT(no-retained-chunk): a partial row streams on at once and nothing of it is kept', () => {
    const framer = new Framer(backend);
    const sink = new RecordingSink();
    const large = frame('D', Buffer.alloc(100_000, 7));
    framer.push(large.subarray(0, 50), sink);
    expect(Buffer.concat(sink.written)).toEqual(large.subarray(0, 50));
    expect(framer.bufferedBytes).toBe(0);
    expect(framer.midMessage).toBe(true);
    framer.push(large.subarray(50), sink);
    expect(Buffer.concat(sink.written).equals(large)).toBe(true);
    expect(framer.midMessage).toBe(false);
  });

  it('takes a plain Uint8Array that is a window on something larger', () => {
    const backing = new Uint8Array(64).fill(0xee);
    backing.set(result[5]!, 10);
    const sink = new RecordingSink();
    new Framer(backend).push(backing.subarray(10, 10 + result[5]!.length), sink);
    expect(Buffer.concat(sink.written)).toEqual(result[5]);
  });

  it('works on nothing at all', () => {
    const sink = new RecordingSink();
    expect(new Framer(backend).push(Buffer.alloc(0), sink)).toBe(true);
    expect(sink.written).toEqual([]);
  });
});

describe('hold', () => {
  it('keeps everything behind the held message until resume, in order, and says so', () => {
    const framer = new Framer(frontend);
    let answer: Verdict = 'hold';
    const sink = new RecordingSink((type) => (type === 0x51 ? answer : 'pass'));
    const stream = Buffer.concat([frame('H'), frame('Q', 'SELECT 1\0'), frame('S'), frame('H')]);
    expect(framer.push(stream, sink)).toBe(false);
    expect(framer.push(frame('X'), sink)).toBe(false);
    expect(Buffer.concat(sink.written)).toEqual(frame('H'));
    expect(framer.resume(sink)).toBe(false);
    expect(framer.held).toBe(true);
    answer = 'pass';
    expect(framer.resume(sink)).toBe(true);
    expect(Buffer.concat(sink.written).equals(Buffer.concat([stream, frame('X')]))).toBe(true);
    expect(framer.bufferedBytes).toBe(0);
    expect(framer.resume(sink)).toBe(true);
  });

  it('keeps the order of what came while messages were held, when it holds again in the middle of it', () => {
    const framer = new Framer(frontend);
    const heldOnce = new Set<number>();
    const sink = new RecordingSink((_type, _frame, nth) => {
      if (heldOnce.has(nth)) return 'pass';
      heldOnce.add(nth);
      return 'hold';
    });
    const query = (text: string) => frame('Q', `${text}\0`);
    const chunks = [query('a'), Buffer.concat([query('b'), query('c'), frame('H')]), query('d'), frame('X')];
    for (const chunk of chunks) framer.push(chunk, sink);
    let resumed = 0;
    for (; framer.held; resumed++) framer.resume(sink);
    expect(resumed).toBe(4);
    expect(Buffer.concat(sink.written).equals(Buffer.concat(chunks))).toBe(true);
  });

  it('resume meets a violation behind the held message as push would', () => {
    const framer = new Framer(frontend);
    let answer: Verdict = 'hold';
    const sink = new RecordingSink(() => answer);
    framer.push(Buffer.concat([frame('S'), frame('!')]), sink);
    answer = 'pass';
    expect(() => framer.resume(sink)).toThrow('unknown frontend message type 33');
    expect(Buffer.concat(sink.written)).toEqual(frame('S'));
  });
});

describe('stop', () => {
  it.each([
    ['whole', [Buffer.concat(result)]],
    ['byte by byte', byteByByte(Buffer.concat(result))],
  ])('lets through what came before and nothing from there on: %s', (_how, pieces) => {
    const { output } = run(backend, pieces, (type) => (type === 0x43 ? 'stop' : 'pass'));
    expect(output).toEqual(Buffer.concat(result.slice(0, 4)));
  });

  it('stops after a hold too, and lets go of what was kept', () => {
    const framer = new Framer(backend);
    let answer: Verdict = 'hold';
    const sink = new RecordingSink(() => answer);
    framer.push(Buffer.concat(result), sink);
    answer = 'stop';
    framer.resume(sink);
    expect(framer.stopped).toBe(true);
    expect(framer.bufferedBytes).toBe(0);
    framer.push(row, sink);
    expect(sink.written).toEqual([]);
  });
});

describe('changing the table', () => {
  it('counts from the message behind the one that is shown', () => {
    const framer = new Framer(backend);
    const rows = backendTable({ interest: ['data-row'], maxInterestingBytes: 100 });
    const sink = new RecordingSink((type) => {
      if (type === 0x54) framer.useTable(rows);
      return 'pass';
    });
    framer.push(Buffer.concat(result), sink);
    expect(sink.shown.map((shown) => shown[0]).join('')).toBe('TDDD');
  });

  it('refuses a table that contradicts itself', () => {
    expect(() =>
      frontendTable({ interest: [], maxInterestingBytes: 1, discardOversized: ['query'] }),
    ).toThrow();
    expect(() => frontendTable({ interest: [], maxInterestingBytes: 1, maxLength: 2 ** 31 })).toThrow();
  });
});

describe('a sink that misbehaves', () => {
  it('makes the framer unusable rather than losing or repeating bytes', () => {
    const framer = new Framer(backend);
    const sink = new RecordingSink(() => {
      throw new Error('a bug');
    });
    expect(() => framer.push(Buffer.concat(result), sink)).toThrow('a bug');
    expect(() => framer.push(row, new RecordingSink())).toThrow('used after the sink threw');
  });
});
