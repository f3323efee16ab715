import { describe, expect, it } from 'vitest';
import type { SubjectPlan } from '../../../src/enforce/types.js';
import { SubjectTally } from '../../../src/guard/subject-tally.js';
import { encodeBackend } from '../../../src/wire/backend-message.js';
import { backendTable } from '../../../src/wire/frame-table.js';
import { Framer } from '../../../src/wire/framer.js';
import { cut, byteByByte } from '../wire/framer-harness.js';

const plan: SubjectPlan = {
  outputs: [
    { position: 1, kind: 'number', typeOid: 23 },
    { position: 3, kind: 'text', typeOid: 25 },
  ],
  fields: 4,
  complete: true,
};
const table = backendTable({ interest: [], maxInterestingBytes: 0, tapped: ['data-row', 'copy-data'] });

function row(...values: (string | null)[]): Buffer {
  return encodeBackend({
    kind: 'data-row',
    values: values.map((value) => (value === null ? null : Buffer.from(value))),
  });
}

function fed(pieces: readonly Buffer[], own: SubjectPlan = plan, limit = 1000): SubjectTally {
  const tally = new SubjectTally(own, { limit, mark: (key) => key });
  const framer = new Framer(table);
  for (const piece of pieces)
    framer.push(Buffer.from(piece), {
      bytes: () => undefined,
      message: () => 'pass',
      oversized: () => [],
      tap: (...args) => tally.row(...args),
    });
  return tally;
}

describe('the tally of the data subjects in rows', () => {
  const rows = Buffer.concat([row('x', '1', '', 'ada'), row(null, '2', 'y', null), row('', '1', '', '')]);
  const whole = { hmacs: ['1', 'ada', '2', ''], truncated: false };

  it('is the same wherever the rows are cut', () => {
    expect(fed([rows]).found('success', 3)).toEqual(whole);
    expect(fed(byteByByte(rows)).found('success', 3)).toEqual(whole);
    for (let at = 1; at < rows.length; at++) expect(fed(cut(rows, [at])).found('success', 3)).toEqual(whole);
  });

  it('is the same wherever the rows of a COPY are cut', () => {
    const copied = Buffer.concat(
      ['x\t1\t\tada\n', '\\N\t2\ty\t\\N\n', '\t1\t\t\n'].map((line) =>
        encodeBackend({ kind: 'copy-data', data: Buffer.from(line) }),
      ),
    );
    const copy = {
      format: 'text',
      header: false,
      delimiter: '\t',
      null: '\\N',
      quote: '"',
      escape: '"',
    } as const;
    for (let at = 0; at < copied.length; at++)
      expect(fed(cut(copied, [at]), { ...plan, copy }).found('success', 3)).toEqual(whole);
  });

  it('names whose key has passed when the connection ends inside the row, and says that there may be more', () => {
    const second = rows.subarray(0, row('x', '1', '', 'ada').length);
    // Behind the first key, in front of the second.
    const begun = second.subarray(0, second.length - 5);
    expect(fed([begun]).found('interrupted', 1)).toEqual({ hmacs: ['1'], truncated: true });
    expect(fed([second.subarray(0, 8)]).found('interrupted', 1)).toBeUndefined();
    expect(fed([second, begun]).found('interrupted', 2)).toEqual({ hmacs: ['1', 'ada'], truncated: true });
  });

  it('does not say nobody, or nobody else, of rows that it has not seen', () => {
    expect(fed([]).found('success', 0)).toEqual({ hmacs: [], truncated: false });
    expect(fed([]).found('success', 1)).toBeUndefined();
    expect(fed([row('x', '1', '', 'ada')]).found('success', 2)).toEqual({
      hmacs: ['1', 'ada'],
      truncated: true,
    });
  });

  it('may not be all where the statement failed behind rows, over one that nobody saw', () => {
    expect(fed([row('', '1', '', null)]).found('failure', 1)).toEqual({ hmacs: ['1'], truncated: true });
    expect(fed([row('', '1', '', null)]).found('refused', 1)).toEqual({ hmacs: ['1'], truncated: false });
  });

  it.each([
    [1, ['1'], true],
    [3, ['1', 'ada', '2'], true],
    [4, ['1', 'ada', '2', ''], false],
  ])('holds no more than %i, and is cut off only where one is missing', (limit, hmacs, truncated) => {
    expect(fed([rows], plan, limit).found('success', 3)).toEqual({ hmacs, truncated });
  });

  it('tells short fields apart whose bytes are alike', () => {
    const keys = ['\0', '\0\0', '', '1', '01', '\u{1}', '123456', '1234567', '3456', '\u00ff', '\u00ff\0'];
    const one = { ...plan, outputs: [{ position: 0, kind: 'text', typeOid: 25 }], fields: 1 } as const;
    expect(
      fed(
        keys.map((key) => row(key)),
        one,
      ).found('success', keys.length)?.hmacs,
    ).toEqual(keys);
  });
});
