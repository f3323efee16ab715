/** Where names stand in the text, as token spans: the parser gives a name's start and never its end. */
import type { RangeVar } from '@pgsql/types';
import type { ParsedStatement } from '../sql/types.js';
import { unsupported } from './ast.js';
import type { TokenSpan } from './types.js';

/** NAMEDATALEN - 1: the parser cuts longer identifiers, the text does not. */
const IDENTIFIER_BYTES = 63;

/** A token's text as the server folds a name: quotes taken off, unquoted ASCII letters in lower case. */
export function foldedToken(statement: ParsedStatement, index: number): string {
  const { text, tokens } = statement.lexed;
  const raw = text.slice(tokens.start(index), tokens.end(index));
  const folded =
    tokens.kind(index) === 'quoted-identifier'
      ? raw.slice(1, -1).replaceAll('""', '"')
      : raw.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
  return Buffer.from(folded, 'latin1').toString('utf8');
}

function rawToken(statement: ParsedStatement, index: number): string {
  const { text, tokens } = statement.lexed;
  return index < statement.firstToken || index >= statement.endToken
    ? ''
    : text.slice(tokens.start(index), tokens.end(index));
}

function isWord(statement: ParsedStatement, index: number, word: string): boolean {
  return rawToken(statement, index).toLowerCase() === word;
}

/** Tokens of a name of `parts` parts that starts at a location; undefined when no such tokens stand there. */
export function dottedSpan(
  statement: ParsedStatement,
  location: number | undefined,
  parts: number,
): TokenSpan | undefined {
  if (location !== undefined && location < 0) return undefined;
  const first = statement.lexed.tokens.at(location ?? 0);
  const end = first + 2 * parts - 1;
  if (first < statement.firstToken || end > statement.endToken) return undefined;
  for (let index = first + 1; index < end; index += 2) {
    if (rawToken(statement, index) !== '.') return undefined;
  }
  return { first, end };
}

/** As dottedSpan, but only when the tokens spell these names: `EXTRACT(…)` is a call without its name in the text. */
export function namedSpan(
  statement: ParsedStatement,
  location: number | undefined,
  names: readonly string[],
): TokenSpan | undefined {
  const span = dottedSpan(statement, location, names.length);
  if (span === undefined) return undefined;
  for (const [part, name] of names.entries()) {
    const text = foldedToken(statement, span.first + 2 * part);
    const cut = Buffer.byteLength(name) > IDENTIFIER_BYTES - 4 && text.startsWith(name);
    if (text !== name && !cut) return undefined;
  }
  return span;
}

/** The spans of a relation's name, see RelationUse. Throws `unsupported` when the text does not show the name. */
export function relationSpans(
  statement: ParsedStatement,
  node: RangeVar,
): {
  readonly nameSpan: TokenSpan;
  readonly fullSpan: TokenSpan;
  readonly tableCommandSpan: TokenSpan | undefined;
} {
  const parts = 1 + (node.schemaname === undefined ? 0 : 1) + (node.catalogname === undefined ? 0 : 1);
  const nameSpan = dottedSpan(statement, node.location, parts);
  // FAIL-CLOSED: a relation that cannot be found in the text cannot be rewritten.
  if (nameSpan === undefined) throw unsupported('a relation name without a place in the text');
  let { first, end } = nameSpan;
  if (node.inh === true) {
    if (rawToken(statement, end) === '*') end += 1;
  } else if (isWord(statement, first - 1, 'only')) {
    first -= 1;
  } else if (rawToken(statement, first - 1) === '(' && isWord(statement, first - 2, 'only')) {
    first -= 2;
    end += 1;
  }
  const tableCommandSpan = isWord(statement, first - 1, 'table') ? { first: first - 1, end } : undefined;
  return { nameSpan, fullSpan: { first, end }, tableCommandSpan };
}
