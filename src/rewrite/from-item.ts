/** Parses a derived table of ours, to put it into the intended tree. */
import type { Node } from '@pgsql/types';
import { lex } from '../sql/lexer.js';
import type { Parser } from '../sql/parse.js';
import type { ByteString, SqlLimits } from '../sql/types.js';

/** A function from the text of a FROM item, without alias, to its node; undefined when it does not parse as one. */
export function fromItemParser(
  parser: Pick<Parser, 'parse'>,
  limits: SqlLimits,
): (text: ByteString) => Node | undefined {
  return (text) => {
    const lexed = lex(`SELECT 1 FROM ${text} AS x` as ByteString, limits);
    if (!lexed.ok) return undefined;
    const outcome = parser.parse(lexed.lexed);
    if (!outcome.ok || outcome.statements.length !== 1) return undefined;
    const node = outcome.statements[0]!.node;
    const items = 'SelectStmt' in node ? (node.SelectStmt.fromClause ?? []) : [];
    return items.length === 1 ? items[0] : undefined;
  };
}
