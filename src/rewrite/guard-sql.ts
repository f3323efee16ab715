/**
 * Row guards as SQL: which joins a guarded relation needs, and the condition that lets a row through.
 *
 * Every operator is spelled OPERATOR(pg_catalog.…) and every function pg_catalog.…: a user's `=` in an earlier schema
 * would otherwise turn a consent test off (DESIGN 4, tried).
 */
import type { Column } from '../catalog/types.js';
import type { RowGuard, SubjectPath } from '../policy/types.js';
import type { Relation } from '../catalog/types.js';
import { literal } from '../policy/sql-text.js';
import { columnByNumber, columnOf, relationName } from './names.js';

export interface GuardSql {
  /** Follows the guarded relation in FROM; empty when the row decides by itself. */
  readonly joins: string;
  /** True, false or NULL for each row; only true lets it through. */
  readonly condition: string;
}

interface GuardParts {
  readonly joins: string;
  readonly conditions: readonly string[];
}

/** Combines all guards of one relation. `alias` is how the guarded relation is called inside the derived table. */
export function guardSql(
  relation: Relation,
  alias: string,
  guards: readonly RowGuard[],
  actor: ReadonlyMap<string, string>,
): GuardSql {
  let joins = '';
  const conditions: string[] = [];
  guards.forEach((guard, index) => {
    const parts = oneGuard(relation, alias, guard, `pgveil_g${index}`, actor);
    joins += parts.joins;
    conditions.push(...parts.conditions);
  });
  return { joins, condition: conditions.join(' AND ') };
}

/** All guards of one relation as a single expression over a row of it, for where no join can stand (UPDATE, DELETE). */
export function scalarGuard(
  relation: Relation,
  alias: string,
  guards: readonly RowGuard[],
  actor: ReadonlyMap<string, string>,
): string {
  const { joins, condition } = guardSql(relation, alias, guards, actor);
  if (joins === '') return condition;
  return `((SELECT true FROM (SELECT 1) pgveil_o${joins} WHERE ${condition} LIMIT 1) IS TRUE)`;
}

function oneGuard(
  relation: Relation,
  alias: string,
  guard: RowGuard,
  name: string,
  actor: ReadonlyMap<string, string>,
): GuardParts {
  switch (guard.kind) {
    case 'consent':
      return consentGuard(relation, alias, guard, name);
    case 'subject-condition':
      return subjectCondition(relation, alias, guard, name, actor);
    case 'retention': {
      const column = columnByNumber(relation, guard.column);
      const limit = timeFor(column, `(${utcNow} OPERATOR(pg_catalog.-) ${literal(guard.keep)}::interval)`);
      return { joins: '', conditions: [`(${columnOf(alias, column)} OPERATOR(pg_catalog.>) ${limit})`] };
    }
    case 'rows': {
      // FAIL-CLOSED: a missing attribute means that no row passes.
      const condition = guard.condition.sql(alias, actor);
      return { joins: '', conditions: [condition === undefined ? 'false' : `((${condition}) IS TRUE)`] };
    }
  }
}

/**
 * The clock in UTC: a client chooses its session's time zone, and by one far away it would move the end of a consent or of
 * a retention period, where the column has no zone or the period counts in months (manual, 9.9).
 */
const utc = `'UTC'::pg_catalog.text`;
/** Not now(), which stands still in an open transaction: what ends meanwhile would go on being shown (manual, 9.9.5). */
const present = 'pg_catalog.statement_timestamp()';
const utcNow = `pg_catalog.timezone(${utc}, ${present})`;

/** A timestamp in UTC, as a value that compares with the column without the session's time zone. */
function timeFor(column: Column, timestamp: string): string {
  return column.baseTypeName === 'timestamptz' ? `pg_catalog.timezone(${utc}, ${timestamp})` : timestamp;
}

/** The joins from a row to the key of its subject, and the expression that is this key. */
function followPath(
  relation: Relation,
  alias: string,
  path: SubjectPath,
  name: string,
): { readonly joins: string; readonly key: string; readonly conditions: readonly string[] } {
  let key = columnOf(alias, columnByNumber(relation, path.column));
  let joins = '';
  const conditions: string[] = [];
  path.hops.forEach((hop, index) => {
    const hopAlias = `${name}_h${index}`;
    const match = columnOf(hopAlias, columnByNumber(hop.relation, hop.match));
    const condition = `(${match} OPERATOR(pg_catalog.=) ${key})`;
    joins += ` JOIN ${relationName(hop.relation)} ${hopAlias} ON ${condition}`;
    conditions.push(condition);
    key = columnOf(hopAlias, columnByNumber(hop.relation, hop.next));
  });
  return { joins, key, conditions };
}

