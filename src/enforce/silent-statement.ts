/** Which statements cannot return a row, from their form alone. It knows no catalogs: relations with rules are refused elsewhere. */
import type { Node } from '@pgsql/types';

/**
 * COPY FROM, and writes without RETURNING. A rule could make a write return rows (rewriteHandler.c), and writes to
 * relations with rules are refused (write-constraints.ts).
 */
export function isSilent(node: Node): boolean {
  if ('CopyStmt' in node) return node.CopyStmt.is_from === true;
  if ('InsertStmt' in node) return node.InsertStmt.returningClause === undefined;
  if ('UpdateStmt' in node) return node.UpdateStmt.returningClause === undefined;
  if ('DeleteStmt' in node) return node.DeleteStmt.returningClause === undefined;
  if ('MergeStmt' in node) return node.MergeStmt.returningClause === undefined;
  return false;
}
