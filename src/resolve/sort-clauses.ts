/**
 * ORDER BY, DISTINCT ON and GROUP BY: a bare name there may mean an output column (findTargetlistEntrySQL92 in
 * parse_clause.c). ORDER BY and DISTINCT ON prefer the output column, GROUP BY prefers a column of this level's FROM.
 */
import type { ColumnRef, Node } from '@pgsql/types';
import { isPresent, stringsOf } from './ast.js';
import { recordBinding } from './column-ref.js';
import { walkExpression } from './expression.js';
import type { Resolution } from './resolution.js';
import type { RowShape } from './row-shape.js';
import { lookupColumn } from './scope.js';
import type { Scope } from './scope.js';

/** Binds a bare name to an output column; false when no output column has that name. */
function bindOutput(resolution: Resolution, ref: ColumnRef, outputs: RowShape): boolean {
  const [name, ...more] = stringsOf(ref.fields);
  if (name === undefined || more.length > 0 || ref.fields?.length !== 1) return false;
  const output = outputs.columns.find((column) => column.name === name);
  if (output === undefined) return false;
  recordBinding(resolution, ref, { kind: 'derived', lineage: output.lineage });
  resolution.trace.push(output.lineage);
  return true;
}

/** An expression of ORDER BY or DISTINCT ON. */
function analyseSortExpression(
  resolution: Resolution,
  node: Node | undefined,
  scope: Scope,
  outputs: RowShape,
): void {
  if (node === undefined) return;
  if ('ColumnRef' in node && bindOutput(resolution, node.ColumnRef, outputs)) return;
  walkExpression(resolution, node, scope);
}

export function analyseOrderBy(
  resolution: Resolution,
  clause: readonly Node[] | undefined,
  scope: Scope,
  outputs: RowShape,
): void {
  for (const node of clause ?? []) {
    if (!('SortBy' in node)) {
      walkExpression(resolution, node, scope);
      continue;
    }
    if (node.SortBy.useOp !== undefined) resolution.operators.push({ name: stringsOf(node.SortBy.useOp) });
    analyseSortExpression(resolution, node.SortBy.node, scope, outputs);
  }
}

export function analyseDistinct(
  resolution: Resolution,
  clause: readonly Node[] | undefined,
  scope: Scope,
  outputs: RowShape,
): void {
  for (const node of clause ?? []) {
    if (isPresent(node)) analyseSortExpression(resolution, node, scope, outputs);
  }
}

/** GROUP BY, with grouping sets and parenthesised lists flattened as flatten_grouping_sets does. */
export function analyseGroupBy(
  resolution: Resolution,
  clause: readonly Node[] | undefined,
  scope: Scope,
  outputs: RowShape,
): void {
  const stack: Node[] = (clause ?? []).toReversed();
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    if ('GroupingSet' in node) {
      resolution.levels[scope.level]!.mixes = true;
      stack.push(...(node.GroupingSet.content ?? []).toReversed());
    } else if ('RowExpr' in node && node.RowExpr.row_format === 'COERCE_IMPLICIT_CAST') {
      stack.push(...(node.RowExpr.args ?? []).toReversed());
    } else if ('ColumnRef' in node) {
      const [name] = stringsOf(node.ColumnRef.fields);
      const local = name === undefined ? 'none' : lookupColumn(scope, name, true).kind;
      const output = local === 'none' || local === 'perhaps';
      if (!output || !bindOutput(resolution, node.ColumnRef, outputs))
        walkExpression(resolution, node, scope);
    } else {
      walkExpression(resolution, node, scope);
    }
  }
}
