/** `COPY t TO STDOUT` of a guarded relation, as the COPY of a query (PostgreSQL manual, COPY). */
import type { CopyStmt, Node } from '@pgsql/types';
import type { RelationUse, ResolvedStatement } from '../resolve/types.js';
import { toByteString } from '../sql/byte-string.js';
import { identifier } from '../policy/sql-text.js';
import type { Edit, Piece } from './edits.js';
import type { IntendedTree } from './intended-tree.js';

/** Names that the COPY lists, or undefined for all columns. */
export function copiedColumns(copy: CopyStmt): readonly string[] | undefined {
  if (copy.attlist === undefined) return undefined;
  return copy.attlist.flatMap((node) => ('String' in node ? [node.String.sval ?? ''] : []));
}

/**
 * Puts `(SELECT columns FROM guarded AS name)` where the table and its column list stand.
 * `guarded` is the derived table, `parsed` its tree as a RangeSubselect without alias.
 */
export function rewriteCopyTable(
  resolved: ResolvedStatement,
  use: RelationUse,
  copy: CopyStmt,
  guarded: readonly Piece[],
  parsed: Node,
): { readonly edit: Edit; readonly intend: (tree: IntendedTree) => void } {
  // Generated columns are not copied (manual, COPY: "Generated columns are not included").
  const names =
    copiedColumns(copy) ?? use.relation.columns.filter((each) => !each.generated).map((each) => each.name);
  const list = names.map(identifier).join(', ');
  const { lexed } = resolved.statement;
  let end = use.nameSpan.end;
  if (copy.attlist !== undefined) {
    while (lexed.text.slice(lexed.tokens.start(end), lexed.tokens.end(end)) !== ')') end += 1;
    end += 1;
  }
  const alias = use.relation.name;
  const edit: Edit = {
    first: use.nameSpan.first,
    end,
    pieces: [toByteString(`(SELECT ${list} FROM `), ...guarded, toByteString(` AS ${identifier(alias)})`)],
  };
  const intend = (tree: IntendedTree): void => {
    const target = tree.of(copy);
    delete target.relation;
    delete target.attlist;
    const subselect = 'RangeSubselect' in parsed ? parsed.RangeSubselect : {};
    target.query = {
      SelectStmt: {
        targetList: names.map((name) => ({
          ResTarget: { val: { ColumnRef: { fields: [{ String: { sval: name } }] } } },
        })),
        fromClause: [{ RangeSubselect: { ...subselect, alias: { aliasname: alias } } }],
        limitOption: 'LIMIT_OPTION_DEFAULT',
        op: 'SETOP_NONE',
      },
    };
  };
  return { edit, intend };
}
