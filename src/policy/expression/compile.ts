/**
 * A policy's SQL text → pieces that are safe to put into a statement. Parsing is the sql station's; what may stand
 * in it, and how it is printed again, is decided here.
 */
import type { Node } from '@pgsql/types';
import type { ParseOutcome } from '../../sql/types.js';
import { replacePlaceholders } from './placeholders.js';
import { print, UnsupportedExpression, type ColumnLookup, type Piece } from './print.js';
import { comparisonOperators, type ExpressionUse } from './vocabulary.js';

/** PostgreSQL's parser over one text, as the sql station offers it. */
export type ExpressionParser = (sql: string) => ParseOutcome;

export type CompiledExpression =
  | {
      readonly ok: true;
      readonly node: Node;
      readonly pieces: readonly Piece[];
      readonly attributes: readonly string[];
    }
  | { readonly ok: false; readonly reason: string };

/** Fields of a SelectStmt that `SELECT (expression)` has; any other means that the text held more than that. */
const PLAIN_SELECT = new Set(['targetList', 'limitOption', 'op', 'groupDistinct', 'all']);

function loneExpression(outcome: ParseOutcome): { node: Node } | { reason: string } {
  if (!outcome.ok) return { reason: `not valid SQL: ${outcome.problem.message}` };
  const statement = outcome.statements.length === 1 ? outcome.statements[0]!.node : undefined;
  if (statement === undefined || !('SelectStmt' in statement)) return { reason: 'it must be one expression' };
  const select = statement.SelectStmt;
  const extra = Object.entries(select).some(([key, value]) => !PLAIN_SELECT.has(key) && value !== undefined);
  const target = select.targetList?.length === 1 ? select.targetList[0]! : undefined;
  if (extra || target === undefined || !('ResTarget' in target) || target.ResTarget.name !== undefined) {
    return { reason: 'it must be one expression' };
  }
  return target.ResTarget.val ? { node: target.ResTarget.val } : { reason: 'it is empty' };
}

/** Parses, checks and prints. `column` says what a name means. */
export function compileExpression(
  text: string,
  scope: { parser: ExpressionParser | undefined; use: ExpressionUse; column: ColumnLookup },
): CompiledExpression {
  if (scope.parser === undefined) return { ok: false, reason: 'no SQL parser is at hand to check it' };
  const replaced = replacePlaceholders(text);
  if ('problem' in replaced) return { ok: false, reason: replaced.problem };
  if (scope.use === 'mask' && replaced.attributes.length > 0) {
    return { ok: false, reason: 'a mask does not depend on the actor' };
  }
  const found = loneExpression(scope.parser(`SELECT (${replaced.sql}\n)`));
  if ('reason' in found) return { ok: false, reason: found.reason };
  try {
    const pieces = print(found.node, { ...scope, attributes: replaced.attributes }, undefined);
    return { ok: true, node: found.node, pieces, attributes: replaced.attributes };
  } catch (error) {
    if (error instanceof UnsupportedExpression) return { ok: false, reason: error.message };
    throw error;
  }
}

/** Whether an expression is true or false by its form. */
export function isCondition(node: Node, isBooleanColumn: (parts: readonly string[]) => boolean): boolean {
  if ('BoolExpr' in node) return (node.BoolExpr.args ?? []).every((one) => isCondition(one, isBooleanColumn));
  if ('NullTest' in node || 'BooleanTest' in node) return true;
  if ('A_Const' in node) return node.A_Const.boolval !== undefined;
  if ('ColumnRef' in node) {
    return isBooleanColumn(
      (node.ColumnRef.fields ?? []).map((one) => ('String' in one ? (one.String.sval ?? '') : '*')),
    );
  }
  if ('FuncCall' in node) {
    const last = node.FuncCall.funcname?.at(-1);
    const name = last && 'String' in last ? last.String.sval : undefined;
    return name === 'starts_with' || name === 'jsonb_exists';
  }
  if ('A_Expr' in node) {
    if (node.A_Expr.kind !== 'AEXPR_OP') return true;
    const last = node.A_Expr.name?.at(-1);
    const name = last && 'String' in last ? (last.String.sval ?? '') : '';
    return comparisonOperators.has(name === '!=' ? '<>' : name);
  }
  return false;
}
