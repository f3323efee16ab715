/** FROM: range entries of relations, CTEs, subqueries, functions and joins (transformFromClauseItem). */
import type { JoinExpr, Node, RangeSubselect, RangeTableSample, RangeVar } from '@pgsql/types';
import { unsupported } from './ast.js';
import { conjunctsOf } from './conjuncts.js';
import { isBelow, noteJoin } from './equalities.js';
import { walkExpression } from './expression.js';
import { joinEntry, nullableSides } from './join.js';
import { cteEntry, derivedEntry, relationEntry } from './range-entry.js';
import { functionEntry, jsonTableEntry, tableFunctionEntry } from './range-function.js';
import type { Resolution } from './resolution.js';
import { passedOn } from './row-shape.js';
import type { RangeEntry, Scope } from './scope.js';
import { lookupCte } from './scope.js';
import type { Lineage, RelationUse } from './types.js';
import { noteCteReference, requireCte } from './with-clause.js';

/** What one FROM item puts into the namespace, and the entry whose columns it has as a whole. */
interface FromItem {
  readonly namespace: readonly RangeEntry[];
  readonly top: RangeEntry;
}

function single(top: RangeEntry): FromItem {
  return { namespace: [top], top };
}

function setLateral(entries: readonly RangeEntry[], only: boolean, ok: boolean): void {
  for (const entry of entries) {
    entry.lateralOnly = only;
    entry.lateralOk = ok;
  }
}

function withLateral<Result>(scope: Scope, active: boolean, step: () => Result): Result {
  const before = scope.lateralActive;
  scope.lateralActive = active;
  try {
    return step();
  } finally {
    scope.lateralActive = before;
  }
}

function fromRangeVar(resolution: Resolution, node: RangeVar, scope: Scope, tableSample: boolean): FromItem {
  // A CTE shadows an unqualified name alone (getNSItemForSpecialRelationTypes in parse_clause.c).
  if (node.schemaname === undefined && node.catalogname === undefined) {
    const cte = lookupCte(scope, node.relname ?? '');
    if (cte !== undefined) {
      resolution.classified.add(node);
      requireCte(resolution, cte);
      noteCteReference(resolution, cte, scope);
      return single(cteEntry(cte, node.alias));
    }
  }
  return single(relationEntry(resolution.addUse(node, 'read', scope.level, tableSample)));
}

function fromSubselect(resolution: Resolution, item: RangeSubselect, scope: Scope): FromItem {
  const query = item.subquery;
  if (query === undefined) throw unsupported('a subquery in FROM without a query');
  if (item.lateral === true) resolution.hasLateral = true;
  const level = resolution.levels.length;
  const shape = withLateral(scope, item.lateral === true, () =>
    resolution.analyseQuery(resolution, query, scope, 'from'),
  );
  const entry = derivedEntry(item.alias, undefined, shape, [level]);
  if (item.alias === undefined) entry.relVisible = false;
  return single(entry);
}

function fromTableSample(resolution: Resolution, item: RangeTableSample, scope: Scope): FromItem {
  if (item.relation === undefined || !('RangeVar' in item.relation))
    throw unsupported('TABLESAMPLE of such an item');
  const result = fromRangeVar(resolution, item.relation.RangeVar, scope, true);
  walkExpression(resolution, item.args, scope);
  walkExpression(resolution, item.repeatable, scope);
  return result;
}

/** A join's ON sees its two sides and nothing else of this level (transformJoinOnClause). */
function walkOn(
  resolution: Resolution,
  join: JoinExpr,
  namespace: readonly RangeEntry[],
  scope: Scope,
): void {
  if (join.quals === undefined) return;
  const before = scope.entries;
  setLateral(namespace, false, true);
  scope.entries = [...namespace];
  walkExpression(resolution, join.quals, scope);
  scope.entries = before;
}

