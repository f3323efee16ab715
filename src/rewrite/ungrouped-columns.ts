/**
 * Which columns of a relation a grouped query reads once per group: outside the arguments of its own aggregates, in the
 * clauses that run after grouping (check_ungrouped_columns, parse_agg.c). Too many do no harm, one too few is an error of
 * the server.
 */
import type { ColumnRef, FuncCall, Node, SelectStmt } from '@pgsql/types';
import { isAggregateName } from '../resolve/aggregates.js';
import type { QueryLevel, RelationUse, ResolvedStatement } from '../resolve/types.js';
import { walk } from '../sql/walk.js';

/** Attnums of `use`. */
export function ungroupedColumns(
  resolved: ResolvedStatement,
  level: QueryLevel,
  select: SelectStmt,
  use: RelationUse,
): ReadonlySet<number> {
  const wanted = new Set<number>();
  const all = (): void => {
    for (const { attnum } of use.relation.columns) wanted.add(attnum);
  };
  const note = (ref: ColumnRef): void => {
    const binding = resolved.columns.get(ref);
    if (binding?.kind === 'column' && binding.use.id === use.id) wanted.add(binding.attnum);
    else if (binding?.kind === 'row' && binding.use.id === use.id) all();
    else if (binding?.kind === 'star' && binding.uses.some((each) => each.id === use.id)) {
      // `*` of a subquery in FROM of another level lists the columns of that level.
      if (use.level === level.id) all();
    }
  };
  const clauses: Node[] = [
    ...(select.targetList ?? []),
    ...(select.sortClause ?? []),
    ...(select.windowClause ?? []),
    ...(select.distinctClause ?? []),
    ...(select.havingClause === undefined ? [] : [select.havingClause]),
  ];
  for (const clause of clauses) {
    let depth = 0;
    walk(clause, {
      enter({ kind, body }) {
        if (kind === 'SelectStmt') depth += 1;
        // An aggregate inside a subquery may belong to that, with this level's columns beside its own.
        if (depth === 0 && isAggregate(kind, body)) return 'skip';
        if (kind === 'ColumnRef') note(body);
        return undefined;
      },
      leave({ kind }) {
        if (kind === 'SelectStmt') depth -= 1;
      },
    });
  }
  return wanted;
}

function isAggregate(kind: string, call: FuncCall): boolean {
  if (kind === 'JsonObjectAgg' || kind === 'JsonArrayAgg' || kind === 'GroupingFunc') return true;
  if (kind !== 'FuncCall' || call.over !== undefined) return false;
  const name = call.funcname?.at(-1);
  return name !== undefined && 'String' in name && isAggregateName(name.String.sval ?? '');
}
