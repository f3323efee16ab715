/**
 * Which columns hold the same value in a row: by conditions of WHERE and ON, by USING, and by IN. It knows in which
 * rows: an outer join's condition holds only where the side that may be missing is there.
 */
import type { ColumnRef, JoinExpr, Node } from '@pgsql/types';
import { conjunctsOf } from './conjuncts.js';
import { mergedNames, nullableSides } from './join.js';
import type { Resolution } from './resolution.js';
import { UNKNOWN, sameValues } from './row-shape.js';
import type { RangeEntry } from './scope.js';
import type { ColumnBinding, Lineage } from './types.js';

/** `a.x = b.y` where both sides are columns; undefined for every other condition. */
export function columnEquality(
  conjunct: Node,
  columns: ReadonlyMap<ColumnRef, ColumnBinding>,
): readonly [Lineage, Lineage] | undefined {
  if (!('A_Expr' in conjunct) || conjunct.A_Expr.kind !== 'AEXPR_OP') return undefined;
  const { name, lexpr, rexpr } = conjunct.A_Expr;
  const operator = name?.length === 1 ? name[0] : undefined;
  if (operator === undefined || !('String' in operator) || operator.String.sval !== '=') return undefined;
  const sides = [lexpr, rexpr].map((side) => {
    const binding = side !== undefined && 'ColumnRef' in side ? columns.get(side.ColumnRef) : undefined;
    return binding === undefined ? undefined : bindingLineage(binding);
  });
  return sides[0] === undefined || sides[1] === undefined ? undefined : [sides[0], sides[1]];
}

/** Where the value of a reference comes from. */
export function bindingLineage(binding: ColumnBinding | undefined): Lineage {
  switch (binding?.kind) {
    case 'column':
      return { kind: 'column', use: binding.use, attnum: binding.attnum };
    case 'derived':
      return binding.lineage;
    case 'row':
    case 'star': {
      const uses = binding.kind === 'row' ? [binding.use] : binding.uses;
      const inputs = uses.flatMap((use) => use.relation.columns.map(({ attnum }) => ({ use, attnum })));
      return { kind: 'expression', inputs };
    }
    case 'system':
      return { kind: 'expression', inputs: [] };
    case 'unresolved':
    case undefined:
      return UNKNOWN;
  }
}

/**
 * Notes what conditions make equal. A condition of a subquery ties its own rows to the row outside that it is run for,
 * and not the other way round: that row is there whatever the subquery finds. So does an outer join's for its side.
 * @param present - the entries whose rows are there only where the conditions hold
 */
export function noteConjuncts(
  { equalities, columns, levels }: Resolution,
  conjuncts: readonly Node[],
  present: readonly RangeEntry[],
): void {
  for (const conjunct of conjuncts) {
    const [left, right] = columnEquality(conjunct, columns) ?? [];
    if (left === undefined || right === undefined) continue;
    if (isOf(left, present, levels)) equalities.push({ from: left, to: right });
    if (isOf(right, present, levels)) equalities.push({ from: right, to: left });
  }
}

/** Notes what a join's ON or USING makes equal. */
export function noteJoin(resolution: Resolution, join: JoinExpr, left: RangeEntry, right: RangeEntry): void {
  const missing = nullableSides(join);
  const present = missing.left === missing.right ? [left, right] : [missing.left ? left : right];
  if (missing.left && missing.right) return;
  noteConjuncts(resolution, conjunctsOf(join.quals), present);
  for (const name of mergedNames(join, left, right)) {
    const [a, b] = [left, right].map((side) => side.columns.find((column) => column.name === name)?.lineage);
    if (a === undefined || b === undefined) continue;
    if (present.includes(left) && isOf(a, [left], resolution.levels))
      resolution.equalities.push({ from: a, to: b });
    if (present.includes(right) && isOf(b, [right], resolution.levels))
      resolution.equalities.push({ from: b, to: a });
  }
}

/**
 * A column of one of these entries, out of a row of theirs. LATERAL and subqueries pass on values of rows around them,
 * and those are there whether or not the entry has a row that holds the condition.
 */
function isOf(lineage: Lineage, entries: readonly RangeEntry[], levels: Resolution['levels']): boolean {
  if (!entries.some(({ columns }) => columns.some((column) => isSame(column.lineage, lineage)))) return false;
  const rowLevels = entries.flatMap((entry) => entry.rowLevels);
  return (sameValues(lineage) ?? []).every(
    ({ use }) => entries.some(({ uses }) => uses.includes(use)) || isBelow(use.level, rowLevels, levels),
  );
}

/** Rows of this level go into those of one of the others. */
export function isBelow(
  level: number,
  others: readonly number[],
  levels: readonly { readonly consumer: number | undefined }[],
): boolean {
  const seen = new Set<number>();
  for (let id: number | undefined = level; id !== undefined && !seen.has(id); id = levels[id]?.consumer) {
    if (others.includes(id)) return true;
    seen.add(id);
  }
  return false;
}

function isSame(one: Lineage, other: Lineage): boolean {
  if (one === other) return true;
  return (
    one.kind === 'column' && other.kind === 'column' && one.use === other.use && one.attnum === other.attnum
  );
}
