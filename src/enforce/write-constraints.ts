/** Writes whose outcome the table's own rules and CHECK constraints would tie to hidden values. */
import type { Node, RangeVar } from '@pgsql/types';
import type { Catalog, Column, Relation } from '../catalog/types.js';
import type { ResolvedStatement } from '../resolve/types.js';
import type { ProtectedDecision } from '../rewrite/guarded-relation.js';
import { mergeActions, type WriteStatement } from '../rewrite/write-context.js';
import { refuse } from './refusals.js';
import type { Refusal } from './types.js';

/** The refusal, when the write may not run although each of its parts could. */
export function constrainedWrite(
  resolved: ResolvedStatement,
  written: ReadonlyMap<number, ProtectedDecision>,
  writes: ReadonlyMap<RangeVar, WriteStatement>,
  catalog: Catalog,
): Refusal | undefined {
  for (const { purpose, relation } of resolved.relations) {
    // FAIL-CLOSED: a rule's statements name tables that the policy has not been asked about (rewriteHandler.c).
    const writes = purpose !== 'read' && purpose !== 'copy-from';
    if (writes && relation.rules === true) return ruleRefusal(relation);
  }
  for (const [id, decision] of written) {
    const { relation, node } = resolved.relations[id]!;
    const write = writes.get(node);
    if (write === undefined) continue;
    const found = tellingCheck(relation, decision, assigned(write), catalog);
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

/**
 * A hidden column that a CHECK ties to another one, which is assigned: whether the constraint holds would tell where the
 * stored value lies, one bit a statement.
 */
function tellingCheck(
  relation: Relation,
  decision: ProtectedDecision,
  names: ReadonlySet<string>,
  catalog: Catalog,
): Column | undefined {
  for (const each of [relation, ...catalog.descendants(relation.oid)]) {
    for (const check of each.checks ?? []) {
      const columns = each.columns.filter((column) => check.includes(column.attnum));
      for (const hidden of columns) {
        const own = relation.columns.find((column) => column.name === hidden.name);
        if (own !== undefined && decision.columns.get(own.attnum)?.kind === 'clear') continue;
        if (columns.some((column) => column !== hidden && names.has(column.name))) return hidden;
      }
    }
  }
  return undefined;
}

function ruleRefusal(relation: Relation): Refusal {
  return refuse('write-not-supported', {
    message: `this write to relation "${relation.schema}.${relation.name}" is not supported for governed sessions`,
    detail: 'the table has rules that rewrite writes into other statements, which the policy cannot see',
    hint: 'use a trigger in place of the rule, or write through an exempt session',
    rule: 'pgveil:writes',
  });
}

function checkRefusal(relation: Relation, hidden: Column): Refusal {
  return refuse('write-not-supported', {
    message: `this write to protected relation "${relation.schema}.${relation.name}" is not supported for governed sessions`,
    detail: `a CHECK constraint compares an assigned column with "${hidden.name}", and whether it holds would tell of that value`,
    hint: 'leave the column out of SET, or write it through an exempt session',
    rule: 'pgveil:writes',
  });
}
