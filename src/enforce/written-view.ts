/**
 * Writes through views. The server passes them on to the view's one table (manual, CREATE VIEW, Updatable Views), and
 * the guards and masks of the view's own columns go with them: so the view has to know all that guards the table.
 */
import type { Relation } from '../catalog/types.js';
import type { RelationDecision } from '../policy/types.js';
import { viewLineage, type BaseUse, type ViewLineage } from '../resolve/lineage.js';
import type { ProtectedDecision } from '../rewrite/guarded-relation.js';
import { refuse } from './refusals.js';
import type { Refusal } from './types.js';
import {
  checkRefusal,
  hiddenColumns,
  ruleRefusal,
  tellingCheck,
  type ConstraintContext,
} from './telling-checks.js';

/** The refusal, when a write through this view may not run. `names` are the assigned columns; an open view has no decision. */
export function writtenView(
  view: Relation,
  decision: ProtectedDecision | undefined,
  names: ReadonlySet<string>,
  context: ConstraintContext,
): Refusal | undefined {
  const lineage = viewLineage(view, context.catalog, context.parse);
  // FAIL-CLOSED: nobody can tell which table would be written.
  if (lineage === undefined) return viewRefusal(view, 'its definition cannot be followed to base tables');
  const behind = [...lineage.views, ...lineage.bases.map((base) => base.relation)];
  const ruled = behind.find((relation) => relation.rules === true);
  if (ruled !== undefined) return ruleRefusal(ruled);
  for (const base of lineage.bases) {
    const rule = context.decide(base.relation);
    const missing = missingGuard(rule, decision);
    if (missing !== undefined) {
      const name = `"${base.relation.schema}.${base.relation.name}"`;
      return viewRefusal(view, `rule "${missing}" on ${name} does not reach through it`);
    }
    const hidden = hiddenBehind(view, lineage, base, rule, decision);
    const written = columnsBehind(view, lineage, base, (name) => names.has(name));
    const found = tellingCheck(base.relation, hidden, written, context);
    if (found !== undefined) return checkRefusal(view, found);
  }
  return undefined;
}

/** FAIL-CLOSED: a rule of the table that the view's own decision does not have. */
function missingGuard(base: RelationDecision, view: ProtectedDecision | undefined): string | undefined {
  switch (base.access) {
    case 'open':
      return undefined;
    case 'denied':
      return base.rule;
    case 'protected': {
      if (view === undefined) return base.rules[0] ?? 'pgveil:writes';
      const known = new Set(view.guards.map((guard) => guard.rule));
      return base.guards.find((guard) => !known.has(guard.rule))?.rule;
    }
  }
}

/** Columns of the table that the role does not see as they are stored, there or through the view. */
function hiddenBehind(
  view: Relation,
  lineage: ViewLineage,
  base: BaseUse,
  rule: RelationDecision,
  decision: ProtectedDecision | undefined,
): ReadonlySet<string> {
  const there = rule.access === 'protected' ? hiddenColumns(base.relation, rule) : new Set<string>();
  const here = decision === undefined ? new Set<string>() : hiddenColumns(view, decision);
  return new Set([...there, ...columnsBehind(view, lineage, base, (name) => here.has(name))]);
}

/** The table's columns that the view shows unchanged under names that are asked for. */
function columnsBehind(
  view: Relation,
  lineage: ViewLineage,
  base: BaseUse,
  asked: (name: string) => boolean,
): ReadonlySet<string> {
  const names = new Set<string>();
  view.columns.forEach((column, index) => {
    const origin = lineage.outputs[index]?.lineage;
    if (!asked(column.name) || origin?.kind !== 'column' || origin.use !== base) return;
    const found = base.relation.columns.find((each) => each.attnum === origin.attnum);
    if (found !== undefined) names.add(found.name);
  });
  return names;
}

function viewRefusal(view: Relation, why: string): Refusal {
  return refuse('write-not-supported', {
    message: `this write through view "${view.schema}.${view.name}" is not supported for governed sessions`,
    detail: why,
    hint: 'write to the table itself',
    rule: 'pgveil:writes',
  });
}
