/**
 * Which references of a query decide about its rows (which there are, how many, in what order) and not about its columns.
 * For views: who sees the rows learns of what they were chosen by. It binds nothing.
 */
import type { ColumnRef, Node, SelectStmt } from '@pgsql/types';
import { isSetOperation, pushChildren } from './ast.js';

/** The references below a query, save those in target lists whose values become columns and nothing else. */
export function rowConditionRefs(query: Node): ColumnRef[] {
  const found: ColumnRef[] = [];
  const queries: Node[] = [query];
  const items: Node[] = [];
  for (;;) {
    const item = items.pop();
    if (item !== undefined) {
      if ('RangeSubselect' in item && item.RangeSubselect.subquery !== undefined) {
        queries.push(item.RangeSubselect.subquery);
      } else if ('JoinExpr' in item) {
        const { larg, rarg, quals } = item.JoinExpr;
        for (const side of [larg, rarg]) if (side !== undefined) items.push(side);
        collect(quals, found);
      } else collect(item, found);
      continue;
    }
    const node = queries.pop();
    if (node === undefined) return found;
    if (!('SelectStmt' in node) || choosesByOutput(node.SelectStmt)) {
      collect(node, found);
      continue;
    }
    const { fromClause, withClause, larg, rarg, ...clauses } = node.SelectStmt;
    delete clauses.targetList;
    collect(clauses, found);
    items.push(...(fromClause ?? []));
    for (const side of [larg, rarg]) if (side !== undefined) queries.push({ SelectStmt: side });
    for (const cte of withClause?.ctes ?? []) {
      if ('CommonTableExpr' in cte && cte.CommonTableExpr.ctequery !== undefined) {
        queries.push(cte.CommonTableExpr.ctequery);
      }
    }
  }
}

/** DISTINCT, UNION and its kin compare the output, and a number in ORDER BY or GROUP BY stands for an output column. */
function choosesByOutput(select: SelectStmt): boolean {
  const merges = isSetOperation(select) && !(select.op === 'SETOP_UNION' && select.all === true);
  const ordinal = (node: Node): boolean =>
    'A_Const' in node ||
    ('SortBy' in node && node.SortBy.node !== undefined && ordinal(node.SortBy.node)) ||
    ('GroupingSet' in node && (node.GroupingSet.content ?? []).some(ordinal));
  return (
    merges ||
    select.distinctClause !== undefined ||
    [...(select.sortClause ?? []), ...(select.groupClause ?? [])].some(ordinal)
  );
}

function collect(root: object | undefined, into: ColumnRef[]): void {
  const stack: object[] = root === undefined ? [] : [root];
  for (let value = stack.pop(); value !== undefined; value = stack.pop()) {
    if ('ColumnRef' in value) into.push((value as { ColumnRef: ColumnRef }).ColumnRef);
    else pushChildren(value, stack);
  }
}
