/** INSERT, UPDATE, DELETE and MERGE: targets, sources and RETURNING (analyze.c, parse_merge.c). */
import type {
  DeleteStmt,
  InsertStmt,
  MergeStmt,
  MergeWhenClause,
  Node,
  OnConflictClause,
  ReturningClause,
  UpdateStmt,
} from '@pgsql/types';
import { columnRefsBelow, rangeVarsBelow, stringOf, unsupported } from './ast.js';
import { conjunctsOf } from './conjuncts.js';
import { noteConjuncts } from './equalities.js';
import { walkExpression } from './expression.js';
import { analyseFrom } from './from-clause.js';
import { pseudoEntry, relationEntry } from './range-entry.js';
import type { LevelRole, Resolution } from './resolution.js';
import { UNKNOWN } from './row-shape.js';
import type { RowShape } from './row-shape.js';
import type { RangeEntry, Scope } from './scope.js';
import { lookupRefname, newScope } from './scope.js';
import { analyseTargets } from './target-list.js';
import type { RelationPurpose } from './types.js';
import { analyseWith } from './with-clause.js';

type Modification = InsertStmt | UpdateStmt | DeleteStmt | MergeStmt;

/** The scope of a modification and its target. A CTE never shadows a target (setTargetTable in parse_clause.c). */
function begin(
  resolution: Resolution,
  statement: Modification,
  purpose: RelationPurpose,
  parent: Scope | undefined,
  role: LevelRole,
): { readonly scope: Scope; readonly target: RangeEntry } {
  const level = resolution.addLevel(parent?.level, role, undefined);
  level.simple = false;
  const scope = newScope(parent, level.id);
  analyseWith(resolution, statement.withClause, scope);
  if (statement.relation === undefined) throw unsupported('a modification without a target');
  return { scope, target: relationEntry(resolution.addUse(statement.relation, purpose, level.id)) };
}

/** SET items and INSERT columns: names of the target are no references, but subscripts and values are walked. */
function walkAssignments(resolution: Resolution, targets: readonly Node[] | undefined, scope: Scope): void {
  for (const node of targets ?? []) {
    if (!('ResTarget' in node)) throw unsupported('this kind of assignment');
    const { indirection, val } = node.ResTarget;
    walkExpression(resolution, indirection, scope);
    if (val !== undefined && 'MultiAssignRef' in val && (val.MultiAssignRef.colno ?? 1) > 1) {
      // `SET (a, b) = (SELECT …)` is one source that the tree prints once per column; it was walked with the first.
      for (const copy of rangeVarsBelow(val)) resolution.classified.add(copy);
    } else {
      walkExpression(resolution, val, scope);
    }
  }
}

/** RETURNING, with OLD and NEW unless a range entry has that name (addNSItemForReturning, PostgreSQL 18). */
function analyseReturning(
  resolution: Resolution,
  clause: ReturningClause | undefined,
  target: RangeEntry,
  scope: Scope,
): RowShape {
  if (clause === undefined) return { columns: [], openAt: undefined };
  const names = { RETURNING_OPTION_OLD: 'old', RETURNING_OPTION_NEW: 'new' };
  for (const node of clause.options ?? []) {
    if (!('ReturningOption' in node)) throw unsupported('this kind of RETURNING option');
    const { option, value } = node.ReturningOption;
    if (option !== undefined && value !== undefined) names[option] = value;
  }
  for (const name of Object.values(names)) {
    if (lookupRefname(scope, name) !== undefined) continue;
    const entry = pseudoEntry(target, name, undefined);
    entry.colsVisible = false;
    scope.entries.push(entry);
  }
  const pseudo = scope.entries.filter((entry) => entry.pseudo);
  const refs = columnRefsBelow(clause.exprs ?? []);
  // One of them may not exist (DELETE has no NEW), and its key is NULL then.
  if (refs.some((ref) => pseudo.some(({ refname }) => refname === stringOf(ref.fields?.[0]))))
    resolution.levels[scope.level]!.mixes = true;
  return analyseTargets(resolution, clause.exprs, scope);
}

