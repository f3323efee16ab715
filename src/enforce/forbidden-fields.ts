/**
 * The base columns that must never be the origin of a result field for a role and purpose: all but the bare ones.
 * Computed over the whole catalog and not from the statement, so that the guard on the wire does not rest on the
 * resolver having found every relation (DESIGN 5.7).
 */
import type { BoundPolicy } from '../policy/types.js';
import { isBareColumn } from '../rewrite/guarded-relation.js';
import { decideSystemCatalog, isSystemCatalog } from './system-catalogs.js';
import type { EnforceContext } from './types.js';

const memo = new WeakMap<BoundPolicy, Map<string, ReadonlySet<string>>>();

/** `tableOid:attnum` entries; the same context, role and purpose give the same object. */
export function forbiddenFields(context: EnforceContext, role: string, purpose: string): ReadonlySet<string> {
  let byRole = memo.get(context.policy);
  if (byRole === undefined) memo.set(context.policy, (byRole = new Map<string, ReadonlySet<string>>()));
  const key = JSON.stringify([role, purpose]);
  let fields = byRole.get(key);
  if (fields === undefined) byRole.set(key, (fields = collect(context, role, purpose)));
  return fields;
}

function collect({ catalog, policy }: EnforceContext, role: string, purpose: string): ReadonlySet<string> {
  const fields = new Set<string>();
  for (const relation of catalog.relations) {
    const decision = isSystemCatalog(relation)
      ? decideSystemCatalog(relation)
      : policy.decide(role, purpose, relation.oid);
    if (decision.access === 'open') continue;
    for (const column of relation.columns) {
      if (decision.access === 'protected' && isBareColumn(column.attnum, decision)) continue;
      fields.add(`${relation.oid}:${column.attnum}`);
    }
  }
  return fields;
}
