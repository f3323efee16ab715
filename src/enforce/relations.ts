/** What the policy, or the list of system catalogs, says of each relation that a statement names. */
import type { Relation } from '../catalog/types.js';
import type { BoundPolicy, RelationDecision } from '../policy/types.js';
import type { RelationUse, ResolvedStatement } from '../resolve/types.js';
import type { ProtectedDecision } from '../rewrite/guarded-relation.js';
import { sampleOf } from '../rewrite/table-sample.js';
import { refuse } from './refusals.js';
import { refusedSample } from './table-sample.js';
import { decideSystemCatalog, isSystemCatalog } from './system-catalogs.js';
import { hiddenKeyAbove } from './partition-keys.js';
import type { EnforceContext, Refusal, SessionFacts } from './types.js';

export type RelationsOutcome =
  | {
      readonly ok: true;
      /** Protected relations that are read, by use id. */
      readonly guarded: ReadonlyMap<number, ProtectedDecision>;
      /** Protected relations that are written. */
      readonly written: ReadonlyMap<number, ProtectedDecision>;
    }
  | { readonly ok: false; readonly refusal: Refusal };

/** The decision for one relation; system catalogs are not the policy's business. */
export function decideRelation(
  use: RelationUse,
  session: Pick<SessionFacts, 'role' | 'purpose'>,
  policy: BoundPolicy,
): RelationDecision {
  if (isSystemCatalog(use.relation)) return decideSystemCatalog(use.relation);
  // FAIL-CLOSED: whose a sequence is the catalog does not tell, and its counter tells how many rows were written.
  if (use.relation.kind === 'sequence') {
    return {
      access: 'denied',
      rule: 'pgveil:sequences',
      reason: 'the counter of a sequence tells how many rows were written, withheld ones included',
      hint: 'call nextval() or currval(); pg_sequence tells how the sequence is defined',
    };
  }
  return policy.decide(session.role, session.purpose, use.relation.oid);
}

/** The decision for a table that a view stands on. */
export function decideBase(
  relation: Relation,
  session: Pick<SessionFacts, 'role' | 'purpose'>,
  policy: BoundPolicy,
): RelationDecision {
  if (isSystemCatalog(relation)) return decideSystemCatalog(relation);
  return policy.decide(session.role, session.purpose, relation.oid);
}

/** Decides on every relation; deny wins. */
export function decideRelations(
  resolved: ResolvedStatement,
  session: SessionFacts,
  { policy, catalog }: EnforceContext,
): RelationsOutcome {
  const guarded = new Map<number, ProtectedDecision>();
  const written = new Map<number, ProtectedDecision>();
  for (const use of resolved.relations) {
    const decision = decideRelation(use, session, policy);
    const name = `${use.relation.schema}.${use.relation.name}`;
    const writes = use.purpose !== 'read';
    switch (decision.access) {
      case 'denied':
        return {
          ok: false,
          refusal: refuse(isSystemCatalog(use.relation) ? 'catalog-denied' : 'relation-denied', {
            message: `relation "${name}" is not open to role "${session.role}" for purpose "${session.purpose}"`,
            detail: decision.reason,
            hint: decision.hint,
            rule: decision.rule,
          }),
        };
      case 'open':
        if (writes && isSystemCatalog(use.relation)) return { ok: false, refusal: writeRefusal(name) };
        break;
      case 'protected': {
        const key = hiddenKeyAbove(use.relation, decision, catalog);
        if (key !== undefined) return { ok: false, refusal: partitionRefusal(name, key) };
        if (writes) {
          if (!writable(use)) return { ok: false, refusal: writeRefusal(name) };
          written.set(use.id, decision);
          break;
        }
        if (use.tableSample) {
          const refusal = refusedSample(name, sampleOf(resolved, use), decision);
          if (refusal !== undefined) return { ok: false, refusal };
        }
        guarded.set(use.id, decision);
        break;
      }
    }
  }
  return { ok: true, guarded, written };
}

/**
 * A view passes the write on to one table; written-view.ts asks whether the view knows all that guards that table. What
 * a foreign table's wrapper would make of a guard is not known.
 */
function writable({ purpose, relation }: RelationUse): boolean {
  const kinds: readonly string[] = ['insert', 'update', 'delete', 'merge'];
  if (relation.kind === 'view') return kinds.includes(purpose);
  const isTable = relation.kind === 'table' || relation.kind === 'partitioned-table';
  return isTable && (kinds.includes(purpose) || purpose === 'copy-from');
}

function writeRefusal(name: string): Refusal {
  return refuse('write-not-supported', {
    message: `this write to protected relation "${name}" is not supported for governed sessions`,
    detail:
      'INSERT, UPDATE, DELETE, MERGE and COPY FROM STDIN of tables are, and writes through views; foreign tables, COPY into a view and TRUNCATE are not',
    hint: 'write to the table itself with INSERT, UPDATE, DELETE or MERGE',
    rule: 'pgveil:writes',
  });
}

function partitionRefusal(name: string, key: string): Refusal {
  return refuse('relation-denied', {
    message: `partition "${name}" is not open by itself`,
    detail: `it holds the rows of certain values of column "${key}", which this role does not see`,
    hint: 'name the partitioned table',
    rule: 'pgveil:partitions',
  });
}
