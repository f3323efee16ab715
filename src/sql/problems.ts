/**
 * The words of the refusals that the lexer makes. It knows no text: a message never holds a piece of one.
 */
import type { SqlLimits, SqlProblem } from './types.js';

const spellNumbersOut = 'write whole numbers in decimal digits, and a blank between a number and a word';

const messages = {
  unterminatedString: ['unterminated', 'a string constant has no closing quote'],
  unterminatedDollar: ['unterminated', 'a dollar-quoted string constant has no closing tag'],
  unterminatedIdentifier: ['unterminated', 'a quoted identifier has no closing quote'],
  unterminatedComment: ['unterminated', 'a block comment has no closing "*/"'],
  emptyIdentifier: ['syntax', 'a quoted identifier is empty'],
  commentInString: [
    'syntax',
    'a block comment stands between two parts of a string constant; PostgreSQL allows only line comments there',
  ],
  unicodeEscape: [
    'ambiguous-lexeme',
    "U&'…' and U&\"…\" depend on server settings and are not supported; write the characters themselves or an E'…' constant",
  ],
  numericForm: ['ambiguous-lexeme', `this number reads differently on servers before 16; ${spellNumbersOut}`],
  parameterForm: [
    'ambiguous-lexeme',
    'this parameter reads differently on servers before 16; write $ and a number up to 65535, then a blank',
  ],
  verticalTab: ['ambiguous-lexeme', 'a vertical tab is no white space on servers before 16; write a blank'],
  nul: ['nul-byte', 'the statement holds a NUL byte, which PostgreSQL does not take'],
  utf8: ['invalid-utf8', 'the statement is not valid UTF-8; set client_encoding to UTF8 and send UTF-8'],
} as const satisfies Record<string, readonly [SqlProblem['kind'], string]>;

export type LexProblemName = keyof typeof messages;

export function lexProblem(name: LexProblemName, at: number): SqlProblem {
  const [kind, message] = messages[name];
  return { kind, message, at };
}

export function tooLong(bytes: number, limits: SqlLimits): SqlProblem {
  return {
    kind: 'too-long',
    message: `the statement has ${bytes} bytes, the limit is ${limits.statementBytes}; send it in parts or use COPY`,
    at: undefined,
  };
}

export function tooManyTokens(limits: SqlLimits, at: number): SqlProblem {
  return {
    kind: 'too-many-tokens',
    message: `the statement has more than ${limits.tokens} tokens; send it in parts or use COPY`,
    at,
  };
}

export function tooDeep(limits: SqlLimits, at: number): SqlProblem {
  return {
    kind: 'too-deep',
    message:
      `the statement nests too deeply; the limits are ${limits.nesting} brackets or CASE inside each other ` +
      `and ${limits.operatorChain} operators in a row`,
    at,
  };
}
