/**
 * Walks an expression in a scope: binds its columns, records functions and operators, and hands subqueries on.
 * Iterative, because a chain of thousands of operators parses and would overflow a recursive walker.
 */
import type { A_Expr, A_Indirection, FuncCall, Node, SubLink } from '@pgsql/types';
import { isAggregateName } from './aggregates.js';
import { pushChildren, stringOf, stringsOf } from './ast.js';
import { bindColumnRef, classifyReference, recordAttributeCall } from './column-ref.js';
import type { Resolution } from './resolution.js';
import { castLineage, keepingCast } from './casts.js';
import { isBelow } from './equalities.js';
import { combine, sameValues, UNKNOWN } from './row-shape.js';
import type { Scope } from './scope.js';
import { columnOfEntry } from './scope.js';
import { namedSpan } from './spans.js';
import type { FunctionUse, Lineage } from './types.js';

/** The operators that BETWEEN and its relatives stand for (transformAExprBetween in parse_expr.c). */
const BETWEEN_OPERATORS: Readonly<Record<string, readonly string[]>> = {
  AEXPR_BETWEEN: ['>=', '<='],
  AEXPR_BETWEEN_SYM: ['>=', '<='],
  AEXPR_NOT_BETWEEN: ['<', '>'],
  AEXPR_NOT_BETWEEN_SYM: ['<', '>'],
};

function recordOperators(resolution: Resolution, expression: A_Expr): void {
  const between = BETWEEN_OPERATORS[expression.kind ?? ''];
  if (between === undefined) resolution.operators.push({ name: stringsOf(expression.name) });
  else for (const name of between) resolution.operators.push({ name: [name] });
}

function recordFunction(resolution: Resolution, call: FuncCall, scope: Scope): void {
  const name = stringsOf(call.funcname);
  const nameSpan = namedSpan(resolution.statement, call.location, name);
  const use: FunctionUse = { node: call, name, nameSpan, argumentCount: call.args?.length ?? 0 };
  const functionalColumn = functionalColumnOf(resolution, call, scope);
  resolution.functions.push(functionalColumn === undefined ? use : { ...use, functionalColumn });
  const decorated = call.over ?? call.agg_filter ?? call.agg_order ?? call.agg_star ?? call.agg_distinct;
  const builtin =
    name.length === 1 ? resolution.catalog.hasBuiltinFunction(name[0]!) : name[0] === 'pg_catalog';
  const base = name.at(-1) ?? '';
  if (
    decorated !== undefined ||
    !builtin ||
    isAggregateName(base) ||
    resolution.catalog.userFunctions(base).length > 0
  ) {
    resolution.markAggregated(scope);
  }
  if (call.over !== undefined) resolution.levels[scope.level]!.mixes = true;
}

function functionalColumnOf(
  resolution: Resolution,
  call: FuncCall,
  scope: Scope,
): FunctionUse['functionalColumn'] {
  const argument = call.args?.[0];
  if (call.args?.length !== 1 || call.funcname?.length !== 1 || argument === undefined) return undefined;
  if (!('ColumnRef' in argument)) return undefined;
  const reference = classifyReference(resolution, argument.ColumnRef, scope);
  if (reference.kind !== 'row') return undefined;
  const found = columnOfEntry(reference.entry, stringOf(call.funcname[0]) ?? '', 0);
  if (found.kind !== 'column' || !found.column.direct || found.column.lineage.kind !== 'column')
    return undefined;
  return { use: found.column.lineage.use, attnum: found.column.lineage.attnum };
}

function recordFieldSelections(resolution: Resolution, indirection: A_Indirection, scope: Scope): void {
  if (wholeRowField(resolution, indirection, scope) !== undefined) return;
  for (const name of stringsOf(indirection.indirection))
    recordAttributeCall(resolution, name, undefined, scope);
}

/** `(c).email` with c a whole row: the server reads the column itself (ParseComplexProjection in parse_func.c). */
export function wholeRowField(
  resolution: Resolution,
  indirection: A_Indirection,
  scope: Scope,
): Lineage | undefined {
  const { arg, indirection: fields } = indirection;
  const field = fields?.length === 1 ? stringOf(fields[0]) : undefined;
  if (field === undefined || arg === undefined || !('ColumnRef' in arg)) return undefined;
  const reference = classifyReference(resolution, arg.ColumnRef, scope);
  if (reference.kind !== 'row') return undefined;
  const found = columnOfEntry(reference.entry, field, 0);
  return found.kind === 'column' ? found.column.lineage : undefined;
}

