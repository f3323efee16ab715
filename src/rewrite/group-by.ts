/**
 * GROUP BY a primary key with other columns of the same table selected.
 *
 * PostgreSQL allows it because the key determines the row (check_functional_grouping, parse_agg.c), but a derived table
 * has no key. Naming the other columns in GROUP BY as well changes no group, since each is one row of the table.
 */
import type { ColumnRef, Node, SelectStmt } from '@pgsql/types';
import type { QueryLevel, RelationUse, ResolvedStatement } from '../resolve/types.js';
import { toByteString } from '../sql/byte-string.js';
import { identifier } from '../policy/sql-text.js';
import type { Edit } from './edits.js';
import type { IntendedTree } from './intended-tree.js';

export interface GroupByRewrite {
  readonly edits: readonly Edit[];
  readonly intend: (tree: IntendedTree) => void;
}

/** Edits for every level whose grouping rests on the key of a guarded relation. */
export function rewriteGroupBy(resolved: ResolvedStatement, guarded: ReadonlySet<number>): GroupByRewrite {
  const edits: Edit[] = [];
  const intents: ((tree: IntendedTree) => void)[] = [];
  for (const level of resolved.levels) {
    const select = level.select;
    const first = select?.groupClause?.[0];
    if (select === undefined || first === undefined || !('ColumnRef' in first)) continue;
    // With GROUPING SETS a further grouped column would show in subtotals where it must be NULL; without one the server
    // reports what it misses.
    if (select.groupClause?.some((item) => 'GroupingSet' in item) === true) continue;
    const token = startOfItem(resolved, resolved.columnSpans.get(first.ColumnRef)?.first);
    if (token === undefined) continue;
    const added = level.uses
      .filter((use) => guarded.has(use.id) && !use.hasColumnAliases)
      .flatMap((use) => missingColumns(resolved, level, select, use));
    if (added.length === 0) continue;
    const text = added.map(({ table, column }) => `${identifier(table)}.${identifier(column)}, `);
    edits.push({ first: token, end: token, pieces: [toByteString(text.join(''))] });
    intents.push((tree) => {
      tree.of(select).groupClause!.unshift(
        ...added.map(({ table, column }): Node => ({
          ColumnRef: { fields: [{ String: { sval: table } }, { String: { sval: column } }] },
        })),
      );
    });
  }
  return { edits, intend: (tree) => intents.forEach((intend) => intend(tree)) };
}

/** In front of the brackets around an item: inside them a second column would make it a row. */
function startOfItem(resolved: ResolvedStatement, token: number | undefined): number | undefined {
  const { tokens, text } = resolved.statement.lexed;
  let first = token;
  while (first !== undefined && first > 0 && text[tokens.start(first - 1)] === '(') first -= 1;
  return first;
}

/** Columns of `use` that the query names outside GROUP BY, when the grouping holds the whole primary key of it. */
function missingColumns(
  resolved: ResolvedStatement,
  level: QueryLevel,
  select: SelectStmt,
  use: RelationUse,
): readonly { readonly table: string; readonly column: string }[] {
  const key = use.relation.keys.find((each) => each.primary);
  if (key === undefined) return [];
  const grouped = new Set<number>();
  const groupRefs = new Set<ColumnRef>();
  for (const item of select.groupClause ?? []) {
    if (!('ColumnRef' in item)) continue;
    groupRefs.add(item.ColumnRef);
    const binding = resolved.columns.get(item.ColumnRef);
    if (binding?.kind === 'column' && binding.use.id === use.id && binding.levelsUp === 0) {
      grouped.add(binding.attnum);
    }
  }
  if (!key.columns.every((attnum) => grouped.has(attnum))) return [];
  const wanted = new Set<number>();
  for (const [ref, binding] of resolved.columns) {
    if (groupRefs.has(ref)) continue;
    if (binding.kind === 'column' && binding.use.id === use.id) wanted.add(binding.attnum);
    if (
      binding.kind === 'star' &&
      binding.uses.some((each) => each.id === use.id) &&
      use.level === level.id
    ) {
      for (const column of use.relation.columns) wanted.add(column.attnum);
    }
  }
  const inWhere = whereOnly(resolved, level, use);
  return use.relation.columns
    .filter(
      (column) => wanted.has(column.attnum) && !grouped.has(column.attnum) && !inWhere.has(column.attnum),
    )
    .map((column) => ({ table: use.alias ?? use.relation.name, column: column.name }));
}

/**
 * Columns named in the query's plain conditions alone. They need not be grouped, and leaving them out spares columns
 * whose type has no equality (json). Found by place: a reference inside a conjunct's tokens belongs to WHERE or ON.
 */
function whereOnly(resolved: ResolvedStatement, level: QueryLevel, use: RelationUse): ReadonlySet<number> {
  const inside = new Set<ColumnRef>();
  for (const conjunct of level.conjuncts) collectRefs(conjunct, inside);
  const only = new Set<number>();
  const elsewhere = new Set<number>();
  for (const [ref, binding] of resolved.columns) {
    if (binding.kind === 'star' && binding.uses.some((each) => each.id === use.id)) return new Set();
    if (binding.kind !== 'column' || binding.use.id !== use.id) continue;
    (inside.has(ref) ? only : elsewhere).add(binding.attnum);
  }
  return new Set([...only].filter((attnum) => !elsewhere.has(attnum)));
}

function collectRefs(root: Node, into: Set<ColumnRef>): void {
  const pending: unknown[] = [root];
  while (pending.length > 0) {
    const node = pending.pop();
    if (typeof node !== 'object' || node === null) continue;
    for (const [key, value] of Object.entries(node)) {
      if (key === 'ColumnRef') into.add(value as ColumnRef);
      pending.push(value);
    }
  }
}
