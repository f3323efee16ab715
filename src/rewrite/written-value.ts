/**
 * SQL around one value that a client writes to a masked column: refused values raise an error of ours, and the
 * write-back guard keeps what is stored where the client gives the mask back. Only the value itself and what the client
 * is shown decide, so neither error nor outcome tells anything of what is hidden.
 */
import { valueToken } from '../errors/value-token.js';
import type { Column, Relation } from '../catalog/types.js';
import { call, identifier, textLiteral } from '../policy/sql-text.js';
import type { ColumnDecision } from '../policy/types.js';
import { columnOf } from './names.js';
import { sameAsMask } from './write-back.js';

export type MaskedDecision = Extract<ColumnDecision, { kind: 'masked' }>;

/** Text in front of and behind the client's value, which stands between them once. */
export interface ValueText {
  readonly before: string;
  readonly after: string;
}

const value = 'pgveil_v.v';

/** For a row that exists: UPDATE, DO UPDATE, MERGE. Undefined when the value is stored as it is. */
export function keptValue(
  relation: Relation,
  column: Column,
  decision: MaskedDecision,
  alias: string,
): ValueText | undefined {
  const chosen = keptExpression(relation, column, decision, alias, value);
  return chosen === undefined ? undefined : around(column, chosen);
}

/** The same over any expression of the column's type. */
export function keptExpression(
  relation: Relation,
  column: Column,
  decision: MaskedDecision,
  alias: string,
  written: string,
): string | undefined {
  if (decision.write === 'allow') return undefined;
  const stored = columnOf(alias, column);
  const denied = deniedCase(relation, column, decision, written);
  const putBack = decision.writing?.putBack;
  if (putBack !== undefined) {
    const kept = putBack(written, stored);
    return denied === '' ? kept : `CASE ${denied}ELSE ${kept} END`;
  }
  return `CASE ${denied}WHEN ${sameAsMask(column, decision, stored, written)} THEN ${stored} ELSE ${written} END`;
}

/** For a new row. `exists` is true where the row is one already, and so not new. Undefined when nothing is refused. */
export function newValue(
  relation: Relation,
  column: Column,
  decision: MaskedDecision,
  exists: string | undefined,
): ValueText | undefined {
  const refusals = newValueCases(relation, column, decision, value, exists);
  return refusals === '' ? undefined : around(column, `CASE ${refusals}ELSE ${value} END`);
}

/**
 * The same for a constant or a parameter, which may be written several times: without a subquery, which the server would
 * plan for each value of a long list of rows. `constant` spells it wherever it is asked for.
 */
export function newConstant(
  relation: Relation,
  column: Column,
  decision: MaskedDecision,
  exists: string | undefined,
  constant: string,
): string | undefined {
  const written = `(${constant})::${plainType(column)}`;
  const refusals = newValueCases(relation, column, decision, written, exists);
  return refusals === '' ? undefined : `(CASE ${refusals}ELSE ${written} END)`;
}

/** The same as a condition that is true or raises the error: of COPY FROM, whose WHERE knows no subqueries. */
export function newValueCondition(
  relation: Relation,
  column: Column,
  decision: MaskedDecision,
): string | undefined {
  const asCondition: Column = { ...column, baseType: 'boolean', baseTypeName: 'bool' };
  const refusals = newValueCases(relation, column, decision, identifier(column.name), undefined, asCondition);
  return refusals === '' ? undefined : `(CASE ${refusals}ELSE true END)`;
}

function newValueCases(
  relation: Relation,
  column: Column,
  decision: MaskedDecision,
  written: string,
  exists: string | undefined,
  result = column,
): string {
  if (decision.write === 'allow') return '';
  const looks = decision.writing?.looksMasked?.(written);
  const isNew = exists === undefined ? '' : ` AND NOT ${exists}`;
  const mask =
    looks === undefined ? '' : `WHEN ${looks}${isNew} THEN ${raise('mask', relation, column, result)} `;
  return mask + deniedCase(relation, column, decision, written, result);
}

function deniedCase(
  relation: Relation,
  column: Column,
  decision: MaskedDecision,
  written: string,
  result = column,
): string {
  const holds = decision.writing?.holdsDenied?.(written);
  return holds === undefined ? '' : `WHEN ${holds} THEN ${raise('denied', relation, column, result)} `;
}

/** current_setting() is stable, so the planner does not call it for a value that is never reached. */
function raise(
  problem: Parameters<typeof valueToken>[0],
  { schema, name }: Relation,
  column: Column,
  result: Column,
): string {
  const token = valueToken(problem, `${schema}.${name}.${column.name}`);
  return `(${call('current_setting', textLiteral(token))})::${plainType(result)}`;
}

function around(column: Column, chosen: string): ValueText {
  return { before: `(SELECT ${chosen} FROM (SELECT (`, after: `)::${plainType(column)} AS v) pgveil_v)` };
}

/**
 * The column's type below any domain, without typmod: with it an overlong value would be cut silently instead of being
 * an error. Built-in types go by their names in pg_type, since `character` and `bit` mean one of length 1 (gram.y,
 * CharacterWithoutLength and BitWithoutLength).
 */
export function plainType(column: Column): string {
  // format_type qualifies every type outside pg_catalog (safeTypeName).
  if (!column.baseType.includes('.')) return `pg_catalog.${identifier(column.baseTypeName)}`;
  return column.baseType.replace(/\([^()"]*\)(?=(?:\[\])*$)/, '');
}
