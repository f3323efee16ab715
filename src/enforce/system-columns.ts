/**
 * System columns of protected relations (manual, 5.6). tableoid names a table, and is open unless partitions were made by a
 * hidden column. The others tell of what is withheld: ctid how much lies between two rows and how long hidden values are,
 * xmin and its kin when anybody wrote.
 */
import type { Catalog } from '../catalog/types.js';
import type { ResolvedStatement } from '../resolve/types.js';
import type { ProtectedDecision } from '../rewrite/guarded-relation.js';
import { hiddenKeyBelow } from './partition-keys.js';
import { refuse } from './refusals.js';
import type { Refusal } from './types.js';

/** The first system column that this role may not see, as a refusal. */
export function refusedSystemColumn(
  resolved: ResolvedStatement,
  guarded: ReadonlyMap<number, ProtectedDecision>,
  catalog: Catalog,
): Refusal | undefined {
  for (const binding of resolved.columns.values()) {
    if (binding.kind !== 'system') continue;
    const decision = guarded.get(binding.use.id);
    // Of an INSERT's own rows RETURNING may show it (rewrite/write-columns.ts).
    const ofUpsert = binding.use.purpose === 'insert' && binding.name === 'xmax';
    if (decision === undefined || ofUpsert) continue;
    const { relation } = binding.use;
    const why = reason(binding.name, decision, () => hiddenKeyBelow(relation, decision, catalog));
    if (why === undefined) continue;
    return refuse('column-denied', {
      message: `system column "${binding.name}" of "${relation.schema}.${relation.name}" is not open to governed sessions`,
      detail: why,
      hint: 'select the primary key instead of a system column',
      rule: 'pgveil:shapes',
    });
  }
  return undefined;
}

function reason(
  name: string,
  decision: ProtectedDecision,
  partitionedBy: () => string | undefined,
): string | undefined {
  if (name === 'tableoid') {
    const key = partitionedBy();
    return key === undefined ? undefined : `it tells of column "${key}", by which the table is partitioned`;
  }
  if (decision.guards.length > 0) {
    return 'rows of the table are filtered, and it tells how many are withheld and when they changed';
  }
  const hides = [...decision.columns.values()].some((column) => column.kind !== 'clear');
  return name === 'ctid' && hides
    ? 'where a row lies depends on the length of hidden values in front of it'
    : undefined;
}
