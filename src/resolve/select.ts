/** SELECT, VALUES, TABLE and set operations: transformSelectStmt and its relatives in analyze.c. */
import type { Node, SelectStmt } from '@pgsql/types';
import { hasOwnClauses, isSetOperation, unsupported } from './ast.js';
import { conjunctsOf } from './conjuncts.js';
import { isBelow, noteConjuncts } from './equalities.js';
import { expressionLineage, walkExpression } from './expression.js';
import { analyseFrom } from './from-clause.js';
import { derivedEntry } from './range-entry.js';
import type { LevelRole, Resolution } from './resolution.js';
import { combine, mergeShapes, passedOnShape } from './row-shape.js';
import type { RowShape } from './row-shape.js';
import { newScope } from './scope.js';
import type { CteEntry, Scope } from './scope.js';
import { analyseDistinct, analyseGroupBy, analyseOrderBy } from './sort-clauses.js';
import { analyseTargets } from './target-list.js';
import type { Lineage } from './types.js';
import { activeCteOf, analyseWith, offerSelfShape } from './with-clause.js';

/** Clauses that make a row of several, or choose among rows. */
function isSimple(select: SelectStmt): boolean {
  return (
    !isSetOperation(select) &&
    select.valuesLists === undefined &&
    select.distinctClause === undefined &&
    select.groupClause === undefined &&
    select.havingClause === undefined &&
    select.windowClause === undefined &&
    select.limitCount === undefined &&
    select.limitOffset === undefined
  );
}

/** Analyses a SELECT below a scope; its level is the first that it adds. */
export function analyseSelect(
  resolution: Resolution,
  select: SelectStmt,
  parent: Scope | undefined,
  role: LevelRole,
): RowShape {
  const level = resolution.addLevel(parent?.level, role, select);
  if (!isSimple(select)) level.simple = false;
  const scope = newScope(parent, level.id);
  const cte = activeCteOf(select, parent);
  analyseWith(resolution, select.withClause, scope);
  if (select.intoClause?.rel !== undefined) resolution.classified.add(select.intoClause.rel);
  let outputs: RowShape;
  if (isSetOperation(select)) outputs = analyseSetOperation(resolution, select, scope, cte);
  else if (select.valuesLists !== undefined) outputs = analyseValues(resolution, select, scope);
  else outputs = analyseBody(resolution, select, scope);
  walkExpression(resolution, select.limitCount, scope);
  walkExpression(resolution, select.limitOffset, scope);
  classifyLockedNames(resolution, select);
  return outputs;
}

function analyseBody(resolution: Resolution, select: SelectStmt, scope: Scope): RowShape {
  const level = resolution.levels[scope.level]!;
  analyseFrom(resolution, select.fromClause, scope);
  const outputs = analyseTargets(resolution, select.targetList, scope);
  walkExpression(resolution, select.whereClause, scope);
  level.conjuncts.push(...conjunctsOf(select.whereClause));
  noteConjuncts(resolution, conjunctsOf(select.whereClause), scope.entries);
  walkExpression(resolution, select.havingClause, scope);
  analyseOrderBy(resolution, select.sortClause, scope, outputs);
  analyseGroupBy(resolution, select.groupClause, scope, outputs);
  analyseDistinct(resolution, select.distinctClause, scope, outputs);
  walkExpression(resolution, select.windowClause, scope);
  // Grouping sets leave a column out of some rows.
  const sets = select.groupClause?.some((node) => 'GroupingSet' in node) === true;
  return sets ? ownOrPassing(resolution, outputs, scope.level) : outputs;
}

/** The columns of a query that may be without a row, or a value, where the rows around it are there. */
function ownOrPassing(resolution: Resolution, shape: RowShape, level: number): RowShape {
  return passedOnShape(shape, (use) => isBelow(use.level, [level], resolution.levels));
}

/** Columns column1, column2, …; each is computed from what its rows hold there. */
function analyseValues(resolution: Resolution, select: SelectStmt, scope: Scope): RowShape {
  const perColumn: Lineage[][] = [];
  for (const row of select.valuesLists ?? []) {
    if (!('List' in row)) throw unsupported('this kind of VALUES list');
    for (const [index, value] of (row.List.items ?? []).entries()) {
      (perColumn[index] ??= []).push(expressionLineage(resolution, value, scope));
    }
  }
  const columns = perColumn.map((rows, index) => ({
    name: `column${String(index + 1)}`,
    lineage: combine(rows),
  }));
  const outputs: RowShape = { columns, openAt: undefined };
  analyseOrderBy(resolution, select.sortClause, scope, outputs);
  return outputs;
}

/** The queries that a set operation combines, in order. Left-deep trees of thousands parse, hence the loop. */
function leavesOf(select: SelectStmt): { readonly leaf: SelectStmt; readonly shows: boolean }[] {
  const rights: { leaf: SelectStmt; shows: boolean }[] = [];
  let left = select;
  while (isSetOperation(left) && (left === select || !hasOwnClauses(left))) {
    if (left.larg === undefined || left.rarg === undefined)
      throw unsupported('a set operation without two sides');
    rights.push({ leaf: left.rarg, shows: left.op !== 'SETOP_EXCEPT' });
    left = left.larg;
  }
  return [{ leaf: left, shows: true }, ...rights.reverse()];
}

function analyseSetOperation(
  resolution: Resolution,
  select: SelectStmt,
  scope: Scope,
  cte: CteEntry | undefined,
): RowShape {
  const leaves = leavesOf(select);
  let outputs: RowShape | undefined;
  for (const [index, { leaf, shows }] of leaves.entries()) {
    if (outputs !== undefined && index === leaves.length - 1) offerSelfShape(cte, outputs);
    const query: Node = { SelectStmt: leaf };
    const level = resolution.levels.length;
    // Of a value from around the set operation the other sides know nothing.
    const shape = ownOrPassing(resolution, resolution.analyseQuery(resolution, query, scope, 'other'), level);
    outputs = outputs === undefined ? shape : mergeShapes(outputs, shape, shows);
  }
  if (outputs === undefined) throw unsupported('a set operation without sides');
  // ORDER BY of a set operation sees the output columns and nothing else of this level.
  const sortScope = newScope(scope.parent, scope.level);
  sortScope.ctes.push(...scope.ctes);
  sortScope.entries.push(derivedEntry(undefined, undefined, outputs));
  analyseOrderBy(resolution, select.sortClause, sortScope, outputs);
  return outputs;
}

/** FOR UPDATE OF names range entries, never relations (transformLockingClause). */
function classifyLockedNames(resolution: Resolution, select: SelectStmt): void {
  for (const node of select.lockingClause ?? []) {
    if (!('LockingClause' in node)) continue;
    for (const name of node.LockingClause.lockedRels ?? []) {
      if ('RangeVar' in name) resolution.classified.add(name.RangeVar);
    }
  }
}
