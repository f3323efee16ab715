/**
 * A statement without its literals, for people and for the audit log, and the id that statements of one shape share.
 */
import { createHash } from 'node:crypto';
import { hideClientWords } from './client-words.js';
import { collapseLists } from './collapse-lists.js';
import { piecesOf } from './pieces.js';
import type { LexedText, ParsedStatement } from './types.js';

export interface StatementShape {
  /** `?` for each literal and each other word that is a client's data, one blank for each run of white space and comments. */
  readonly auditText: string;
  /**
   * 32 hexadecimal digits, equal for texts that differ in literals, parameters, their number in a list, the case of words,
   * white space and comments only.
   */
  readonly shapeId: string;
}

/** Of a whole text. */
export function statementShape(lexed: LexedText): StatementShape {
  return shapeOf(lexed, 0, lexed.tokens.length, endsInBackslash(lexed));
}

/** Of each of the statements that a text consists of, by itself: it says nothing of the others. */
export function statementShapes(
  lexed: LexedText,
  statements: readonly Pick<ParsedStatement, 'firstToken' | 'endToken'>[],
): readonly StatementShape[] {
  // Where such a string ends is not known, so it may reach into any of them.
  const doubtful = endsInBackslash(lexed);
  return statements.map(({ firstToken, endToken }) => shapeOf(lexed, firstToken, endToken, doubtful));
}

function shapeOf(lexed: LexedText, from: number, to: number, doubtful: boolean): StatementShape {
  const pieces = collapseLists(hideClientWords(piecesOf(lexed, from, to)));
  let auditText = '';
  for (const { gap, shown } of pieces) auditText += gap && auditText !== '' ? ` ${shown}` : shown;
  let folded = pieces.map((piece) => piece.folded).join(' ');
  while (folded.endsWith(';')) folded = folded.slice(0, -1).trimEnd();
  if (doubtful) auditText = '<not understood>';
  return { auditText, shapeId: createHash('sha256').update(folded, 'latin1').digest('hex').slice(0, 32) };
}

/**
 * A plain string ends in a backslash: with standard_conforming_strings off, as an exempt session may have it, the string
 * goes on there, and what reads as names is its inside (PostgreSQL manual, 4.1.2.2).
 */
function endsInBackslash({ text, tokens }: LexedText): boolean {
  if (!text.includes("\\'")) return false;
  for (let index = 0; index < tokens.length; index += 1) {
    if (tokens.kind(index) !== 'string') continue;
    const isPlain = /^[nN]?'/.test(text.slice(tokens.start(index), tokens.start(index) + 2));
    if (isPlain && text.slice(tokens.start(index), tokens.end(index)).includes("\\'")) return true;
  }
  return false;
}