export function analyseInsert(
  resolution: Resolution,
  statement: InsertStmt,
  parent: Scope | undefined,
  role: LevelRole,
): RowShape {
  const { scope, target } = begin(resolution, statement, 'insert', parent, role);
  walkAssignments(resolution, statement.cols, scope);
  if (statement.selectStmt !== undefined)
    resolution.analyseQuery(resolution, statement.selectStmt, scope, 'other');
  if (statement.onConflictClause !== undefined) {
    analyseOnConflict(resolution, statement.onConflictClause, target, scope);
  }
  scope.entries = [target];
  return analyseReturning(resolution, statement.returningClause, target, scope);
}

function analyseOnConflict(
  resolution: Resolution,
  clause: OnConflictClause,
  target: RangeEntry,
  scope: Scope,
): void {
  scope.entries = [target];
  walkExpression(resolution, clause.infer?.indexElems, scope);
  walkExpression(resolution, clause.infer?.whereClause, scope);
  scope.entries = [target, pseudoEntry(target, 'excluded', UNKNOWN)];
  walkAssignments(resolution, clause.targetList, scope);
  walkExpression(resolution, clause.whereClause, scope);
}

export function analyseUpdate(
  resolution: Resolution,
  statement: UpdateStmt,
  parent: Scope | undefined,
  role: LevelRole,
): RowShape {
  const { scope, target } = begin(resolution, statement, 'update', parent, role);
  analyseSource(resolution, statement.fromClause, target, scope);
  walkAssignments(resolution, statement.targetList, scope);
  analyseWhere(resolution, statement.whereClause, scope);
  return analyseReturning(resolution, statement.returningClause, target, scope);
}

export function analyseDelete(
  resolution: Resolution,
  statement: DeleteStmt,
  parent: Scope | undefined,
  role: LevelRole,
): RowShape {
  const { scope, target } = begin(resolution, statement, 'delete', parent, role);
  analyseSource(resolution, statement.usingClause, target, scope);
  analyseWhere(resolution, statement.whereClause, scope);
  return analyseReturning(resolution, statement.returningClause, target, scope);
}

/** FROM or USING of a modification: the target is there, but not for LATERAL. */
function analyseSource(
  resolution: Resolution,
  items: readonly Node[] | undefined,
  target: RangeEntry,
  scope: Scope,
): void {
  target.lateralOnly = true;
  target.lateralOk = false;
  scope.entries.push(target);
  analyseFrom(resolution, items, scope);
  target.lateralOnly = false;
  target.lateralOk = true;
}

function analyseWhere(resolution: Resolution, where: Node | undefined, scope: Scope): void {
  walkExpression(resolution, where, scope);
  resolution.levels[scope.level]!.conjuncts.push(...conjunctsOf(where));
  noteConjuncts(resolution, conjunctsOf(where), scope.entries);
}

export function analyseMerge(
  resolution: Resolution,
  statement: MergeStmt,
  parent: Scope | undefined,
  role: LevelRole,
): RowShape {
  const { scope, target } = begin(resolution, statement, 'merge', parent, role);
  if (statement.sourceRelation === undefined) throw unsupported('MERGE without a source');
  analyseFrom(resolution, [statement.sourceRelation], scope);
  const source = scope.entries;
  scope.entries = [target, ...source];
  walkExpression(resolution, statement.joinCondition, scope);
  for (const node of statement.mergeWhenClauses ?? []) {
    if (!('MergeWhenClause' in node)) throw unsupported('this kind of MERGE action');
    scope.entries = visibleToAction(node.MergeWhenClause, target, source);
    walkExpression(resolution, node.MergeWhenClause.condition, scope);
    walkAssignments(resolution, node.MergeWhenClause.targetList, scope);
    walkExpression(resolution, node.MergeWhenClause.values, scope);
  }
  // `*` is the source's columns and then the target's (manual, MERGE, output_expression).
  scope.entries = [...source, target];
  return analyseReturning(resolution, statement.returningClause, target, scope);
}

/** An action sees the sides of which it has a row (setNamespaceForMergeWhen in parse_merge.c). */
function visibleToAction(
  action: MergeWhenClause,
  target: RangeEntry,
  source: readonly RangeEntry[],
): RangeEntry[] {
  switch (action.matchKind) {
    case 'MERGE_WHEN_NOT_MATCHED_BY_TARGET':
      return [...source];
    case 'MERGE_WHEN_NOT_MATCHED_BY_SOURCE':
      return [target];
    default:
      return [target, ...source];
  }
}