function recordSubLink(resolution: Resolution, link: SubLink): void {
  if (link.operName !== undefined) resolution.operators.push({ name: stringsOf(link.operName) });
  else if (link.testexpr !== undefined) resolution.operators.push({ name: ['='] });
}

/** Handles one node; false when its children are still to be walked in the same way. */
function visit(resolution: Resolution, node: Node, scope: Scope, stack: object[]): boolean {
  if ('ColumnRef' in node) {
    bindColumnRef(resolution, node.ColumnRef, scope);
    return true;
  }
  if ('SelectStmt' in node) {
    resolution.analyseQuery(resolution, node, scope, 'other');
    return true;
  }
  if ('SubLink' in node) {
    recordSubLink(resolution, node.SubLink);
    if (analyseMembership(resolution, node.SubLink, scope)) return true;
    if (node.SubLink.subselect !== undefined) stack.push(node.SubLink.subselect);
    if (node.SubLink.testexpr !== undefined) stack.push(node.SubLink.testexpr);
    return true;
  }
  if ('A_Expr' in node) recordOperators(resolution, node.A_Expr);
  else if ('FuncCall' in node) recordFunction(resolution, node.FuncCall, scope);
  else if ('A_Indirection' in node) recordFieldSelections(resolution, node.A_Indirection, scope);
  else if ('CaseExpr' in node && node.CaseExpr.arg !== undefined) resolution.operators.push({ name: ['='] });
  else if ('SortBy' in node && node.SortBy.useOp !== undefined) {
    resolution.operators.push({ name: stringsOf(node.SortBy.useOp) });
  } else if ('JsonObjectAgg' in node || 'JsonArrayAgg' in node || 'GroupingFunc' in node) {
    resolution.markAggregated(scope);
    // Whether it is a window function its constructor says; GROUPING tells of grouping sets.
    resolution.levels[scope.level]!.mixes = true;
  }
  return false;
}

/** `column IN (SELECT …)`: what the rows of the subquery decide, those decide that equal the column. */
function analyseMembership(resolution: Resolution, link: SubLink, scope: Scope): boolean {
  const { subLinkType, operName, testexpr, subselect } = link;
  if (subLinkType !== 'ANY_SUBLINK' || operName !== undefined) return false;
  if (testexpr === undefined || !('ColumnRef' in testexpr)) return false;
  if (subselect === undefined || !('SelectStmt' in subselect)) return false;
  const to = bindColumnRef(resolution, testexpr.ColumnRef, scope);
  const level = resolution.levels.length;
  const shape = resolution.analyseQuery(resolution, subselect, scope, 'other');
  const { limitCount, limitOffset, distinctClause } = subselect.SelectStmt;
  const [from] = shape.columns;
  // Which rows LIMIT leaves depends on all of them.
  const whole = limitCount === undefined && limitOffset === undefined && distinctClause === undefined;
  // And which are compared where the value is from around the subquery, the row there.
  const own = sameValues(from?.lineage ?? UNKNOWN) ?? [];
  if (whole && from && own.every(({ use }) => isBelow(use.level, [level], resolution.levels)))
    resolution.equalities.push({ from: from.lineage, to });
  return true;
}

/** Walks an expression, or a list of them. */
export function walkExpression(resolution: Resolution, root: object | undefined, scope: Scope): void {
  if (root === undefined) return;
  const stack: object[] = [root];
  for (let value = stack.pop(); value !== undefined; value = stack.pop()) {
    if (Array.isArray(value) || !visit(resolution, value as Node, scope, stack)) pushChildren(value, stack);
  }
}

/** Walks an expression and says what it is computed from: always an expression, never a column passed on. */
export function expressionLineage(resolution: Resolution, root: object | undefined, scope: Scope): Lineage {
  const mark = resolution.trace.length;
  walkExpression(resolution, root, scope);
  return combine(resolution.trace.slice(mark));
}

/** As expressionLineage, but a bare column, or a field of a whole row, keeps its identity. */
export function valueLineage(resolution: Resolution, node: Node | undefined, scope: Scope): Lineage {
  if (node !== undefined && 'ColumnRef' in node) return bindColumnRef(resolution, node.ColumnRef, scope);
  const cast = node !== undefined && 'TypeCast' in node ? keepingCast(node.TypeCast) : undefined;
  if (node !== undefined && 'TypeCast' in node && cast !== undefined)
    return castLineage(valueLineage(resolution, node.TypeCast.arg, scope), cast);
  const computed = expressionLineage(resolution, node, scope);
  const field =
    node !== undefined && 'A_Indirection' in node
      ? wholeRowField(resolution, node.A_Indirection, scope)
      : undefined;
  return field ?? computed;
}
