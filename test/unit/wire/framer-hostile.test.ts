/** What a hostile or broken peer may send: it ends in ProtocolViolation, early, and costs no memory. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  backendTable,
  frontendTable,
  MAX_BACKEND_LENGTH,
  MAX_FRONTEND_LENGTH,
} from '../../../src/wire/frame-table.js';
import { Framer } from '../../../src/wire/framer.js';
import { ProtocolViolation } from '../../../src/wire/protocol-violation.js';
import { byteByByte, cut, frame, header, RecordingSink, run } from './framer-harness.js';

const LIMIT = 10_000;
const FIRST_ALLOCATION = 4096;
const frontend = frontendTable({
  interest: ['query', 'parse', 'sync'],
  maxInterestingBytes: LIMIT,
  discardOversized: ['query'],
});
const backend = backendTable({ interest: ['row-description'], maxInterestingBytes: LIMIT });

const hostile: [string, typeof frontend, Buffer, string][] = [
  ...[0, 1, 2, 3, -1, -0x80000000].flatMap((length): [string, typeof frontend, Buffer, string][] => [
    [`length ${length} hopped over`, frontend, header('H', length), `message length ${length} is below 4`],
    [`length ${length} of interest`, frontend, header('P', length), `message length ${length} is below 4`],
    [
      `length ${length} that may be discarded`,
      frontend,
      header('Q', length),
      `message length ${length} is below 4`,
    ],
  ]),
  ['one above the cap', frontend, header('d', MAX_FRONTEND_LENGTH + 1), 'above the limit of 1073741822'],
  [
    'one above the cap, discardable',
    frontend,
    header('Q', MAX_FRONTEND_LENGTH + 1),
    'above the limit of 1073741822',
  ],
  ['the largest length there is', frontend, header('d', 0x7fffffff), 'above the limit of 1073741822'],
  [
    'one above the server’s cap',
    backend,
    header('D', MAX_BACKEND_LENGTH + 1),
    'above the limit of 1073741827',
  ],
  [
    'a Parse one byte too long',
    frontend,
    header('P', LIMIT + 5),
    `has ${LIMIT + 1} bytes, above its limit of ${LIMIT}`,
  ],
  ['an unknown type', frontend, header('!', 4), 'unknown frontend message type 33'],
  ['type 0', frontend, header('\0', 4), 'unknown frontend message type 0'],
  ['a server’s message from a client', frontend, header('Z', 5), 'unknown frontend message type 90'],
  ['a client’s message from a server', backend, header('Q', 5), 'unknown backend message type 81'],
];

describe('a header that cannot be', () => {
  it.each(hostile)('%s', (_what, table, bytes, problem) => {
    const good = table === frontend ? frame('H') : frame('D', '\0\0');
    const stream = Buffer.concat([good, bytes, Buffer.alloc(50_000, 0x20)]);
    for (const pieces of [[stream], byteByByte(stream.subarray(0, 100)), cut(stream, [3, 6, 8])]) {
      const transcript = run(table, pieces);
      expect(transcript.violation).toContain(problem);
      expect(transcript.output).toEqual(good);
      expect(transcript.mostBuffered).toBeLessThanOrEqual(5);
    }
  });

  it('an unknown type is refused from its first byte', () => {
    expect(() => new Framer(frontend).push(Buffer.from('!'), new RecordingSink())).toThrow(ProtocolViolation);
  });

  it('the violation is final', () => {
    const framer = new Framer(frontend);
    const sink = new RecordingSink();
    expect(() => framer.push(header('!', 4), sink)).toThrow(ProtocolViolation);
    expect(() => framer.push(frame('S'), sink)).toThrow(ProtocolViolation);
    expect(() => framer.resume(sink)).toThrow(ProtocolViolation);
    expect(sink.written).toEqual([]);
  });
});

describe('memory', () => {
  it('a message that is only declared costs one small buffer', () => {
    const { mostBuffered } = run(frontend, [header('P', LIMIT + 4)]);
    expect(mostBuffered).toBeLessThanOrEqual(FIRST_ALLOCATION);
  });

  it('an interesting message never takes more than its limit', () => {
    const stream = frame('P', Buffer.alloc(LIMIT, 0x20));
    const { mostBuffered, shown } = run(frontend, byteByByte(stream));
    expect(shown).toHaveLength(1);
    expect(mostBuffered).toBe(LIMIT + 5);
  });

  it('a 1 GiB row is accepted and nothing of it kept', () => {
    const framer = new Framer(backend);
    framer.push(header('D', MAX_BACKEND_LENGTH), new RecordingSink());
    expect(framer.bufferedBytes).toBe(0);
    expect(framer.midMessage).toBe(true);
  });
});

describe('an oversized message that may be discarded', () => {
  const large = frame('Q', Buffer.alloc(3 * LIMIT, 0x20));
  const stream = Buffer.concat([frame('S'), large, frame('S')]);
  const expected = Buffer.concat([frame('S'), Buffer.from(`<oversized 81 ${3 * LIMIT}>`), frame('S')]);

  it.each([
    ['whole', [stream]],
    ['byte by byte', byteByByte(stream)],
    ['in blocks', cut(stream, [2, 7, 11, 4000, 20_000, 30_012])],
  ])('is reported once, never shown or kept, and what follows is read: %s', (_how, pieces) => {
    const transcript = run(frontend, pieces);
    expect(transcript.oversized).toEqual([[0x51, 3 * LIMIT]]);
    expect(transcript.output.equals(expected)).toBe(true);
    expect(transcript.shown).toHaveLength(2);
    expect(transcript.mostBuffered).toBeLessThanOrEqual(5);
  });

  it('a body of exactly the limit is shown', () => {
    const { shown, oversized } = run(frontend, [frame('Q', Buffer.alloc(LIMIT, 0x20))]);
    expect(shown).toHaveLength(1);
    expect(oversized).toEqual([]);
  });
});

describe('random bytes', () => {
  it('give the same output and the same violation however they are cut', () => {
    const types = fc.constantFrom(...Array.from('QPSHBEDCXdcfp!Z'));
    const lengths = fc.oneof(fc.integer({ min: 0, max: 30 }), fc.integer());
    const junk = fc.tuple(types, lengths, fc.uint8Array({ maxLength: 20 })).map(([type, length, body]) => {
      const nearlyRight = body.length % 3 === 0 ? length : body.length + 4;
      return Buffer.concat([header(type, nearlyRight), body]);
    });
    const property = fc.property(
      fc.array(junk, { maxLength: 6 }),
      fc.array(fc.nat({ max: 200 })),
      (parts, offsets) => {
        const stream = Buffer.concat(parts);
        const expected = run(frontend, [stream]);
        for (const pieces of [byteByByte(stream), cut(stream, offsets)]) {
          const other = run(frontend, pieces);
          expect(other.mostBuffered).toBeLessThanOrEqual(LIMIT + 5);
          expect({ ...other, mostBuffered: 0 }).toEqual({ ...expected, mostBuffered: 0 });
        }
      },
    );
    fc.assert(property, { numRuns: 500 });
  });
});
