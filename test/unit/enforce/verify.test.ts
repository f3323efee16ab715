/** INVARIANT(reads-as-intended): no text runs that does not parse to the tree that was meant. */
import type { Node } from '@pgsql/types';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { emptyFacts } from '../../../src/enforce/empty-facts.js';
import { parseRewritten, verified } from '../../../src/enforce/enforce.js';
import type { EnforcedSql, Plan } from '../../../src/enforce/types.js';
import { openParser, type Parser } from '../../../src/sql/parse.js';
import { textParser } from '../../../src/sql/parse-text.js';
import { toByteString } from '../../../src/sql/byte-string.js';

let parser: Parser;
beforeAll(async () => {
  parser = await openParser();
});
afterAll(() => parser.close());

function treeOf(sql: string): Node {
  const outcome = textParser(parser)(sql);
  if (!outcome.ok) throw new Error(outcome.problem.message);
  return outcome.statements[0]!.node;
}

/** What becomes of a text that would run, when this other text was meant. */
function verdict(text: string, meant: string): Plan {
  const sql = toByteString(text) as EnforcedSql;
  const plan: Plan = { kind: 'rewrite', sql, facts: emptyFacts('SELECT') };
  return verified(
    plan,
    parseRewritten(sql, (lexed) => parser.parse(lexed)),
    treeOf(meant),
  );
}

describe('the text that would run', () => {
  it('runs when it reads as meant, white space aside', () => {
    expect(verdict('SELECT  a\nFROM s.t', 'SELECT a FROM s.t').kind).toBe('rewrite');
  });

  it.each([
    ['another table', 'SELECT a FROM s.u', 'SELECT a FROM s.t'],
    [
      'a condition that binds otherwise',
      'SELECT a FROM s.t WHERE g AND x OR y',
      'SELECT a FROM s.t WHERE g AND (x OR y)',
    ],
    ['a second statement', 'SELECT a FROM s.t; SELECT b FROM s.t', 'SELECT a FROM s.t'],
    ['no statement', '', 'SELECT a FROM s.t'],
    ['a lost condition', 'SELECT a FROM s.t', 'SELECT a FROM s.t WHERE g'],
    ['an unqualified operator', 'SELECT a = b', 'SELECT a OPERATOR(pg_catalog.=) b'],
    ['what does not parse', 'SELECT a FROM FROM', 'SELECT a FROM s.t'],
    ['what the lexer refuses', "SELECT 'a", 'SELECT a FROM s.t'],
  ])('is refused when it reads as %s', (_name, text, meant) => {
    expect(verdict(text, meant)).toMatchObject({ kind: 'refuse', refusal: { code: 'rewrite-mismatch' } });
  });
});
