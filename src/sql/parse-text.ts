/** Lexes and parses a text of ours (policies, view definitions), as opposed to a client's bytes. */
import { toByteString } from './byte-string.js';
import { lex } from './lexer.js';
import type { Parser } from './parse.js';
import type { ParseOutcome } from './types.js';

/** A function from SQL text to its parse outcome. */
export function textParser(parser: Pick<Parser, 'parse'>): (sql: string) => ParseOutcome {
  return (sql) => {
    const outcome = lex(toByteString(sql));
    return outcome.ok ? parser.parse(outcome.lexed) : outcome;
  };
}
