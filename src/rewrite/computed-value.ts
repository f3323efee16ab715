/** Values that are made out of a column, as opposed to the column's own value passed on. */
import type { ColumnRef, Node } from '@pgsql/types';

/**
 * True when the expression makes a new value out of a reference that `own` accepts: `notes || 'x'`, `n - 1`. COALESCE,
 * CASE and the like pass a value on as it is, and what they only test does not count.
 */
export function computesFrom(expression: Node | undefined, own: (ref: ColumnRef) => boolean): boolean {
  const pending: (Node | undefined)[] = [expression];
  while (pending.length > 0) {
    const node = pending.pop();
    if (node === undefined || 'ColumnRef' in node) continue;
    const passed = passedOn(node);
    if (passed !== undefined) pending.push(...passed);
    else if (columnRefsBelow(node).some(own)) return true;
  }
  return false;
}

/** The operands one of which is the result; undefined for whatever computes. */
function passedOn(node: Node): readonly (Node | undefined)[] | undefined {
  if ('TypeCast' in node) return [node.TypeCast.arg];
  if ('CollateClause' in node) return [node.CollateClause.arg];
  if ('CoalesceExpr' in node) return node.CoalesceExpr.args ?? [];
  if ('MinMaxExpr' in node) return node.MinMaxExpr.args ?? [];
  if ('A_Expr' in node && node.A_Expr.kind === 'AEXPR_NULLIF') return [node.A_Expr.lexpr];
  if ('CaseExpr' in node) {
    const { args, defresult } = node.CaseExpr;
    return [defresult, ...(args ?? []).map((each) => ('CaseWhen' in each ? each.CaseWhen.result : each))];
  }
  return undefined;
}

/** Every column reference in a piece of a tree. */
export function columnRefsBelow(root: object): readonly ColumnRef[] {
  const refs: ColumnRef[] = [];
  const pending: unknown[] = [root];
  while (pending.length > 0) {
    const node = pending.pop();
    if (typeof node !== 'object' || node === null) continue;
    for (const [key, value] of Object.entries(node)) {
      if (key === 'ColumnRef') refs.push(value as ColumnRef);
      pending.push(value);
    }
  }
  return refs;
}
