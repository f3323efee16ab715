/**
 * A statement without its literals, for people and for the audit log, and the id that statements of one shape share.
 */
import { createHash } from 'node:crypto';
import { hideClientWords } from './client-words.js';
import { collapseLists } from './collapse-lists.js';
import { piecesOf } from './pieces.js';
import type { LexedText } from './types.js';

export interface StatementShape {
  /** `?` for each literal and each other word that is a client's data, one blank for each run of white space and comments. */
  readonly auditText: string;
  /**
   * 32 hexadecimal digits, equal for texts that differ in literals, parameters, their number in a list, the case of words,
   * white space and comments only.
   */
  readonly shapeId: string;
}

export function statementShape(lexed: LexedText): StatementShape {
  const pieces = collapseLists(hideClientWords(piecesOf(lexed)));
  let auditText = '';
  for (const { gap, shown } of pieces) auditText += gap && auditText !== '' ? ` ${shown}` : shown;
  let folded = pieces.map((piece) => piece.folded).join(' ');
  while (folded.endsWith(';')) folded = folded.slice(0, -1).trimEnd();
  return { auditText, shapeId: createHash('sha256').update(folded, 'latin1').digest('hex').slice(0, 32) };
}
