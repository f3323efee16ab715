/** Output columns of subqueries that have their name from a column reference (FigureColnameInternal in parse_target.c). */
import type { ColumnRef, Node, ResTarget } from '@pgsql/types';
import { walk } from '../sql/walk.js';

/**
 * The references that name an output column without AS, with their items. `except` are items of the statement's own
 * list, which are named elsewhere.
 */
export function columnsThatName(statement: Node, except: readonly Node[]): ReadonlyMap<ColumnRef, ResTarget> {
  const skipped = new Set<unknown>(except.map((node) => ('ResTarget' in node ? node.ResTarget : node)));
  const found = new Map<ColumnRef, ResTarget>();
  walk(statement, {
    enter({ kind, body }) {
      if (kind !== 'ResTarget' || skipped.has(body)) return;
      const item = body as ResTarget;
      const ref = item.name === undefined ? namingColumn(item.val) : undefined;
      if (ref !== undefined) found.set(ref, item);
    },
  });
  return found;
}

/** A subquery's name comes from its own output column, which is an item of its own. */
function namingColumn(expression: Node | undefined): ColumnRef | undefined {
  let node = expression;
  while (node !== undefined) {
    if ('ColumnRef' in node) return node.ColumnRef;
    if ('TypeCast' in node) node = node.TypeCast.arg;
    else if ('CollateClause' in node) node = node.CollateClause.arg;
    else if ('CaseExpr' in node) node = node.CaseExpr.defresult;
    else if ('A_Indirection' in node) node = node.A_Indirection.arg;
    else return undefined;
  }
  return undefined;
}
