/**
 * FOR UPDATE and its kin over guarded relations.
 *
 * PostgreSQL pushes a locking clause on a subquery down to every table in its FROM, at any depth, and to nothing else
 * (transformLockingClause, analyze.c). A lock that was pushed down, unlike one that was written inside, does not keep the
 * planner from flattening the subquery (is_simple_subquery, prepjointree.c: hasForUpdate), so the rows are locked where
 * the client's own query would lock them: after its conditions, its sort and each SKIP LOCKED, before its LIMIT.
 * A clause of ours inside the derived table would lock every row that a sort reads.
 *
 * So the client's clause stays as it is, and the guard moves: a derived table that a lock can reach has the protected
 * relation alone in FROM, and asks for the consents in a scalar subquery, which no lock reaches.
 */
import type { ResolvedStatement } from '../resolve/types.js';

/** The guarded relations, by use id, that a locking clause of the statement may lock. */
export function lockedUses(resolved: ResolvedStatement, guarded: ReadonlySet<number>): ReadonlySet<number> {
  const locking = new Set<number>();
  for (const { id, select } of resolved.levels) {
    if ((select?.lockingClause ?? []).length > 0) locking.add(id);
  }
  const locked = new Set<number>();
  if (locking.size === 0) return locked;
  for (const use of resolved.relations) {
    if (guarded.has(use.id) && isBelow(resolved, use.level, locking)) locked.add(use.id);
  }
  return locked;
}

/** True for a level with a locking clause and every level below it; more than a lock reaches, never less. */
function isBelow(resolved: ResolvedStatement, level: number, locking: ReadonlySet<number>): boolean {
  for (let at: number | undefined = level; at !== undefined; at = resolved.levels[at]?.parent) {
    if (locking.has(at)) return true;
  }
  return false;
}
