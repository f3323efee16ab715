import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { byteStringToText, toByteString } from '../../../src/sql/byte-string.js';
import { lex } from '../../../src/sql/lexer.js';
import { sameTree } from '../../../src/sql/compare.js';
import type { LexedText } from '../../../src/sql/types.js';
import { corpus, forms } from './corpus.js';
import { loadOracle, oracleTokens, oracleTree } from './oracle.js';

beforeAll(loadOracle);

function tokensOf({ tokens }: LexedText): string[] {
  return Array.from({ length: tokens.length }, (_, index) => {
    const kind = tokens.kind(index);
    const mapped =
      kind === 'operator' || kind === 'punctuation' ? 'symbol' : kind === 'bit-string' ? 'bits' : kind;
    return `${mapped} ${tokens.start(index)}-${tokens.end(index)}`;
  });
}

/**
 * The oracle reads the text with comments blanked: its scanner was taught to report comments, which breaks constants
 * that continue over a line comment, where the server's does not.
 */
function expectAgreement(text: string): boolean {
  const outcome = lex(toByteString(text));
  if (outcome.ok) {
    const blanked = byteStringToText(outcome.lexed.text);
    const expected = oracleTokens(blanked);
    // The lexer leaves the contents of E'…' to the parser, which must refuse them then; the oracle refuses blank texts.
    if (expected === undefined) expect(oracleTree(blanked), JSON.stringify(text)).toBeUndefined();
    else expect(tokensOf(outcome.lexed), JSON.stringify(text)).toEqual(expected);
    return true;
  }
  const { kind, message } = outcome.problem;
  // What the lexer refuses on purpose; anything else it refuses, the scanner must refuse too.
  if (kind === 'ambiguous-lexeme' || message.includes('block comment stands')) return false;
  expect(oracleTokens(text), JSON.stringify([text, outcome.problem])).toBeUndefined();
  return false;
}

describe('tokens are those of PostgreSQL’s scanner', () => {
  it('over the corpus', () => {
    expect(corpus.length).toBeGreaterThan(500);
    expect(corpus.filter(expectAgreement).length).toBeGreaterThan(400);
  });

  it('over random joins of lexical forms', () => {
    const characters = Array.from('\'"$-/*ExbnU&.1eé\\');
    const part = fc.oneof(
      fc.constantFrom(...forms),
      fc.constantFrom('', ' ', '\n', '\t'),
      fc.constantFrom(...characters),
    );
    const texts = fc.array(part, { maxLength: 12 }).map((parts) => parts.join(''));
    fc.assert(
      fc.property(texts, (text) => void expectAgreement(text)),
      { numRuns: 3_000 },
    );
  });

  it('over the corpus with a character changed', () => {
    const mutation = fc.tuple(
      fc.constantFrom(...corpus),
      fc.nat(),
      fc.constantFrom(...Array.from('\'"$-/*E;.10 \n()\\@+a'), ''),
    );
    const texts = mutation.map(([text, at, put]) => {
      const cut = at % (text.length + 1);
      return text.slice(0, cut) + put + text.slice(cut + 1);
    });
    fc.assert(
      fc.property(texts, (text) => void expectAgreement(text)),
      { numRuns: 3_000 },
    );
  });
});

it('blanked comments never change the parse tree', () => {
  let compared = 0;
  for (const text of corpus) {
    const outcome = lex(toByteString(text));
    const before = oracleTree(text);
    if (!outcome.ok || before === undefined || outcome.lexed.text === toByteString(text)) continue;
    expect(outcome.lexed.text).toHaveLength(Buffer.byteLength(text));
    expect(sameTree(before, oracleTree(byteStringToText(outcome.lexed.text))), text).toBe(true);
    compared += 1;
  }
  expect(compared).toBeGreaterThan(5);
});

it('INVARIANT(shape-is-tokens): equal shapes have equal token kinds', () => {
  const byShape = new Map<string, string>();
  const check = (text: string): void => {
    const outcome = lex(toByteString(text));
    if (!outcome.ok) return;
    const { tokens, shape } = outcome.lexed;
    const kinds = Array.from({ length: tokens.length }, (_, index) => tokens.kind(index)).join();
    expect(byShape.get(shape) ?? kinds, text).toBe(kinds);
    byShape.set(shape, kinds);
  };
  corpus.forEach(check);
  const part = fc.constantFrom(...forms, '"a \' b"', '" 0 "', '"\'"', ' ', '\n');
  const texts = fc.array(part, { maxLength: 4 }).map((parts) => parts.join(''));
  fc.assert(
    fc.property(texts, (text) => check(text)),
    { numRuns: 5_000 },
  );
});
