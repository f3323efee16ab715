/** INVARIANT(every-reference-bound): what a rewrite knows of a statement's columns is all that there is. */
import type { MultiAssignRef } from '@pgsql/types';
import type { ResolvedStatement } from '../resolve/types.js';
import { walk } from '../sql/walk.js';

/** True when the tree holds a column reference that the resolver has not bound. */
export function unreadReferences({ statement, columns }: ResolvedStatement): boolean {
  let unread = 0;
  walk(statement.node, {
    enter({ kind, body }) {
      // `SET (a, b) = (SELECT …)` is one source that the tree prints once per column; the first was looked at.
      if (kind === 'MultiAssignRef' && ((body as MultiAssignRef).colno ?? 1) > 1) return 'skip';
      if (kind === 'ColumnRef' && !columns.has(body)) unread += 1;
      return undefined;
    },
  });
  return unread > 0;
}
