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
  if (span === undefined || clause.options !== undefined) {
    throw new Unsupported('RETURNING WITH', 'name columns as old.column and new.column');
  }
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
      const several = binding?.kind !== 'star' || binding.uses.length > 1;
      if (several || (ref.fields?.length === 1 && hasOtherSources(statement))) {
        throw new Unsupported('RETURNING * of several tables', 'name the columns, or write table.* for each');
      }
      const list = use.relation.columns
        .map((column) => `${write.returned(column, qualifierOf(ref))} AS ${identifier(column.name)}`)
        .join(', ');
      write.edits.push({ ...place, pieces: [toByteString(list)] });
      const parsed = parseSelect(toByteString(`SELECT ${list}`))?.targets;
      if (parsed === undefined) throw new Unsupported('this RETURNING', 'report this as a bug');
      replaced.set(node, parsed);
    } else if (name === undefined) {
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

function hasOtherSources(statement: WriteStatement): boolean {
  if (statement.kind === 'update') return statement.node.fromClause !== undefined;
  return statement.kind === 'delete' && statement.node.usingClause !== undefined;
}
