/** Loads policies from text, and a parser for the SQL in them. */
import { toByteString } from '../../../src/sql/byte-string.js';
import { lex } from '../../../src/sql/lexer.js';
import { openParser, type Parser } from '../../../src/sql/parse.js';
import type { ExpressionParser } from '../../../src/policy/expression/compile.js';
import { loadPolicyTexts, type LoadOutcome } from '../../../src/policy/load.js';
import { formatProblem } from '../../../src/policy/problems.js';

export const testKey = 'a key for tests, 32 bytes long..';

export async function expressionParser(): Promise<{ parse: ExpressionParser; parser: Parser }> {
  const parser = await openParser();
  return {
    parser,
    parse: (sql) => {
      const lexed = lex(toByteString(sql));
      return lexed.ok ? parser.parse(lexed.lexed) : lexed;
    },
  };
}

export function loadText(...texts: string[]): LoadOutcome {
  return loadPolicyTexts(
    texts.map((text, index) => ({ file: `p${index + 1}.yaml`, text })),
    { name: 'test', folder: '.', environment: { PGVEIL_TEST_KEY: testKey } },
  );
}

export function problemLines(outcome: LoadOutcome): string[] {
  return (outcome.ok ? outcome.warnings : outcome.problems).map(formatProblem);
}
