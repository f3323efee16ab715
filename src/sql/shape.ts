/**
 * A statement without its literals, for people and for the audit log. It knows tokens, no meaning.
 */
import { createHash } from 'node:crypto';
import { byteStringToText } from './byte-string.js';
import type { ByteString, LexedText, TokenKind } from './types.js';

const literals: ReadonlySet<TokenKind> = new Set<TokenKind>([
  'string',
  'bit-string',
  'integer',
  'big-integer',
  'decimal',
]);

/** The text with `?` for each literal, one blank for each run of white space and comments, else as written. */
export function auditText(lexed: LexedText): string {
  const { text, tokens } = lexed;
  let audit = '';
  let from = tokens.length > 0 ? tokens.start(0) : 0;
  for (let index = 0; index < tokens.length; index += 1) {
    const start = tokens.start(index);
    const end = tokens.end(index);
    if (start > from) audit += ' ';
    audit += literals.has(tokens.kind(index)) ? '?' : text.slice(start, end);
    from = end;
  }
  return byteStringToText(audit as ByteString);
}

/** Names a shape: equal for texts that differ in literals, white space and comments only. 32 hexadecimal digits. */
export function shapeId(lexed: LexedText): string {
  return createHash('sha256').update(lexed.shape, 'latin1').digest('hex').slice(0, 32);
}
