/**
 * The text of a statement whose words may be values: a literal with a quote in its middle (`'O'Brien'`) or without quotes
 * (`name = Jane`) reads as names. Only words that grammar reserves or begins statements with are left.
 */
import { isReservedWord } from '../sql/keywords.js';

/** SQLSTATEs that say so: syntax_error, undefined_column. */
const doubtful: ReadonlySet<string> = new Set(['42601', '42703']);

/** They are not reserved, and are said again all the same: what a statement is would be lost otherwise. */
const kept =
  /^(?:alter|begin|between|by|call|close|commit|copy|declare|delete|drop|execute|exists|explain|fetch|insert|merge|prepare|release|rollback|set|truncate|update|values)$/i;

/** In the place of a text that the lexer does not take. */
const NOT_UNDERSTOOD = '<not understood>';

export function mayHoldValues(sqlstate: string | undefined): boolean {
  return sqlstate !== undefined && doubtful.has(sqlstate);
}

/** An audit text with its names hidden. */
export function withoutNames(auditText: string): string {
  if (auditText === NOT_UNDERSTOOD) return auditText;
  return auditText.replace(/"(?:[^"]|"")*"|[\p{L}_][\p{L}\p{M}\p{N}_$]*/gu, (word) =>
    isReservedWord(word) || kept.test(word) ? word : '?',
  );
}
