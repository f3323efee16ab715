/**
 * Which columns of each relation a statement can read at all. A derived table computes only those, because the server
 * parses and plans every mask that it is given, also those that nobody reads.
 */
import type { ColumnRef, JoinExpr } from '@pgsql/types';
import type { ResolvedStatement } from '../resolve/types.js';
import { walk } from '../sql/walk.js';

/** Attnums by use id; a use that is absent, and every use when there is no map, needs all its columns. */
export type NeededColumns = ReadonlyMap<number, ReadonlySet<number>> | undefined;

/**
 * Only what is certain counts: where any name of the statement is open, everything is needed. `moved` are references that
 * the derived tables do not serve.
 */
export function neededColumns(
  resolved: ResolvedStatement,
  moved: ReadonlySet<ColumnRef> = new Set(),
): NeededColumns {
  const merged = mergedNames(resolved);
  if (merged === undefined) return undefined;
  const needed = new Map<number, Set<number>>();
  const whole = new Set<number>();
  for (const use of resolved.relations) {
    const columns = use.relation.columns.filter((column) => merged.has(column.name));
    needed.set(use.id, new Set(columns.map((column) => column.attnum)));
    if (use.hasColumnAliases || use.tableCommandSpan !== undefined) whole.add(use.id);
  }
  for (const [ref, binding] of resolved.columns) {
    if ('uncertain' in binding && binding.uncertain) return undefined;
    switch (binding.kind) {
      case 'unresolved':
        return undefined;
      case 'column':
        if (!moved.has(ref)) needed.get(binding.use.id)?.add(binding.attnum);
        break;
      case 'row':
        whole.add(binding.use.id);
        break;
      case 'star':
        for (const use of binding.uses) whole.add(use.id);
        break;
      case 'derived': {
        // A column that a FULL JOIN merges is no column of either side, but is computed from both.
        const { lineage } = binding;
        if (lineage.kind === 'unknown') return undefined;
        const inputs = lineage.kind === 'column' ? [lineage] : lineage.inputs;
        for (const { use, attnum } of inputs) needed.get(use.id)?.add(attnum);
        break;
      }
      case 'system':
        break;
    }
  }
  for (const { functionalColumn } of resolved.functions) {
    if (functionalColumn !== undefined) whole.add(functionalColumn.use.id);
  }
  for (const id of whole) needed.delete(id);
  return needed;
}

/** Names in USING, which stand in no reference; undefined where names take part that cannot be told from the text. */
function mergedNames({ statement, columns }: ResolvedStatement): ReadonlySet<string> | undefined {
  if ('CopyStmt' in statement.node && statement.node.CopyStmt.relation !== undefined) return undefined;
  const names = new Set<string>();
  // References that the resolver did not look at, and joins by whatever names both sides have.
  const open: unknown[] = [];
  walk(statement.node, {
    enter({ kind, body }) {
      if (kind === 'ColumnRef' && !columns.has(body)) open.push(body);
      if (kind !== 'JoinExpr') return undefined;
      const join = body as JoinExpr;
      if (join.isNatural === true) open.push(body);
      for (const name of join.usingClause ?? [])
        names.add(('String' in name ? name.String.sval : undefined) ?? '');
      return undefined;
    },
  });
  return open.length > 0 ? undefined : names;
}
