/** Writes whose outcome rules, CHECK constraints and views would tie to hidden values. */
import type { Node, RangeVar } from '@pgsql/types';
import type { ResolvedStatement } from '../resolve/types.js';
import type { ProtectedDecision } from '../rewrite/guarded-relation.js';
import { mergeActions, type WriteStatement } from '../rewrite/write-context.js';
import {
  checkRefusal,
  hiddenColumns,
  ruleRefusal,
  tellingCheck,
  type ConstraintContext,
} from './telling-checks.js';
import type { Refusal } from './types.js';
import { writtenView } from './written-view.js';

/** The refusal, when the write may not run although each of its parts could. */
export function constrainedWrite(
  resolved: ResolvedStatement,
  written: ReadonlyMap<number, ProtectedDecision>,
  writes: ReadonlyMap<RangeVar, WriteStatement>,
  context: ConstraintContext,
): Refusal | undefined {
  for (const { id, purpose, relation, node } of resolved.relations) {
    if (purpose === 'read') continue;
    // FAIL-CLOSED: a rule's statements name tables that the policy has not been asked about (rewriteHandler.c).
    if (relation.rules === true && purpose !== 'copy-from') return ruleRefusal(relation);
    const write = writes.get(node);
    const names = write === undefined ? new Set<string>() : assigned(write);
    const decision = written.get(id);
    if (relation.kind === 'view') {
      const refusal = writtenView(relation, decision, names, context);
      if (refusal !== undefined) return refusal;
    }
    if (decision === undefined) continue;
    const found = tellingCheck(relation, hiddenColumns(relation, decision), names, context);
    if (found !== undefined) return checkRefusal(relation, found);
  }
  return undefined;
}

/** Names of the columns that existing rows get new values for. */
function assigned(write: WriteStatement): ReadonlySet<string> {
  const names = new Set<string>();
  const add = (targets: readonly Node[] | undefined): void => {
    for (const node of targets ?? []) if ('ResTarget' in node) names.add(node.ResTarget.name ?? '');
  };
  if (write.kind === 'update') add(write.node.targetList);
  else if (write.kind === 'insert') add(write.node.onConflictClause?.targetList);
  else if (write.kind === 'merge') {
    for (const action of mergeActions(write.node))
      if (action.commandType === 'CMD_UPDATE') add(action.targetList);
  }
  return names;
}
