/**
 * The derived table that stands in for a protected relation (DESIGN 5.1, join-guard and hoist).
 *
 * Every column is guarded in its value and not by the order of the plan: PostgreSQL may run the client's conditions
 * before any WHERE of ours, and what it then sees of a withheld row is NULL. The alternatives leak (DESIGN 5.1, tried).
 */
import type { Column, Relation } from '../catalog/types.js';
import type { ColumnDecision, RelationDecision } from '../policy/types.js';
import { toByteString } from '../sql/byte-string.js';
import { identifier, safeTypeName } from '../policy/sql-text.js';
import type { Piece } from './edits.js';
import { guardSql, scalarGuard } from './guard-sql.js';
import { columnOf, relationName } from './names.js';

export type ProtectedDecision = Extract<RelationDecision, { access: 'protected' }>;

export interface GuardedRelationOptions {
  readonly only: boolean;
  /** Columns that the statement may read, by attnum; undefined for all. The others are NULL of their type. */
  readonly needed: ReadonlySet<number> | undefined;
  readonly actor: ReadonlyMap<string, string>;
  /** Copies of the client's own safe conjuncts, each a boolean expression over `innerAlias`. */
  readonly hoisted: readonly (readonly Piece[])[];
  /** The planner may neither flatten it nor push a condition into it (enforce/stateful-calls.ts). */
  readonly fenced: boolean;
  /** A locking clause reaches it, so nothing but the relation itself may stand in FROM (rewrite/locking.ts). */
  readonly locked: boolean;
  /** TABLESAMPLE with its arguments. */
  readonly sample: readonly Piece[];
  /** The condition that stands for it (rewrite/table-sample.ts). */
  readonly drawn: readonly Piece[];
  /** System columns that the client's statement names. */
  readonly systemColumns: readonly string[];
  /** Real values for comparisons with constants, under names of ours (rewrite/equality-rewrite.ts). */
  readonly hidden: readonly { readonly column: Column; readonly name: string }[];
}

/** How the protected relation is called inside its derived table. */
export const innerAlias = 'pgveil_t';

/** `(SELECT … FROM … )`, without an alias: the client's own, or the relation's name, follows it. */
export function guardedRelation(
  relation: Relation,
  decision: ProtectedDecision,
  options: GuardedRelationOptions,
): readonly Piece[] {
  const guard = options.locked
    ? { joins: '', condition: scalarGuard(relation, innerAlias, decision.guards, options.actor) }
    : guardSql(relation, innerAlias, decision.guards, options.actor);
  const columns = relation.columns.map(
    (column) =>
      `${neededValue(column, decision, options.needed, guard.condition)} AS ${identifier(column.name)}`,
  );
  for (const name of options.systemColumns) {
    const column = `${innerAlias}.${identifier(name)}`;
    // With a row filter only tableoid comes this far (enforce/system-columns.ts).
    const value =
      guard.condition === ''
        ? column
        : `CASE WHEN ${guard.condition} THEN ${column} ELSE NULL::pg_catalog.oid END`;
    columns.push(`${value} AS ${identifier(name)}`);
  }
  for (const { column, name } of options.hidden) {
    columns.push(`${storedValue(column, innerAlias, guard.condition)} AS ${identifier(name)}`);
  }
  const only = options.only ? 'ONLY ' : '';
  const pieces: Piece[] = [
    toByteString(`(SELECT ${columns.join(', ')} FROM ${only}${relationName(relation)} ${innerAlias}`),
    ...options.sample,
    toByteString(guard.joins),
  ];
  let glue = ' WHERE ';
  if (guard.condition !== '') {
    pieces.push(toByteString(`${glue}${guard.condition}`));
    glue = ' AND ';
  }
  for (const conjunct of options.drawn.length > 0 ? [options.drawn, ...options.hoisted] : options.hoisted) {
    pieces.push(toByteString(glue), ...conjunct);
    glue = ' AND ';
  }
  pieces.push(toByteString(options.fenced && guard.condition !== '' ? ' OFFSET 0)' : ')'));
  return pieces;
}

function neededValue(
  column: Column,
  decision: ProtectedDecision,
  needed: ReadonlySet<number> | undefined,
  condition: string,
): string {
  // The login may lack the right to read a column that the statement does not name (manual, GRANT), or to use its type.
  const ownType =
    safeTypeName(column.baseType).includes('.') && !safeTypeName(column.baseType).startsWith('pg_catalog.');
  const kept = ownType && isBareColumn(column.attnum, decision);
  if (needed === undefined || needed.has(column.attnum) || kept) {
    return columnValue(column, decision, innerAlias, condition);
  }
  return nullOf(column);
}

function nullOf(column: Column): string {
  return `NULL::${safeTypeName(column.baseType)}`;
}

/** True when the column leaves the derived table as the plain base column: the guard on the wire may then see its origin. */
export function isBareColumn(attnum: number, decision: ProtectedDecision): boolean {
  if (decision.columns.get(attnum)?.kind !== 'clear') return false;
  return decision.guards.length === 0 || decision.linkable.has(attnum);
}

/** The real value, where the row's condition holds. */
export function storedValue(column: Column, alias: string, condition: string): string {
  const base = columnOf(alias, column);
  return condition === '' ? base : `CASE WHEN ${condition} THEN ${base} ELSE ${nullOf(column)} END`;
}

/**
 * What the client gets for one column: bare, masked, NULL, and NULL where the row's condition does not hold.
 * `alias` is the spelled name of the base relation there.
 */
export function columnValue(
  column: Column,
  decision: ProtectedDecision,
  alias: string,
  condition: string,
): string {
  // FAIL-CLOSED: a column without a decision is denied.
  const rule: ColumnDecision = decision.columns.get(column.attnum) ?? { kind: 'denied', label: undefined };
  const base = columnOf(alias, column);
  const nothing = nullOf(column);
  switch (rule.kind) {
    case 'denied':
      return nothing;
    case 'clear':
      if (isBareColumn(column.attnum, decision)) return base;
      return `CASE WHEN ${condition} THEN ${base} ELSE ${nothing} END`;
    case 'masked':
      return condition === ''
        ? rule.sql(base)
        : `CASE WHEN ${condition} THEN ${rule.sql(base)} ELSE ${nothing} END`;
  }
}

/** True when neither rows nor values are hidden, so that places tell nothing. */
export function hidesNothing(decision: ProtectedDecision): boolean {
  return decision.guards.length === 0 && [...decision.columns.values()].every(({ kind }) => kind === 'clear');
}
