/**
 * `where: deny`: a masked column that may be shown, and not be used to choose, sort, group, join or compute (SPEC 3).
 * What it flows through is followed: a subquery's column, an alias in ORDER BY, a star, a whole row, USING.
 */
import type { MultiAssignRef } from '@pgsql/types';
import type { ColumnBinding, Lineage, RelationUse, ResolvedStatement } from '../resolve/types.js';
import type { ProtectedDecision } from '../rewrite/guarded-relation.js';
import { walk, type Visit } from '../sql/walk.js';
import { isPlainOutput } from './plain-output.js';
import { refuse } from './refusals.js';
import type { Refusal } from './types.js';

interface DeniedColumn {
  readonly use: RelationUse;
  readonly attnum: number;
  readonly label: string;
}

/** The refusal of the first use of such a column beyond showing it. */
export function deniedUse(
  resolved: ResolvedStatement,
  decisions: ReadonlyMap<number, ProtectedDecision>,
): Refusal | undefined {
  const denied = deniedColumns(resolved, decisions);
  if (denied.length === 0) return undefined;
  for (const lineage of resolved.merged) {
    const column = touchedBy(lineage, denied);
    if (column !== undefined) return useRefusal(column);
  }
  let found: DeniedColumn | undefined;
  walk(resolved.statement.node, {
    enter(visit) {
      if (found !== undefined) return 'skip';
      // One source that the tree prints once per column of `SET (a, b) = …`; the first is looked at.
      if (visit.kind === 'MultiAssignRef' && ((visit.body as MultiAssignRef).colno ?? 1) > 1) return 'skip';
      if (visit.kind === 'ColumnRef') found = misused(visit, resolved, denied);
      return undefined;
    },
  });
  return found === undefined ? undefined : useRefusal(found);
}

function deniedColumns(
  resolved: ResolvedStatement,
  decisions: ReadonlyMap<number, ProtectedDecision>,
): readonly DeniedColumn[] {
  const found: DeniedColumn[] = [];
  for (const [id, { columns }] of decisions) {
    for (const [attnum, rule] of columns) {
      if (rule.kind !== 'masked' || rule.where !== 'deny') continue;
      found.push({ use: resolved.relations[id]!, attnum, label: rule.label });
    }
  }
  return found;
}

function misused(
  visit: Visit,
  resolved: ResolvedStatement,
  denied: readonly DeniedColumn[],
): DeniedColumn | undefined {
  const binding = resolved.columns.get(visit.body);
  const column = touchedByReference(binding, denied);
  if (column === undefined) return undefined;
  // FAIL-CLOSED: `c.f` that is no column calls f(c), and what was not found may be anything.
  if (binding === undefined || binding.kind === 'unresolved') return column;
  return isPlainOutput(visit) ? undefined : column;
}

function touchedByReference(
  binding: ColumnBinding | undefined,
  denied: readonly DeniedColumn[],
): DeniedColumn | undefined {
  switch (binding?.kind) {
    case 'column':
      return touchedBy(binding, denied);
    case 'row':
      return denied.find(({ use }) => use.id === binding.use.id);
    case 'star':
    case 'derived':
      return touchedBy(binding.lineage, denied);
    case 'system':
      return undefined;
    case 'unresolved':
    case undefined:
      return denied[0];
  }
}

function touchedBy(
  lineage: Lineage | { readonly kind: 'column'; readonly use: RelationUse; readonly attnum: number },
  denied: readonly DeniedColumn[],
): DeniedColumn | undefined {
  // FAIL-CLOSED: an origin that was not followed may be any of them.
  if (lineage.kind === 'unknown') return denied[0];
  const inputs = lineage.kind === 'column' ? [lineage] : lineage.inputs;
  for (const { use, attnum } of inputs) {
    const column = denied.find((each) => each.use.id === use.id && each.attnum === attnum);
    if (column !== undefined) return column;
  }
  return undefined;
}

function useRefusal({ use, attnum, label }: DeniedColumn): Refusal {
  const { schema, name, columns } = use.relation;
  const column = columns.find((each) => each.attnum === attnum)?.name ?? String(attnum);
  return refuse('column-denied', {
    message: `column "${schema}.${name}.${column}" cannot be used in conditions, sorting, grouping, joins or computations`,
    detail: `the policy lets this role see label "${label}" in results only (where: deny)`,
    hint: `select "${column}" as it is, and choose, sort and join by other columns`,
    rule: `label:${label}`,
  });
}
