/** Counts the columns of protected tables that no label names, for the metric and for `check`. */
import type { Catalog } from '../catalog/types.js';
import type { BoundPolicy } from '../policy/types.js';

/** Labels do not depend on the role, so one role's decisions tell; tables that it is denied are told by the next one. */
export function countUnlabelled(policy: BoundPolicy, catalog: Catalog): number {
  const sessions = [...policy.roles].flatMap(([role, { purposes }]) =>
    purposes.slice(0, 1).map((purpose) => ({ role, purpose })),
  );
  let count = 0;
  for (const relation of catalog.relations) {
    if (relation.kind !== 'table' && relation.kind !== 'partitioned-table') continue;
    for (const { role, purpose } of sessions) {
      const decision = policy.decide(role, purpose, relation.oid);
      if (decision.access !== 'protected') continue;
      for (const column of decision.columns.values()) if (column.label === undefined) count += 1;
      break;
    }
  }
  return count;
}
