/** What a role could learn of hidden values from the constraints and rules of a table that it writes. */
import type { ColumnRef } from '@pgsql/types';
import type { Catalog, Column, Formula, Relation } from '../catalog/types.js';
import type { RelationDecision } from '../policy/types.js';
import type { ParseSql } from '../resolve/lineage.js';
import type { ProtectedDecision } from '../rewrite/guarded-relation.js';
import { columnRefsBelow } from '../rewrite/computed-value.js';
import { cannotFail, takesAll } from './quiet-expressions.js';
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
 * A hidden column that the table ties to another one, which is assigned: whether a CHECK holds, a generated column or an
 * index's expression can be computed, or a partition takes the row, would tell where the stored value lies, one bit a
 * statement. Columns that only a child has count as hidden.
 */
export function tellingCheck(
  relation: Relation,
  hidden: ReadonlySet<string>,
  names: ReadonlySet<string>,
  { catalog, parse }: Pick<ConstraintContext, 'catalog' | 'parse'>,
): Column | undefined {
  if (names.size === 0) return undefined;
  const seen = new Set(relation.columns.map((column) => column.name).filter((name) => !hidden.has(name)));
  for (const each of [relation, ...catalog.descendants(relation.oid)]) {
    for (const columns of tiedColumns(each, parse)) {
      for (const column of columns) {
        if (seen.has(column.name)) continue;
        if (columns.some((other) => other !== column && names.has(other.name))) return column;
      }
    }
  }
  return undefined;
}

const tied = new WeakMap<Relation, readonly (readonly Column[])[]>();

/** Sets of columns about whose values together the server may raise an error. */
function tiedColumns(relation: Relation, parse: ParseSql): readonly (readonly Column[])[] {
  let found = tied.get(relation);
  if (found === undefined) {
    const groups = [...(relation.checks ?? []), relation.partitionKey ?? []].map((attnums) =>
      columnsOf(relation, attnums),
    );
    found = [...groups, ...(relation.formulas ?? []).flatMap((each) => failing(relation, each, parse))];
    tied.set(relation, found);
  }
  return found;
}

/** The columns of each expression of a formula that could fail; of a partition key all, since they route the row. */
function failing(relation: Relation, formula: Formula, parse: ParseSql): readonly (readonly Column[])[] {
  const all = columnsOf(relation, formula.reads);
  if (formula.kind === 'partition') return [[...columnsOf(relation, relation.partitionKey ?? []), ...all]];
  const parsed = parse(`SELECT ${formula.text}`);
  const [statement] = parsed.ok ? parsed.statements : [];
  const select =
    statement !== undefined && 'SelectStmt' in statement.node ? statement.node.SelectStmt : undefined;
  // FAIL-CLOSED: what is not understood could fail.
  if (select?.targetList === undefined) return [all];
  const generated = relation.columns.find((column) => column.attnum === formula.column);
  if (generated !== undefined && !takesAll(generated)) return [all];
  return select.targetList.flatMap((target) => {
    const value = 'ResTarget' in target ? target.ResTarget.val : undefined;
    if (value === undefined) return [all];
    const names = new Set(columnRefsBelow(target).map(nameOf));
    const columns = names.has(undefined) ? all : all.filter((column) => names.has(column.name));
    return cannotFail(value, columns) ? [] : [columns];
  });
}

function nameOf({ fields }: ColumnRef): string | undefined {
  const [field] = fields ?? [];
  return fields?.length === 1 && field !== undefined && 'String' in field ? field.String.sval : undefined;
}

/** A whole row, number 0, stands for every column; in a partition key for an expression, which is looked at by itself. */
function columnsOf(relation: Relation, attnums: readonly number[]): readonly Column[] {
  const whole = attnums.includes(0) && attnums !== relation.partitionKey;
  return relation.columns.filter((column) => whole || attnums.includes(column.attnum));
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
    detail: `a CHECK, generated column, index or partition key ties an assigned column to "${hidden.name}", and whether that fails would tell of its value`,
    hint: 'leave the column out of SET, or write it through an exempt session',
    rule: 'pgveil:writes',
  });
}
