/**
 * Which base columns a GROUP BY names, by reference, by output name (`SELECT id AS nr … GROUP BY nr`) or by number
 * (findTargetlistEntrySQL92, parse_clause.c), and where in the text another column can be put beside them.
 */
import type { Node, SelectStmt } from '@pgsql/types';
import type { QueryLevel, ResolvedStatement } from '../resolve/types.js';

export interface GroupedColumns {
  /** Attnums by use id of what every row is grouped by. */
  readonly plain: ReadonlyMap<number, ReadonlySet<number>>;
  /** Attnums by use id of what stands in GROUPING SETS, ROLLUP or CUBE. */
  readonly inSets: ReadonlyMap<number, ReadonlySet<number>>;
  /** In front of the first plain column: its item in the clause, and its token. */
  readonly keyPlace: { readonly item: number; readonly token: number } | undefined;
  /** A number stands in the clause: which column it means is this text's alone. */
  readonly hasOrdinals: boolean;
}

interface BaseColumn {
  readonly use: number;
  readonly attnum: number;
}

export function groupedColumns(
  resolved: ResolvedStatement,
  level: QueryLevel,
  select: SelectStmt,
): GroupedColumns {
  const plain = new Map<number, Set<number>>();
  const inSets = new Map<number, Set<number>>();
  let keyPlace: GroupedColumns['keyPlace'];
  let hasOrdinals = false;
  const own = new Set(level.uses.map((use) => use.id));
  for (const [item, top] of (select.groupClause ?? []).entries()) {
    const pending = [top];
    let into = plain;
    for (let node = pending.shift(); node !== undefined; node = pending.shift()) {
      if ('GroupingSet' in node) {
        into = inSets;
        pending.unshift(...(node.GroupingSet.content ?? []));
        continue;
      }
      // `(a, b)` is a list of its members (flatten_grouping_sets, parse_clause.c).
      if ('RowExpr' in node && node.RowExpr.row_format === 'COERCE_IMPLICIT_CAST') {
        pending.unshift(...(node.RowExpr.args ?? []));
        continue;
      }
      const target = ordinalTarget(resolved, select, node);
      hasOrdinals ||= 'A_Const' in node && node.A_Const.ival !== undefined;
      const column = target ?? columnOfItem(resolved, node);
      if (column === undefined || !own.has(column.use)) continue;
      into.set(column.use, (into.get(column.use) ?? new Set()).add(column.attnum));
      if (into !== plain || keyPlace !== undefined) continue;
      const token = startOfItem(resolved, node);
      if (token !== undefined) keyPlace = { item, token };
    }
  }
  return { plain, inSets, keyPlace, hasOrdinals };
}

function columnOfItem(resolved: ResolvedStatement, node: Node): BaseColumn | undefined {
  if (!('ColumnRef' in node)) return undefined;
  const binding = resolved.columns.get(node.ColumnRef);
  if (binding?.kind === 'column' && binding.levelsUp === 0) {
    return { use: binding.use.id, attnum: binding.attnum };
  }
  if (binding?.kind === 'derived' && binding.lineage.kind === 'column') {
    return { use: binding.lineage.use.id, attnum: binding.lineage.attnum };
  }
  return undefined;
}

/** The base column behind `GROUP BY 1`; undefined where a star in front of it hides what it means. */
function ordinalTarget(resolved: ResolvedStatement, select: SelectStmt, node: Node): BaseColumn | undefined {
  const wanted = 'A_Const' in node ? node.A_Const.ival?.ival : undefined;
  if (wanted === undefined) return undefined;
  let number = 0;
  for (const target of select.targetList ?? []) {
    const value = 'ResTarget' in target ? target.ResTarget.val : undefined;
    const binding =
      value !== undefined && 'ColumnRef' in value ? resolved.columns.get(value.ColumnRef) : undefined;
    if (binding?.kind !== 'star') {
      number += 1;
      if (number === wanted) return value === undefined ? undefined : columnOfItem(resolved, value);
      continue;
    }
    const [use, ...more] = binding.uses;
    const isNamed = value !== undefined && 'ColumnRef' in value && (value.ColumnRef.fields?.length ?? 0) > 1;
    const isAlone = select.fromClause?.length === 1 && 'RangeVar' in select.fromClause[0]!;
    // The star of a join or beside a subquery has columns that no use tells.
    if (use === undefined || more.length > 0 || !(isNamed || isAlone)) return undefined;
    const column = use.relation.columns[wanted - number - 1];
    if (column !== undefined) return { use: use.id, attnum: column.attnum };
    number += use.relation.columns.length;
  }
  return undefined;
}

/** In front of the brackets around an item: inside them a second column would make it a row. */
function startOfItem(resolved: ResolvedStatement, node: Node): number | undefined {
  const { tokens, text } = resolved.statement.lexed;
  let first: number | undefined;
  if ('ColumnRef' in node) first = resolved.columnSpans.get(node.ColumnRef)?.first;
  else if ('A_Const' in node) first = tokens.at(node.A_Const.location ?? 0);
  if (first === undefined || first < 0) return undefined;
  while (first > 0 && text[tokens.start(first - 1)] === '(') first -= 1;
  return first;
}
