/** The columns of a join: USING and NATURAL merge them (transformFromClauseItem and buildMergedJoinVar). */
import type { JoinExpr } from '@pgsql/types';
import { stringsOf } from './ast.js';
import type { Resolution } from './resolution.js';
import { UNKNOWN, combine } from './row-shape.js';
import type { EntryColumn, RangeEntry } from './scope.js';
import type { Lineage } from './types.js';

/** Side(s) of a join whose rows may be missing. */
export function nullableSides(join: JoinExpr): { readonly left: boolean; readonly right: boolean } {
  return {
    left: join.jointype === 'JOIN_RIGHT' || join.jointype === 'JOIN_FULL',
    right: join.jointype === 'JOIN_LEFT' || join.jointype === 'JOIN_FULL',
  };
}

/** Same type and typmod, so that the server need not coerce one side to merge them. */
function sameType(left: Lineage, right: Lineage): boolean {
  if (left.kind !== 'column' || right.kind !== 'column') return false;
  const a = left.use.relation.columns.find((column) => column.attnum === left.attnum);
  const b = right.use.relation.columns.find((column) => column.attnum === right.attnum);
  return a !== undefined && b !== undefined && a.typeOid === b.typeOid && a.typmod === b.typmod;
}

function mergeColumn(
  join: JoinExpr,
  name: string,
  left: EntryColumn | undefined,
  right: EntryColumn | undefined,
): EntryColumn {
  if (left === undefined || right === undefined) return { name, lineage: UNKNOWN, direct: false };
  const merged = combine([left.lineage, right.lineage]);
  if (join.jointype === 'JOIN_FULL' || !sameType(left.lineage, right.lineage)) {
    return { name, lineage: merged, direct: false };
  }
  const kept = join.jointype === 'JOIN_RIGHT' ? right : left;
  return { name, lineage: kept.lineage, direct: kept.direct };
}

/** Names in USING, or those that NATURAL finds on both sides. */
export function mergedNames(join: JoinExpr, left: RangeEntry, right: RangeEntry): string[] {
  if (join.isNatural !== true) return stringsOf(join.usingClause);
  const names = new Set(right.columns.map((column) => column.name));
  return left.columns.map((column) => column.name).filter((name) => names.has(name));
}

/** The entry of a join: merged columns, the left side's others, the right side's others. */
export function joinEntry(
  resolution: Resolution,
  join: JoinExpr,
  left: RangeEntry,
  right: RangeEntry,
): { readonly entry: RangeEntry; readonly mergedCount: number } {
  const names = mergedNames(join, left, right);
  // The server compares merged columns with whatever `=` its search path finds.
  resolution.operators.push(...names.map(() => ({ name: ['='] })));
  const find = (side: RangeEntry, name: string): EntryColumn | undefined =>
    side.columns.find((column) => column.name === name);
  for (const name of names) {
    for (const side of [left, right]) resolution.merged.push(find(side, name)?.lineage ?? UNKNOWN);
  }
  // NATURAL may merge names that only the server knows.
  const isOpen = left.openAt !== undefined || right.openAt !== undefined;
  if (join.isNatural === true && isOpen) resolution.merged.push(UNKNOWN);
  const merged = names.map((name) => mergeColumn(join, name, find(left, name), find(right, name)));
  const taken = new Set(names);
  const rest = [...left.columns, ...right.columns].filter((column) => !taken.has(column.name));
  const aliases = stringsOf(join.alias?.colnames);
  const columns = [...merged, ...rest];
  for (const [index, name] of aliases.entries()) {
    const column = columns[index];
    if (column === undefined) break;
    // With columns that only the server knows in between, a position does not tell which column an alias renames.
    columns[index] = isOpen ? { name, lineage: UNKNOWN, direct: false } : { ...column, name };
  }
  const entry: RangeEntry = {
    refname: join.alias?.aliasname,
    use: undefined,
    uses: [...left.uses, ...right.uses],
    columns,
    openAt: isOpen ? 0 : undefined,
    pseudo: false,
    subqueryLevels: [...left.subqueryLevels, ...right.subqueryLevels],
    rowLevels: [...left.rowLevels, ...right.rowLevels],
    relVisible: join.alias !== undefined,
    colsVisible: true,
    lateralOnly: false,
    lateralOk: true,
  };
  return { entry, mergedCount: merged.length };
}
