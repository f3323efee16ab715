/** What the audit says of an exempt session's statement: from the lexer alone, so that nothing can fail or be refused. */
import { LRUCache } from 'lru-cache';
import { lex } from '../sql/lexer.js';
import { nameUses } from '../sql/name-uses.js';
import { statementShape } from '../sql/shape.js';
import { sqlcommenterTags } from '../sql/sqlcommenter.js';
import type { ByteString, LexedText, SqlLimits } from '../sql/types.js';
import type { Planner } from './types.js';

type Description = ReturnType<Planner['describe']>;

const firstWord = /^[a-z]+/i;
/** What may be told of a text that is not understood: whatever else stands there could be a value. */
const commands = /^\s*(select|insert|update|delete|merge|with|values|copy|call|do|create|alter|drop|set)\b/i;

function notUnderstood(text: ByteString): Description {
  const command = commands.exec(text)?.[1]?.toUpperCase() ?? 'UNKNOWN';
  return { auditText: '<not understood>', shapeId: '', command, tags: {} };
}

/**
 * Describes texts; those of one shape share a description, since literals are no part of it.
 * A text that the lexer does not understand is named, never quoted.
 */
export function createDescriber(limits: SqlLimits, entries: number): (text: ByteString) => Description {
  const shapes = new LRUCache<string, Description>({ max: entries });
  return (text) => {
    const outcome = lex(text, limits);
    if (!outcome.ok) return notUnderstood(text);
    const { lexed } = outcome;
    let description = shapes.get(lexed.shape);
    if (description === undefined) {
      description = describeShape(lexed);
      shapes.set(lexed.shape, description);
    }
    if (lexed.trailingComment === undefined) return description;
    return { ...description, tags: Object.fromEntries(sqlcommenterTags(lexed.trailingComment)) };
  };
}

function describeShape(lexed: LexedText): Description {
  const start = lexed.tokens.length === 0 ? 0 : lexed.tokens.start(0);
  return {
    ...statementShape(lexed),
    ...nameUses(lexed),
    command: firstWord.exec(lexed.text.slice(start, start + 32))?.[0].toUpperCase() ?? 'EMPTY',
    tags: {},
  };
}
