/**
 * GROUP BY a primary key with other columns of the same table selected.
 *
 * PostgreSQL allows it because the key determines the row (check_functional_grouping, parse_agg.c), but a derived table
 * has no key. Naming the other columns in GROUP BY as well changes no group, since each is one row of the table. That
 * takes an equality for every column's type, and the key outside of GROUPING SETS.
 */
import type { SelectStmt, Node } from '@pgsql/types';
import type { Column } from '../catalog/types.js';
import type { QueryLevel, RelationUse, ResolvedStatement } from '../resolve/types.js';
import { toByteString } from '../sql/byte-string.js';
import { identifier } from '../policy/sql-text.js';
import type { Edit } from './edits.js';
import { groupedColumns, type GroupedColumns } from './grouped-columns.js';
import type { IntendedTree } from './intended-tree.js';
import { rangeName, type RenamedUses } from './range-names.js';
import { ungroupedColumns } from './ungrouped-columns.js';

export type GroupByOutcome =
  | {
      readonly ok: false;
      readonly reason: string;
      readonly hint: string;
      readonly readsLiterals: boolean;
    }
  | ({ readonly ok: true } & GroupByRewrite);

interface GroupByRewrite {
  readonly edits: readonly Edit[];
  readonly intend: (tree: IntendedTree) => void;
  /** The number in `GROUP BY 1` took part, also where it led to no edit, so the outcome fits this very text alone. */
  readonly readsLiterals: boolean;
}

/** Types, by pg_type.typname, without a default btree or hash operator class (pg_opclass), which GROUP BY needs. */
const withoutEquality = new Set(
  `json xml point line lseg box path polygon circle jsonpath refcursor pg_snapshot txid_snapshot`.split(' '),
);

/** Edits for every level whose grouping rests on the key of a guarded relation. */
export function rewriteGroupBy(
  resolved: ResolvedStatement,
  guarded: ReadonlySet<number>,
  renamed: RenamedUses,
): GroupByOutcome {
  const edits: Edit[] = [];
  const intents: ((tree: IntendedTree) => void)[] = [];
  let readsLiterals = false;
  for (const level of resolved.levels) {
    const select = level.select;
    if (select?.groupClause === undefined) continue;
    const grouped = groupedColumns(resolved, level, select);
    readsLiterals ||= grouped.hasOrdinals && mayMeanKey(resolved, select, guarded);
    const added: { readonly table: string; readonly column: string }[] = [];
    for (const use of level.uses) {
      if (!guarded.has(use.id)) continue;
      const missing = missingColumns(resolved, level, select, use, grouped);
      if (missing === 'in-sets') {
        return {
          ok: false,
          reason: 'a key inside GROUPING SETS, ROLLUP or CUBE with other columns of its table beside it',
          hint: 'name the other columns in GROUP BY, or put the key in front of the grouping sets',
          readsLiterals,
        };
      }
      const bad = missing.find((column) => withoutEquality.has(column.baseTypeName.replace(/^_/, '')));
      if (bad !== undefined) {
        return {
          ok: false,
          reason: `column "${bad.name}" of type ${bad.type}, which has no equality, beside GROUP BY of its table's key`,
          hint: `write (array_agg(${bad.name}))[1], or join the table to the grouped query`,
          readsLiterals,
        };
      }
      const table = rangeName(use, renamed);
      added.push(...missing.map((column) => ({ table, column: nameInQuery(use, column) })));
    }
    const place = grouped.keyPlace;
    if (added.length === 0 || place === undefined) continue;
    const text = added.map(({ table, column }) => `${identifier(table)}.${identifier(column)}, `);
    edits.push({ first: place.token, end: place.token, pieces: [toByteString(text.join(''))] });
    intents.push((tree) => {
      tree.of(select).groupClause!.splice(
        place.item,
        0,
        ...added.map(({ table, column }): Node => ({
          ColumnRef: { fields: [{ String: { sval: table } }, { String: { sval: column } }] },
        })),
      );
    });
  }
  return { ok: true, edits, intend: (tree) => intents.forEach((intend) => intend(tree)), readsLiterals };
}

/** True when some number could name a column of the key of a guarded relation; a plain `GROUP BY 1` is read once a shape. */
function mayMeanKey(
  { columns }: ResolvedStatement,
  select: SelectStmt,
  guarded: ReadonlySet<number>,
): boolean {
  return (select.targetList ?? []).some((target) => {
    const value = 'ResTarget' in target ? target.ResTarget.val : undefined;
    if (value === undefined || !('ColumnRef' in value)) return false;
    const binding = columns.get(value.ColumnRef);
    const column = binding?.kind === 'derived' ? binding.lineage : binding;
    if (column?.kind !== 'column') return true;
    const { relation, id } = column.use;
    return guarded.has(id) && relation.keys.some((key) => key.primary && key.columns.includes(column.attnum));
  });
}

/** Columns of `use` that the query reads ungrouped, when the grouping holds the whole primary key of it. */
function missingColumns(
  resolved: ResolvedStatement,
  level: QueryLevel,
  select: SelectStmt,
  use: RelationUse,
  grouped: GroupedColumns,
): readonly Column[] | 'in-sets' {
  const key = use.relation.keys.find((each) => each.primary);
  if (key === undefined) return [];
  const plain = grouped.plain.get(use.id) ?? new Set<number>();
  const inSets = grouped.inSets.get(use.id) ?? new Set<number>();
  const isKeyed = key.columns.every((attnum) => plain.has(attnum));
  if (!isKeyed && !key.columns.every((attnum) => plain.has(attnum) || inSets.has(attnum))) return [];
  const wanted = ungroupedColumns(resolved, level, select, use);
  // A column of the grouping sets is NULL in subtotals, so it must not be grouped beside them.
  const missing = use.relation.columns.filter(
    ({ attnum }) => wanted.has(attnum) && !plain.has(attnum) && !inSets.has(attnum),
  );
  return isKeyed || missing.length === 0 ? missing : 'in-sets';
}

/** A column's name behind `AS c (a, b)`. */
function nameInQuery(use: RelationUse, column: Column): string {
  const alias = use.node.alias?.colnames?.[use.relation.columns.indexOf(column)];
  return alias !== undefined && 'String' in alias ? (alias.String.sval ?? column.name) : column.name;
}
