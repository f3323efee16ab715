/**
 * How a guarded relation is called in the client's query once it is a derived table.
 *
 * A derived table has no schema. So where the client tells two tables of one name apart by their schemas, the guarded one
 * gets a name of ours, and every reference to it follows (rewrite/column-refs.ts).
 */
import { hasOpenNames } from '../resolve/open-names.js';
import type { RelationUse, ResolvedStatement } from '../resolve/types.js';

/** Use ids that are renamed. */
export type RenamedUses = ReadonlySet<number>;

/**
 * The guarded relations that a reference can name only by their schema. Undefined where besides them a name could not be
 * followed: it may be the ambiguous one, which would come to mean the other table.
 */
export function renamedUses(
  resolved: ResolvedStatement,
  guarded: ReadonlySet<number>,
): RenamedUses | undefined {
  const renamed = new Set<number>();
  for (const ref of resolved.schemaNeeded) {
    const binding = resolved.columns.get(ref);
    if (binding === undefined || binding.kind === 'derived' || binding.kind === 'unresolved') continue;
    const uses = binding.kind === 'star' ? binding.uses : [binding.use];
    for (const use of uses) if (guarded.has(use.id)) renamed.add(use.id);
  }
  // Two guarded tables of one name in one FROM would be one name twice, even where no reference needs a schema.
  for (const { uses } of resolved.levels) {
    const seen = new Map<string, RelationUse>();
    for (const use of uses) {
      const name = use.alias ?? use.relation.name;
      const other = seen.get(name);
      seen.set(name, use);
      if (other === undefined || other.relation.oid === use.relation.oid) continue;
      for (const each of [use, other])
        if (guarded.has(each.id) && each.alias === undefined) renamed.add(each.id);
    }
  }
  return renamed.size > 0 && hasOpenNames(resolved) ? undefined : renamed;
}

/** The name that references to it use. */
export function rangeName(use: RelationUse, renamed: RenamedUses): string {
  return renamed.has(use.id) ? `pgveil_n${use.id}` : (use.alias ?? use.relation.name);
}
