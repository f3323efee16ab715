/**
 * Where the clauses of an UPDATE, DELETE or INSERT stand in its text. The tree has no ends, so they come from tokens:
 * keywords outside every bracket, counted from the target's name on (gram.y, UpdateStmt, DeleteStmt, InsertStmt).
 * A write in a WITH query ends at the bracket around it. MERGE has a file of its own.
 */
import type { TokenSpan } from '../resolve/types.js';
import type { LexedText } from '../sql/types.js';

export interface WriteClauses {
  /** The assignments behind SET; of ON CONFLICT DO UPDATE in an INSERT. */
  readonly set: TokenSpan | undefined;
  /** The condition behind WHERE; in an INSERT, that of DO UPDATE. */
  readonly where: TokenSpan | undefined;
  /** The items behind RETURNING. */
  readonly returning: TokenSpan | undefined;
  /** The token in front of which a missing WHERE goes. */
  readonly whereGoesBefore: number;
}

type Clause = 'head' | 'set' | 'from' | 'where' | 'returning';

/** Reads on from token `from`, behind the target's name, to the end of the statement or of the bracket around it. */
export function writeClauses(lexed: LexedText, from: number, end: number, isInsert: boolean): WriteClauses {
  const spans = new Map<Clause, TokenSpan>();
  let clause = 'head' as Clause;
  let first = from;
  let depth = 0;
  let cases = 0;
  // The WHERE of an INSERT's SELECT, or of ON CONFLICT's index, is not the one of DO UPDATE.
  let updating = !isInsert;
  let at = from;
  let returningAt: number | undefined;
  const open = (next: Clause, behind: number): void => {
    spans.set(clause, { first, end: at });
    clause = next;
    first = behind;
  };
  for (; at < end; at += 1) {
    const word = wordAt(lexed, at);
    if (word === '(' || word === '[') depth += 1;
    if (word === ')' || word === ']') {
      if (depth === 0) break;
      depth -= 1;
    }
    if (depth !== 0) continue;
    if (word === 'case') cases += 1;
    if (word === 'end' && cases > 0) cases -= 1;
    if (cases > 0) continue;
    // Behind AS every word is a name, and RETURNING, which comes last, may hold more of them without AS.
    if (clause === 'returning' || wordAt(lexed, at - 1) === 'as') continue;
    if (isInsert && word === 'do' && wordAt(lexed, at + 1) === 'update') updating = true;
    if (word === 'returning') {
      returningAt = at;
      open('returning', behindReturning(lexed, at));
    } else if (updating && word === 'set' && clause === 'head') open('set', at + 1);
    else if (updating && word === 'where') open('where', at + 1);
    // `a IS DISTINCT FROM b` is the one place where FROM stands outside brackets and is no clause.
    else if (word === 'from' && clause === 'set' && wordAt(lexed, at - 1) !== 'distinct')
      open('from', at + 1);
  }
  spans.set(clause, { first, end: at });
  const returning = spans.get('returning');
  return {
    set: spans.get('set'),
    where: spans.get('where'),
    returning,
    whereGoesBefore: returningAt ?? at,
  };
}

/** The first item behind RETURNING; PostgreSQL 18 has WITH (OLD AS o, NEW AS n) in front of it. */
export function behindReturning(lexed: LexedText, returning: number): number {
  if (wordAt(lexed, returning + 1) !== 'with' || wordAt(lexed, returning + 2) !== '(') return returning + 1;
  let at = returning + 3;
  while (at < lexed.tokens.length && wordAt(lexed, at) !== ')') at += 1;
  return at + 1;
}

/** Items between commas outside every bracket. */
export function splitItems(lexed: LexedText, span: TokenSpan): readonly TokenSpan[] {
  const items: TokenSpan[] = [];
  let depth = 0;
  let first = span.first;
  for (let at = span.first; at < span.end; at += 1) {
    const word = wordAt(lexed, at);
    if (word === '(' || word === '[') depth += 1;
    if (word === ')' || word === ']') depth -= 1;
    if (depth === 0 && word === ',') {
      items.push({ first, end: at });
      first = at + 1;
    }
  }
  items.push({ first, end: span.end });
  return items;
}

/** A keyword, a bracket or a comma in lower case; empty for everything else. */
export function wordAt(lexed: LexedText, token: number): string {
  if (token < 0 || token >= lexed.tokens.length) return '';
  // Behind a dot every word is a name: `t.from`.
  if (
    token > 0 &&
    lexed.text[lexed.tokens.start(token - 1)] === '.' &&
    lexed.tokens.kind(token) === 'identifier'
  ) {
    return '';
  }
  const kind = lexed.tokens.kind(token);
  if (kind !== 'identifier' && kind !== 'punctuation') return '';
  return lexed.text.slice(lexed.tokens.start(token), lexed.tokens.end(token)).toLowerCase();
}
