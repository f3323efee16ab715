/**
 * Where the clauses of a MERGE stand in its text (gram.y, MergeStmt): ON, each WHEN with its condition, each SET, and
 * RETURNING. Keywords count outside brackets and outside CASE; ON and WHEN are reserved, so no name is mistaken for them.
 */
import type { TokenSpan } from '../resolve/types.js';
import type { LexedText } from '../sql/types.js';
import { behindReturning, wordAt } from './clauses.js';

/** One WHEN … THEN …, in the order of the tree's mergeWhenClauses. */
export interface MergeActionClauses {
  /** The condition behind AND. */
  readonly condition: TokenSpan | undefined;
  /** The token THEN, in front of which a missing condition goes. */
  readonly then: number;
  /** The assignments behind UPDATE SET. */
  readonly set: TokenSpan | undefined;
}

export interface MergeClauses {
  /** The join condition behind ON. A joined source has an ON of its own, which stands before it. */
  readonly on: TokenSpan;
  readonly actions: readonly MergeActionClauses[];
  readonly returning: TokenSpan | undefined;
}

/** Reads on from behind the target's name to the end of the statement or of the bracket around it. */
export function mergeClauses(lexed: LexedText, from: number, end: number): MergeClauses | undefined {
  const marks = keywords(lexed, from, end);
  const firstWhen = marks.findIndex((mark) => mark.word === 'when');
  const on = marks.slice(0, Math.max(firstWhen, 0)).findLast((mark) => mark.word === 'on');
  if (on === undefined) return undefined;
  const stop = marks[marks.length - 1]!.at;
  const actions: MergeActionClauses[] = [];
  for (let index = firstWhen; index < marks.length;) {
    const [when, then, next] = marks.slice(index, index + 3);
    if (when?.word !== 'when') break;
    if (then?.word !== 'then' || next === undefined) return undefined;
    const and = behindMatched(lexed, when.at);
    const isUpdate = wordAt(lexed, then.at + 1) === 'update' && wordAt(lexed, then.at + 2) === 'set';
    actions.push({
      condition: wordAt(lexed, and) === 'and' ? { first: and + 1, end: then.at } : undefined,
      then: then.at,
      set: isUpdate ? { first: then.at + 3, end: next.at } : undefined,
    });
    index += 2;
  }
  const returning = marks.find((mark) => mark.word === 'returning');
  return {
    on: { first: on.at + 1, end: marks[firstWhen]!.at },
    actions,
    returning:
      returning === undefined ? undefined : { first: behindReturning(lexed, returning.at), end: stop },
  };
}

interface Mark {
  readonly word: 'on' | 'when' | 'then' | 'returning' | 'end';
  readonly at: number;
}

/** The keywords that part the clauses, and last the end of the statement. */
function keywords(lexed: LexedText, from: number, end: number): readonly Mark[] {
  const marks: Mark[] = [];
  let depth = 0;
  let cases = 0;
  let at = from;
  for (; at < end; at += 1) {
    const word = wordAt(lexed, at);
    if (word === '(' || word === '[') depth += 1;
    if (word === ')' || word === ']') {
      if (depth === 0) break;
      depth -= 1;
    }
    if (depth !== 0) continue;
    // What follows RETURNING may hold any word as an output name.
    if (marks[marks.length - 1]?.word === 'returning') continue;
    if (word === 'case') cases += 1;
    if (word === 'end' && cases > 0) cases -= 1;
    if (cases > 0) continue;
    if (word === 'on' || word === 'when' || word === 'then' || word === 'returning') marks.push({ word, at });
  }
  marks.push({ word: 'end', at });
  return marks;
}

/** The token behind WHEN [NOT] MATCHED [BY SOURCE | BY TARGET]. */
function behindMatched(lexed: LexedText, when: number): number {
  let at = when + 1;
  if (wordAt(lexed, at) === 'not') at += 1;
  at += 1;
  return wordAt(lexed, at) === 'by' ? at + 2 : at;
}
