/**
 * Turns what the parser gave (JSON text or its own error) into statements with token ranges, or a problem without a
 * word of the client's in it.
 */
import type { Node, ParseResult, RawStmt } from '@pgsql/types';
import { isReservedWord } from './keywords.js';
import type { RawOutcome } from './parse-instance.js';
import { checkShape } from './check-shape.js';
import type { LexedText, ParsedStatement, ParseOutcome, SqlProblem, TokenList } from './types.js';

/** Reads a raw outcome as the statements of the text that was parsed. */
export function readOutcome(lexed: LexedText, raw: RawOutcome): ParseOutcome {
  switch (raw.kind) {
    case 'tree':
      return readTree(lexed, raw.json);
    case 'error':
      return { ok: false, problem: parserError(lexed, raw.message, raw.cursor) };
    case 'failure':
      return { ok: false, problem: parserFailure(raw.reason) };
  }
}

/** The parser broke, not the statement's syntax. `reason` is ours or an exception's class, never its message. */
export function parserFailure(reason: string): SqlProblem {
  return {
    kind: 'parser-failure',
    message: `the statement could not be parsed (${reason}); simplify it or send it in parts`,
    at: undefined,
  };
}

function readTree(lexed: LexedText, json: string): ParseOutcome {
  let result: ParseResult;
  try {
    result = JSON.parse(json) as ParseResult;
  } catch {
    // FAIL-CLOSED: a tree that cannot be read decides nothing.
    return { ok: false, problem: parserFailure('the tree is unreadable') };
  }
  const statements: ParsedStatement[] = [];
  for (const raw of result.stmts ?? []) {
    if (raw.stmt === undefined) return { ok: false, problem: parserFailure('a statement has no tree') };
    const problem = checkShape(raw.stmt);
    if (problem !== undefined) return { ok: false, problem };
    statements.push(locate(lexed, raw, raw.stmt));
  }
  return { ok: true, statements };
}

/** Locations are omitted when 0, and a length when the statement reaches the end of the text (RawStmt, parsenodes.h). */
function locate(lexed: LexedText, raw: RawStmt, node: Node): ParsedStatement {
  const { tokens } = lexed;
  const from = raw.stmt_location ?? 0;
  const length = raw.stmt_len ?? 0;
  let firstToken = firstTokenFrom(tokens, from);
  let endToken = length === 0 ? tokens.length : firstTokenFrom(tokens, from + length);
  const isSemicolon = (index: number): boolean =>
    tokens.kind(index) === 'punctuation' && lexed.text[tokens.start(index)] === ';';
  while (firstToken < endToken && isSemicolon(firstToken)) firstToken += 1;
  while (endToken > firstToken && isSemicolon(endToken - 1)) endToken -= 1;
  return { lexed, node, firstToken, endToken };
}

/** Index of the first token that starts at or behind an offset. */
function firstTokenFrom(tokens: TokenList, offset: number): number {
  let low = 0;
  let high = tokens.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (tokens.start(middle) < offset) low = middle + 1;
    else high = middle;
  }
  return low;
}

function parserError(lexed: LexedText, message: string, cursor: number): SqlProblem {
  const at = cursor > 0 ? byteOfCharacter(lexed.text, cursor - 1) : undefined;
  // Bison's "memory exhausted" is its own bound on nesting; the server says the same.
  const tooDeep = /^(memory exhausted|stack depth limit exceeded)/.test(message);
  return { kind: tooDeep ? 'too-deep' : 'syntax', message: withoutClientText(message), at };
}

/** The parser counts characters (pg_mbstrlen_with_len), everything here counts bytes. */
function byteOfCharacter(text: string, character: number): number {
  let remaining = character;
  let byte = 0;
  while (byte < text.length) {
    const continuesCharacter = (text.charCodeAt(byte) & 0xc0) === 0x80;
    if (!continuesCharacter) {
      if (remaining === 0) return byte;
      remaining -= 1;
    }
    byte += 1;
  }
  return text.length;
}

/** Keeps the parser's own words; of the client's only a reserved word or punctuation may stay. */
function withoutClientText(message: string): string {
  const [, prefix, token] = /^([^"']*?) at or near "(.*)"$/s.exec(message) ?? [];
  if (prefix !== undefined && token !== undefined) {
    return isReservedWord(token) || /^[^\w\s"'$\x80-\uffff]{1,3}$/.test(token)
      ? `${prefix} at or near "${token}"`
      : prefix;
  }
  return /["'\d]/.test(message) ? 'syntax error' : message;
}
