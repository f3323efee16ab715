/** Which protected columns a statement reads, and how each leaves: the audit's facts, and the refusal of denied ones. */
import type { Catalog } from '../catalog/types.js';
import type { ColumnDecision } from '../policy/types.js';
import type { Lineage, RelationUse, ResolvedStatement } from '../resolve/types.js';
import type { ProtectedDecision } from '../rewrite/guarded-relation.js';
import { copiedColumns } from '../rewrite/copy-table.js';
import { equalityUse } from './equality-operators.js';
import { refuse } from './refusals.js';
import type { OutputExposure, Refusal } from './types.js';
import { deniedUse } from './where-deny.js';

export interface ColumnReading {
  /** `schema.table.column` → how it is shown. */
  readonly columns: Readonly<Record<string, 'clear' | 'masked' | 'denied'>>;
  readonly maskedLabels: readonly string[];
  /** With how many values real ones are compared. */
  readonly lookups: number;
  readonly refusal: Refusal | undefined;
}

/** Every protected column that the statement names, directly, by `*` or by a whole row. */
export function readColumns(
  resolved: ResolvedStatement,
  guarded: ReadonlyMap<number, ProtectedDecision>,
  catalog: Catalog,
): ColumnReading {
  const columns: Record<string, 'clear' | 'masked' | 'denied'> = {};
  const labels = new Set<string>();
  const denied: { use: RelationUse; attnum: number }[] = [];
  const note = (use: RelationUse, attnum: number): void => {
    const decision = guarded.get(use.id);
    if (decision === undefined) return;
    const rule = decision.columns.get(attnum);
    const kind = rule?.kind ?? 'denied';
    const column = use.relation.columns.find((each) => each.attnum === attnum);
    columns[`${use.relation.schema}.${use.relation.name}.${column?.name ?? String(attnum)}`] = kind;
    if (rule?.kind === 'masked') labels.add(rule.label);
    if (kind === 'denied') denied.push({ use, attnum });
  };
  const noteAll = (use: RelationUse): void => {
    if (guarded.has(use.id)) for (const column of use.relation.columns) note(use, column.attnum);
  };
  for (const binding of resolved.columns.values()) {
    if (binding.kind === 'column') note(binding.use, binding.attnum);
    else if (binding.kind === 'row') noteAll(binding.use);
    else if (binding.kind === 'star') binding.uses.forEach(noteAll);
  }
  noteSpecialForms(resolved, noteAll, note);
  const equality = equalityUse(resolved, guarded, catalog);
  return {
    columns,
    maskedLabels: [...labels],
    lookups: equality.lookups,
    refusal:
      denied.length > 0
        ? columnRefusal(denied[0]!, guarded)
        : (deniedUse(resolved, guarded) ?? equality.refusal),
  };
}

/** `TABLE t` and `COPY t TO` read columns without naming them. */
function noteSpecialForms(
  resolved: ResolvedStatement,
  noteAll: (use: RelationUse) => void,
  note: (use: RelationUse, attnum: number) => void,
): void {
  const statement = resolved.statement.node;
  for (const use of resolved.relations) {
    if (use.tableCommandSpan !== undefined) noteAll(use);
    if (!('CopyStmt' in statement) || statement.CopyStmt.relation !== use.node) continue;
    const names = copiedColumns(statement.CopyStmt);
    for (const column of use.relation.columns) {
      if (names === undefined || names.includes(column.name)) note(use, column.attnum);
    }
  }
}

function columnRefusal(
  { use, attnum }: { use: RelationUse; attnum: number },
  guarded: ReadonlyMap<number, ProtectedDecision>,
): Refusal {
  const decision = guarded.get(use.id);
  const readable = use.relation.columns
    .filter((column) => (decision?.columns.get(column.attnum)?.kind ?? 'denied') !== 'denied')
    .map((column) => column.name);
  const column = use.relation.columns.find((each) => each.attnum === attnum);
  const label = decision?.columns.get(attnum)?.label;
  const name = `${use.relation.schema}.${use.relation.name}.${column?.name ?? String(attnum)}`;
  return refuse('column-denied', {
    message: `column "${name}" is denied`,
    detail:
      label === undefined
        ? 'the policy denies columns of protected tables that carry no label'
        : `the policy denies label "${label}" to this role`,
    hint: `leave it out; columns that can be read: ${readable.join(', ')}`,
    rule: label === undefined ? 'unlabelled' : `label:${label}`,
  });
}

/** How each output column of the statement leaves the proxy. */
export function outputExposures(
  resolved: ResolvedStatement,
  guarded: ReadonlyMap<number, ProtectedDecision>,
): readonly OutputExposure[] | undefined {
  return resolved.outputs?.map(({ name, lineage }): OutputExposure => {
    const mask = strongest(lineage, guarded);
    if (mask === 'clear') return { name, exposure: 'clear' };
    if (mask === 'unknown') return { name, exposure: 'unknown' };
    return { name, exposure: 'masked', mask: mask.mask, label: mask.label };
  });
}

function strongest(
  lineage: Lineage,
  guarded: ReadonlyMap<number, ProtectedDecision>,
): 'clear' | 'unknown' | Extract<ColumnDecision, { kind: 'masked' }> {
  if (lineage.kind === 'unknown') return guarded.size === 0 ? 'clear' : 'unknown';
  const inputs = lineage.kind === 'column' ? [lineage] : lineage.inputs;
  for (const { use, attnum } of inputs) {
    const rule = guarded.get(use.id)?.columns.get(attnum);
    if (rule?.kind === 'masked') return rule;
  }
  return 'clear';
}
