/** Makers of range entries: what a relation, a CTE, a subquery or a function looks like to names. */
import type { Alias } from '@pgsql/types';
import { stringsOf } from './ast.js';
import { renameColumns } from './row-shape.js';
import type { RowShape } from './row-shape.js';
import type { CteEntry, EntryColumn, RangeEntry } from './scope.js';
import type { Lineage, RelationUse } from './types.js';

const VISIBLE = { relVisible: true, colsVisible: true, lateralOnly: false, lateralOk: true };

/** An entry of a real relation. */
export function relationEntry(use: RelationUse): RangeEntry {
  const aliases = stringsOf(use.node.alias?.colnames);
  const columns: EntryColumn[] = use.relation.columns.map(({ name, attnum }, index) => ({
    name: aliases[index] ?? name,
    lineage: { kind: 'column', use, attnum },
    direct: true,
  }));
  return {
    refname: use.alias ?? use.relation.name,
    use,
    uses: [use],
    columns,
    openAt: undefined,
    pseudo: false,
    subqueryLevels: [],
    rowLevels: [],
    ...VISIBLE,
  };
}

/** An entry whose columns are computed elsewhere. */
export function derivedEntry(
  alias: Alias | undefined,
  name: string | undefined,
  shape: RowShape,
  subqueryLevels: readonly number[] = [],
  rowLevels = subqueryLevels,
): RangeEntry {
  const renamed = renameColumns(shape, stringsOf(alias?.colnames));
  return {
    refname: alias?.aliasname ?? name,
    use: undefined,
    uses: [],
    columns: renamed.columns.map(({ name: column, lineage }) => ({ name: column, lineage, direct: false })),
    openAt: renamed.openAt,
    pseudo: false,
    subqueryLevels,
    rowLevels,
    ...VISIBLE,
  };
}

/** The target under another name: OLD and NEW show its columns, EXCLUDED shows values on their way in. */
export function pseudoEntry(target: RangeEntry, refname: string, lineage: Lineage | undefined): RangeEntry {
  const columns = target.columns.map((column) =>
    lineage === undefined ? column : { name: column.name, lineage, direct: false },
  );
  return { ...target, refname, columns, pseudo: true, ...VISIBLE };
}

/** A reference to a CTE: to its columns, or while it is being analysed, to the row it is recursive over. */
export function cteEntry(cte: CteEntry, alias: Alias | undefined): RangeEntry {
  const shape = cte.shape ?? { columns: [], openAt: 0 };
  if (cte.state !== 'active') return derivedEntry(alias, cte.name, shape, [], [cte.firstLevel]);
  cte.selfReferenced = true;
  const columns = shape.columns.map(({ name }) => ({ name, lineage: cte.selfLineage }));
  return derivedEntry(alias, cte.name, { columns, openAt: shape.openAt });
}

/** A shape of columns that share one origin. */
export function uniformShape(names: readonly string[], lineage: Lineage, openAt?: number): RowShape {
  return { columns: names.map((name) => ({ name, lineage })), openAt };
}
