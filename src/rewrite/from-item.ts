/** Parses pieces of SQL of ours, to put them into the intended tree. */
import type { Node, SelectStmt } from '@pgsql/types';
import { lex } from '../sql/lexer.js';
import type { Parser } from '../sql/parse.js';
import type { ByteString, SqlLimits } from '../sql/types.js';

/** A function from the text of a FROM item, without alias, to its node; undefined when it does not parse as one. */
export function fromItemParser(
  parser: Pick<Parser, 'parse'>,
  limits: SqlLimits,
): (text: ByteString) => Node | undefined {
  return (text) => {
    const items = select(parser, limits, `SELECT 1 FROM ${text} AS x`)?.fromClause ?? [];
    return items.length === 1 ? items[0] : undefined;
  };
}

/** A function from `SELECT list [WHERE condition]` to its parts; undefined when it does not parse as one. */
export function selectParser(
  parser: Pick<Parser, 'parse'>,
  limits: SqlLimits,
): (text: ByteString) => { readonly targets: readonly Node[]; readonly where: Node | undefined } | undefined {
  return (text) => {
    const statement = select(parser, limits, text);
    if (statement === undefined) return undefined;
    return { targets: statement.targetList ?? [], where: statement.whereClause };
  };
}

/** A function from the text of a query to its tree; undefined when it does not parse as one. */
export function queryParser(
  parser: Pick<Parser, 'parse'>,
  limits: SqlLimits,
): (text: ByteString) => SelectStmt | undefined {
  return (text) => select(parser, limits, text);
}

function select(parser: Pick<Parser, 'parse'>, limits: SqlLimits, text: string): SelectStmt | undefined {
  const lexed = lex(text as ByteString, limits);
  if (!lexed.ok) return undefined;
  const outcome = parser.parse(lexed.lexed);
  if (!outcome.ok || outcome.statements.length !== 1) return undefined;
  const node = outcome.statements[0]!.node;
  return 'SelectStmt' in node ? node.SelectStmt : undefined;
}
