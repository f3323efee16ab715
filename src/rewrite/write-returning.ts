/** RETURNING of a write on a protected table. */
import type { Node } from '@pgsql/types';
import { identifier } from '../policy/sql-text.js';
import { columnNameOf } from '../resolve/column-name.js';
import { toByteString } from '../sql/byte-string.js';
import { splitItems } from './clauses.js';
import { isStar, qualifierOf, Unsupported, type WriteContext, type WriteStatement } from './write-context.js';

/** RETURNING: stars are written out, and items keep the names that the server would give them. */
export function rewriteReturning(write: WriteContext): void {
  const { statement, resolved, use, parseSelect } = write.input;
  const clause = statement.node.returningClause;
  const span = write.clauses.returning;
  if (clause === undefined) return;
  if (span === undefined) throw new Unsupported('this form of RETURNING', 'name plain columns');
  const items = splitItems(resolved.statement.lexed, span);
  const exprs = clause.exprs ?? [];
  if (items.length !== exprs.length) throw new Unsupported('this form of RETURNING', 'name plain columns');
  const replaced = new Map<Node, readonly Node[]>();
  exprs.forEach((node, index) => {
    if (!('ResTarget' in node)) throw new Unsupported('this form of RETURNING', 'name plain columns');
    const { val, name } = node.ResTarget;
    const ref = val !== undefined && 'ColumnRef' in val ? val.ColumnRef : undefined;
    const binding = ref === undefined ? undefined : resolved.columns.get(ref);
    const place = items[index]!;
    if (ref !== undefined && isStar(ref)) {
      // Of another table or subquery, whose columns are masked where it stands.
      if (binding?.kind === 'star' && !binding.uses.some((each) => each.id === use.id)) return;
      if (binding?.kind !== 'star') throw new Unsupported('this form of RETURNING', 'name plain columns');
      const list = (ref.fields?.length === 1 ? entriesOf(statement) : [undefined])
        .map((source) =>
          source === undefined ? targetColumns(write, qualifierOf(ref)) : `${identifier(source)}.*`,
        )
        .join(', ');
      write.edits.push({ ...place, pieces: [toByteString(list)] });
      const parsed = parseSelect(toByteString(`SELECT ${list}`))?.targets;
      if (parsed === undefined) throw new Unsupported('this RETURNING', 'report this as a bug');
      replaced.set(node, parsed);
    } else if (name === undefined && !isExpansion(val)) {
      const given = columnNameOf(val);
      write.insert(place.end, [toByteString(` AS ${identifier(given)} `)]);
      write.intents.push((tree) => {
        tree.of(node.ResTarget).name = given;
      });
    }
  });
  write.intents.push((tree) => {
    tree.of(clause).exprs = exprs.flatMap((node) => replaced.get(node) ?? [tree.of(node)]);
  });
}

function targetColumns(write: WriteContext, qualifier: string | undefined): string {
  return write.input.use.relation.columns
    .map((column) => `${write.returned(column, qualifier)} AS ${identifier(column.name)}`)
    .join(', ');
}

/** `(row).*`, which has no name of its own. */
function isExpansion(value: Node | undefined): boolean {
  const last =
    value !== undefined && 'A_Indirection' in value ? value.A_Indirection.indirection?.at(-1) : undefined;
  return last !== undefined && 'A_Star' in last;
}

/**
 * What `*` stands for, in the server's order: the target, undefined here, in front of the other tables, and behind them
 * in MERGE (transformUpdateStmt, transformDeleteStmt, transformMergeStmt).
 */
function entriesOf(statement: WriteStatement): readonly (string | undefined)[] {
  switch (statement.kind) {
    case 'insert':
      return [undefined];
    case 'update':
      return [undefined, ...sourceNames(statement.node.fromClause ?? [])];
    case 'delete':
      return [undefined, ...sourceNames(statement.node.usingClause ?? [])];
    case 'merge': {
      const { sourceRelation } = statement.node;
      return [...sourceNames(sourceRelation === undefined ? [] : [sourceRelation]), undefined];
    }
  }
}

function sourceNames(items: readonly Node[]): readonly string[] {
  return items.map((item) => {
    const name =
      'RangeVar' in item
        ? (item.RangeVar.alias?.aliasname ?? item.RangeVar.relname)
        : 'RangeSubselect' in item
          ? item.RangeSubselect.alias?.aliasname
          : undefined;
    if (name === undefined) {
      throw new Unsupported('RETURNING * of several tables', 'name the columns, or write table.* for each');
    }
    return name;
  });
}