function consentGuard(
  relation: Relation,
  alias: string,
  guard: Extract<RowGuard, { kind: 'consent' }>,
  name: string,
): GuardParts {
  const path = followPath(relation, alias, guard.path, name);
  const column = (attnum: number): Column => columnByNumber(guard.source, attnum);
  const inner = `${name}_c`;
  const match =
    `(${columnOf(inner, column(guard.subject))} OPERATOR(pg_catalog.=) ${path.key})` +
    ` AND (${columnOf(inner, column(guard.purpose))} OPERATOR(pg_catalog.=) ${literal(guard.purposeValue)})`;
  const given = givenCondition(guard, inner);
  if (guard.sense === 'opt-in' && guard.shape === 'single') {
    return {
      joins: `${path.joins} JOIN ${relationName(guard.source)} ${inner} ON (${match} AND ${given})`,
      conditions: [...path.conditions, `(${match} AND ${given})`],
    };
  }
  // With a history the newest row decides. Of rows recorded at the same instant a refusal wins over a consent:
  // false sorts before true (opt-in), and for an objection true has to come first.
  const tie = guard.sense === 'opt-in' ? '' : ' DESC';
  const recordedAt = guard.recordedAt === undefined ? undefined : columnOf(inner, column(guard.recordedAt));
  const decided = decidedCondition(guard.sense, given, recordedAt);
  const newest = recordedAt === undefined ? '' : ` ORDER BY ${recordedAt} DESC NULLS FIRST, ${decided}${tie}`;
  const lateral =
    `LATERAL (SELECT ${decided} AS given FROM ${relationName(guard.source)} ${inner}` +
    ` WHERE ${match}${newest} LIMIT 1) ${name}`;
  return guard.sense === 'opt-in'
    ? {
        joins: `${path.joins} CROSS JOIN ${lateral}`,
        conditions: [...path.conditions, `(${name}.given IS TRUE)`],
      }
    : {
        joins: `${path.joins} LEFT JOIN ${lateral} ON true`,
        conditions: [...path.conditions, `(${name}.given IS NOT TRUE)`],
      };
}

/**
 * What a row of a history says, never NULL, which would sort in front of the rows of the same instant. A row without a
 * time comes first, and FAIL-CLOSED: nobody can tell what is newer, so it gives no consent and stands as an objection.
 */
function decidedCondition(
  sense: 'opt-in' | 'opt-out',
  given: string,
  recordedAt: string | undefined,
): string {
  if (recordedAt === undefined) return `(${given} IS TRUE)`;
  return sense === 'opt-in'
    ? `((${given} IS TRUE) AND (${recordedAt} IS NOT NULL))`
    : `((${given} IS TRUE) OR (${recordedAt} IS NULL))`;
}

/** The row's status is one of the given ones, and it has not expired. */
function givenCondition(guard: Extract<RowGuard, { kind: 'consent' }>, alias: string): string {
  const status = columnOf(alias, columnByNumber(guard.source, guard.status));
  const alternatives = guard.given.map(
    (value) => `((${status})::pg_catalog.text OPERATOR(pg_catalog.=) ${literal(value)})`,
  );
  // FAIL-CLOSED: without a status that counts as given nothing is given.
  const given = alternatives.length === 0 ? 'false' : `(${alternatives.join(' OR ')})`;
  if (guard.expiresAt === undefined) return given;
  const column = columnByNumber(guard.source, guard.expiresAt);
  const expires = columnOf(alias, column);
  const now = column.baseTypeName === 'timestamptz' ? present : utcNow;
  return `(${given} AND ((${expires} IS NULL) OR (${expires} OPERATOR(pg_catalog.>) ${now})))`;
}

function subjectCondition(
  relation: Relation,
  alias: string,
  guard: Extract<RowGuard, { kind: 'subject-condition' }>,
  name: string,
  actor: ReadonlyMap<string, string>,
): GuardParts {
  const wanted = guard.expected ? 'IS TRUE' : 'IS FALSE';
  if (guard.path === undefined) {
    const condition = guard.condition.sql(alias, actor);
    return { joins: '', conditions: [condition === undefined ? 'false' : `((${condition}) ${wanted})`] };
  }
  const path = followPath(relation, alias, guard.path, name);
  const subject = guard.condition.relation;
  const inner = `${name}_s`;
  const match = `(${columnOf(inner, columnByNumber(subject, guard.key))} OPERATOR(pg_catalog.=) ${path.key})`;
  const condition = guard.condition.sql(inner, actor);
  return {
    joins: `${path.joins} JOIN ${relationName(subject)} ${inner} ON ${match}`,
    conditions: [...path.conditions, match, condition === undefined ? 'false' : `((${condition}) ${wanted})`],
  };
}