function fromJoinStep(
  resolution: Resolution,
  join: JoinExpr,
  left: FromItem,
  scope: Scope,
  inner: boolean,
): FromItem {
  if (join.rarg === undefined) throw unsupported('a join without a right side');
  const rarg = join.rarg;
  const before = scope.entries;
  setLateral(left.namespace, true, join.jointype === 'JOIN_INNER' || join.jointype === 'JOIN_LEFT');
  scope.entries = [...before, ...left.namespace];
  const right = resolution.nested(() => fromItem(resolution, rarg, scope, inner));
  scope.entries = before;

  const nullable = nullableSides(join);
  if (nullable.left) notePassing(resolution, left);
  if (nullable.right) notePassing(resolution, right);
  const both = [...left.namespace, ...right.namespace];
  const { entry, mergedCount } = joinEntry(resolution, join, left.top, right.top);
  walkOn(resolution, join, both, scope);
  noteJoin(resolution, join, left.top, right.top);
  if (inner) resolution.levels[scope.level]!.conjuncts.push(...conjunctsOf(join.quals));
  if (nullable.left) resolution.markNullable(left.top.uses, left.top.subqueryLevels);
  if (nullable.right) resolution.markNullable(right.top.uses, right.top.subqueryLevels);

  const namespace = join.alias === undefined ? both : [];
  for (const hidden of namespace) hidden.colsVisible = false;
  if (join.join_using_alias !== undefined) {
    const { aliasname } = join.join_using_alias;
    const columns = entry.columns.slice(0, mergedCount);
    namespace.push({ ...entry, refname: aliasname, columns, uses: [], relVisible: true, colsVisible: false });
  }
  return { namespace: [...namespace, entry], top: entry };
}

/** What LATERAL passes on through a side that may be missing is NULL then, and the row that it is from is there. */
function notePassing(resolution: Resolution, { namespace, top }: FromItem): void {
  if (!resolution.hasLateral) return;
  const isOwn = remembered(
    (use: RelationUse) => top.uses.includes(use) || isBelow(use.level, top.rowLevels, resolution.levels),
  );
  // References are told to be the same column by the identity of what they come from.
  const passed = remembered((lineage: Lineage) => passedOn(lineage, isOwn));
  for (const entry of new Set([...namespace, top])) {
    // No name finds the joins in between.
    if (!entry.relVisible && entry !== top) continue;
    entry.columns = entry.columns.map((column) => ({ ...column, lineage: passed(column.lineage) }));
  }
}

function remembered<Key extends object, Value>(compute: (key: Key) => Value): (key: Key) => Value {
  const known = new Map<Key, Value>();
  return (key) => {
    const found = known.get(key) ?? compute(key);
    known.set(key, found);
    return found;
  };
}

/** Joins in a row. Each lists the columns of all before it, so the work grows with the square of their number. */
const MAX_JOINS = 500;

/** Left-deep join trees are followed in a loop: thousands of joins in a row parse. */
function fromJoin(resolution: Resolution, root: JoinExpr, scope: Scope, inner: boolean): FromItem {
  const chain: { readonly join: JoinExpr; readonly inner: boolean }[] = [];
  let allInner = inner;
  let left: Node | undefined = { JoinExpr: root };
  while (left !== undefined && 'JoinExpr' in left) {
    const join: JoinExpr = left.JoinExpr;
    allInner &&= join.jointype === 'JOIN_INNER';
    chain.push({ join, inner: allInner });
    left = join.larg;
  }
  if (left === undefined) throw unsupported('a join without a left side');
  // FAIL-CLOSED: a clear refusal instead of seconds of work.
  if (chain.length > MAX_JOINS) throw unsupported('more than 500 joins in a row');
  let result = fromItem(resolution, left, scope, allInner);
  for (const step of chain.reverse()) result = fromJoinStep(resolution, step.join, result, scope, step.inner);
  return result;
}

function fromItem(resolution: Resolution, node: Node, scope: Scope, inner: boolean): FromItem {
  if ('RangeVar' in node) return fromRangeVar(resolution, node.RangeVar, scope, false);
  if ('RangeSubselect' in node) return fromSubselect(resolution, node.RangeSubselect, scope);
  if ('JoinExpr' in node) return fromJoin(resolution, node.JoinExpr, scope, inner);
  if ('RangeTableSample' in node) return fromTableSample(resolution, node.RangeTableSample, scope);
  if ('RangeFunction' in node) {
    return single(withLateral(scope, true, () => functionEntry(resolution, node.RangeFunction, scope)));
  }
  if ('RangeTableFunc' in node) {
    return single(withLateral(scope, true, () => tableFunctionEntry(resolution, node.RangeTableFunc, scope)));
  }
  if ('JsonTable' in node) {
    return single(withLateral(scope, true, () => jsonTableEntry(resolution, node.JsonTable, scope)));
  }
  // FAIL-CLOSED: a kind of FROM item that this version does not know.
  throw unsupported('this kind of FROM item');
}

/** Analyses a FROM or USING list and leaves its entries in the scope, visible to the rest of the query. */
export function analyseFrom(resolution: Resolution, items: readonly Node[] | undefined, scope: Scope): void {
  const added: RangeEntry[] = [];
  for (const node of items ?? []) {
    const { namespace } = fromItem(resolution, node, scope, true);
    setLateral(namespace, true, true);
    added.push(...namespace);
    scope.entries.push(...namespace);
  }
  setLateral(added, false, true);
}
