/** What the audit says of an exempt session's statement: from the lexer alone, so that nothing can fail or be refused. */
import { lex } from '../sql/lexer.js';
import { auditText, shapeId } from '../sql/shape.js';
import { sqlcommenterTags } from '../sql/sqlcommenter.js';
import type { ByteString, SqlLimits } from '../sql/types.js';
import type { Planner } from './types.js';

const firstWord = /^[a-z]+/i;

/** Audit text without literals; a text that the lexer does not understand is named, never quoted. */
export function describeText(text: ByteString, limits: SqlLimits): ReturnType<Planner['describe']> {
  const outcome = lex(text, limits);
  if (!outcome.ok) return { auditText: '<not understood>', shapeId: '', command: 'UNKNOWN', tags: {} };
  const { lexed } = outcome;
  const start = lexed.tokens.length === 0 ? 0 : lexed.tokens.start(0);
  return {
    auditText: auditText(lexed),
    shapeId: shapeId(lexed),
    command: firstWord.exec(lexed.text.slice(start, start + 32))?.[0].toUpperCase() ?? 'EMPTY',
    tags: Object.fromEntries(sqlcommenterTags(lexed.trailingComment)),
  };
}
