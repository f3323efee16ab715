import serialize from 'canonicalize';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CHAIN_START, seal } from '../../../src/audit/chain.js';
import { eventSource, statementEvent } from '../../../src/audit/event.js';
import { isSurelyCanonical } from '../../../src/audit/verify/canonical-scan.js';
import { checkEvent } from '../../../src/audit/verify/check-event.js';
import { session, statement, success } from './samples.js';

const event = seal(
  statementEvent(eventSource('i1', '0'), 'u', 1, statement({ tags: { action: 'x' } }), success),
  1,
  CHAIN_START,
).json;
const ascii = seal(
  statementEvent(
    eventSource('i1', '0'),
    'u',
    1,
    statement({ facts: undefined, tags: {}, session: { ...session, applicationName: 'a "b" \\ é\n' } }),
    success,
  ),
  1,
  CHAIN_START,
).json;

/** A text in which some bytes stand twice, are gone, or are others. */
const mangled = fc
  .tuple(
    fc.oneof(fc.json(), fc.constantFrom(event, ascii, '{"a":1,"b":{"a":"\\n","ab":[{"a":0},{"a":-1.5}]}}')),
    fc.array(
      fc.tuple(fc.nat(), fc.nat(2), fc.constantFrom(...' {}[]":,\\/u0123e.-+Ea\ud83d\ude00'.split(''))),
      { maxLength: 2 },
    ),
  )
  .map(([text, changes]) =>
    changes.reduce((now, [where, gone, put]) => {
      const at = where % (now.length + 1);
      return now.slice(0, at) + put + now.slice(at + gone);
    }, text),
  );

describe('the look at the bytes of an event', () => {
  it('takes nothing for canonical that is not', () => {
    fc.assert(
      fc.property(mangled, (text) => {
        const bytes = Buffer.from(text);
        let value: unknown;
        try {
          value = JSON.parse(bytes.toString());
        } catch {
          return;
        }
        if (isSurelyCanonical(bytes)) expect(bytes.toString()).toBe(serialize(value));
      }),
      { numRuns: 3_000 },
    );
  });

  it('knows the events that pgveil writes, or all would be written anew', () => {
    expect(isSurelyCanonical(Buffer.from(ascii))).toBe(true);
  });

  it.each([
    ['a space', '{"a": 1}'],
    ['a line end', '{"a":1}\n'],
    ['keys in another order', '{"b":1,"a":2}'],
    ['a key twice', '{"a":1,"a":2}'],
    ['a key twice around another object', '{"a":{"z":1},"a":2}'],
    ['a prefix behind its key', '{"ab":1,"a":2}'],
    ['a slash escaped', '{"a":"\\/"}'],
    ['a letter escaped', '{"a":"\\u0061"}'],
    ['a line end escaped by its number', '{"a":"\\u000a"}'],
    ['a key escaped', '{"\\u0061":1}'],
    ['an exponent', '{"a":1e2}'],
    ['a fraction of zero', '{"a":1.0}'],
    ['minus zero', '{"a":-0}'],
    ['more digits than a number has', '{"a":12345678901234567891}'],
  ])('does not take %s', (_, text) => {
    expect(isSurelyCanonical(Buffer.from(text))).toBe(false);
  });
});

describe('a stored event by itself', () => {
  it.each([
    ['objects', '{"a":', '}'],
    ['lists', '[', ']'],
  ])('stops no verification by %s nested without an end', (_, open, close) => {
    const nested = `${open.repeat(200_000)}1${close.repeat(200_000)}`;
    const text = event.replace('"tags":{"action":"x"}', `"tags":${nested}`);
    const check = checkEvent(Buffer.from(text));
    expect('differs' in check ? check.differs : check.message).toMatch(/changed|nested deeper/);
  });
});
