/** What a role could learn of hidden values from the constraints and rules of a table that it writes. */
import type { Catalog, Column, Relation } from '../catalog/types.js';
import type { RelationDecision } from '../policy/types.js';
import type { ParseSql } from '../resolve/lineage.js';
import type { ProtectedDecision } from '../rewrite/guarded-relation.js';
import { refuse } from './refusals.js';
import type { Refusal } from './types.js';

/** What is asked beyond the statement itself. */
export interface ConstraintContext {
  readonly catalog: Catalog;
  readonly decide: (relation: Relation) => RelationDecision;
  readonly parse: ParseSql;
}

/** Names of the columns that the role does not see as they are stored. */
export function hiddenColumns(relation: Relation, decision: ProtectedDecision): ReadonlySet<string> {
  const hidden = relation.columns.filter((column) => decision.columns.get(column.attnum)?.kind !== 'clear');
  return new Set(hidden.map((column) => column.name));
}

/**
 * A hidden column that a CHECK ties to another one, which is assigned: whether the constraint holds would tell where the
 * stored value lies, one bit a statement. Columns that only a child has count as hidden.
 */
export function tellingCheck(
  relation: Relation,
  hidden: ReadonlySet<string>,
  names: ReadonlySet<string>,
  catalog: Catalog,
): Column | undefined {
  const seen = new Set(relation.columns.map((column) => column.name).filter((name) => !hidden.has(name)));
  for (const each of [relation, ...catalog.descendants(relation.oid)]) {
    for (const check of each.checks ?? []) {
      const columns = each.columns.filter((column) => check.includes(column.attnum));
      for (const column of columns) {
        if (seen.has(column.name)) continue;
        if (columns.some((other) => other !== column && names.has(other.name))) return column;
      }
    }
  }
  return undefined;
}

export function ruleRefusal(relation: Relation): Refusal {
  return refuse('write-not-supported', {
    message: `this write to relation "${relation.schema}.${relation.name}" is not supported for governed sessions`,
    detail: 'the table has rules that rewrite writes into other statements, which the policy cannot see',
    hint: 'use a trigger in place of the rule, or write through an exempt session',
    rule: 'pgveil:writes',
  });
}

export function checkRefusal(relation: Relation, hidden: Column): Refusal {
  return refuse('write-not-supported', {
    message: `this write to protected relation "${relation.schema}.${relation.name}" is not supported for governed sessions`,
    detail: `a CHECK constraint compares an assigned column with "${hidden.name}", and whether it holds would tell of that value`,
    hint: 'leave the column out of SET, or write it through an exempt session',
    rule: 'pgveil:writes',
  });
}
