import { expect, test } from 'vitest';
import { backendTable } from '../../../src/wire/frame-table.js';
import { Framer } from '../../../src/wire/framer.js';

const row = (text: string): Buffer => {
  const frame = Buffer.alloc(5 + text.length);
  frame.write('D', 'latin1');
  frame.writeInt32BE(4 + text.length, 1);
  frame.write(text, 5, 'latin1');
  return frame;
};

/** A row that must wait is shown neither early nor twice, wherever the bytes are cut. */
test.each([1, 2, 3, 4, 5, 6, 7, 8, 100])('a metered message waits, in chunks of %i bytes', (size) => {
  const stream = Buffer.concat(['a', 'bb', '', 'cccc', 'd'].map(row));
  const framer = new Framer(backendTable({ interest: [], maxInterestingBytes: 100, metered: ['data-row'] }));
  const out: Buffer[] = [];
  let asked = 0;
  let credit = 0;
  let refused = 0;
  const sink = {
    bytes: (bytes: Buffer) => void out.push(Buffer.from(bytes)),
    oversized: () => [],
    message: () => 'drop' as const,
    allows: () => {
      asked++;
      if (credit === 0) return 'wait' as const;
      credit--;
      // The third row goes nowhere.
      return ++refused !== 3;
    },
  };
  const resume = (): void => {
    while (framer.held) {
      const before = Buffer.concat(out).length;
      expect(framer.resume(sink)).toBe(false);
      expect(Buffer.concat(out).length).toBe(before);
      credit = 1;
      framer.resume(sink);
    }
  };
  for (let at = 0; at < stream.length; at += size) {
    framer.push(stream.subarray(at, at + size), sink);
    // Bytes that come while it waits are kept behind it.
    if (at % 3 === 0) resume();
  }
  resume();
  expect(Buffer.concat(out)).toEqual(Buffer.concat(['a', 'bb', 'cccc', 'd'].map(row)));
  expect(framer.held).toBe(false);
  expect(asked).toBeGreaterThanOrEqual(10);
  expect(framer.bufferedBytes).toBe(0);
});
