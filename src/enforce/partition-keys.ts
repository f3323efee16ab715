/**
 * Partitioning by a hidden column: which partition a row is in tells its value, so neither the partition's name (tableoid)
 * nor the partition itself may be asked for by a role that does not see the column.
 */
import type { Catalog, Relation } from '../catalog/types.js';
import type { ProtectedDecision } from '../rewrite/guarded-relation.js';

/** The hidden column by which partitions above this one were made: reading it directly tells of it. */
export function hiddenKeyAbove(
  relation: Relation,
  decision: ProtectedDecision,
  catalog: Catalog,
): string | undefined {
  const above: Relation[] = [];
  const open = [...relation.parents];
  for (let oid = open.pop(); oid !== undefined; oid = open.pop()) {
    const parent = catalog.relationByOid(oid);
    if (parent === undefined || above.includes(parent)) continue;
    above.push(parent);
    open.push(...parent.parents);
  }
  return hiddenKey(above, relation, decision);
}

/** The hidden column by which partitions at or below this relation were made: tableoid tells of it. */
export function hiddenKeyBelow(
  relation: Relation,
  decision: ProtectedDecision,
  catalog: Catalog,
): string | undefined {
  return hiddenKey([relation, ...catalog.descendants(relation.oid)], relation, decision);
}

/** Columns of a family have one name in all its members. */
function hiddenKey(
  family: readonly Relation[],
  relation: Relation,
  decision: ProtectedDecision,
): string | undefined {
  const hidden = relation.columns.filter(({ attnum }) => decision.columns.get(attnum)?.kind !== 'clear');
  for (const member of family) {
    for (const attnum of member.partitionKey ?? []) {
      // FAIL-CLOSED: an expression may be made of any column.
      if (attnum === 0 && hidden.length > 0) return hidden[0]!.name;
      const name = member.columns.find((column) => column.attnum === attnum)?.name;
      if (hidden.some((column) => column.name === name)) return name;
    }
  }
  return undefined;
}
