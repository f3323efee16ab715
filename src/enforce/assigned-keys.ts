/** Whether a write gives a row another key, under which what was somebody else's would be shown. It knows trees alone. */
import type { Node } from '@pgsql/types';
import type { RelationUse } from '../resolve/types.js';
import type { WriteStatement } from '../rewrite/write-context.js';

/** True also where that cannot be told. INSERT makes a row, so the key that it gives is the row's own. */
export function assignsKey(
  write: WriteStatement | undefined,
  { relation }: RelationUse,
  keys: readonly number[],
): boolean {
  const columns = relation.columns.filter(({ attnum }) => keys.includes(attnum));
  const names = new Set(columns.map(({ name }) => name));
  // A generated one changes with whatever it is computed from.
  const generated = columns.some((column) => column.generated);
  const assigns = (targets: readonly Node[] | undefined): boolean =>
    targets !== undefined &&
    (generated || targets.some((node) => !('ResTarget' in node) || names.has(node.ResTarget.name ?? '')));
  switch (write?.kind) {
    case 'insert':
      return assigns(write.node.onConflictClause?.targetList);
    case 'update':
      return assigns(write.node.targetList);
    case 'delete':
      return false;
    case 'merge':
      return (write.node.mergeWhenClauses ?? []).some(
        (clause) =>
          !('MergeWhenClause' in clause) ||
          (clause.MergeWhenClause.commandType === 'CMD_UPDATE' && assigns(clause.MergeWhenClause.targetList)),
      );
    case undefined:
      return true;
  }
}
