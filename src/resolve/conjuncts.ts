/** The AND-ed parts of a condition, one by one. */
import type { Node } from '@pgsql/types';

/** Top-level conjuncts in source order; none for an absent condition. */
export function conjunctsOf(condition: Node | undefined): Node[] {
  const found: Node[] = [];
  const stack: Node[] = condition === undefined ? [] : [condition];
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    if ('BoolExpr' in node && node.BoolExpr.boolop === 'AND_EXPR')
      stack.push(...(node.BoolExpr.args ?? []).toReversed());
    else found.push(node);
  }
  return found;
}
