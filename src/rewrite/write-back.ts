/**
 * The write-back guard (DESIGN 5.2): a form that read `a***@x.com` and saves the record must not destroy the address.
 * A value written to a masked column that equals the mask of the row's own value leaves the stored value untouched.
 */
import type { Column } from '../catalog/types.js';
import { identifier } from '../policy/sql-text.js';
import type { ColumnDecision } from '../policy/types.js';
import { columnOf } from './names.js';

/** Types whose pg_catalog `=` compares two values of the column's own type; all others are compared as text. */
const typedEquality = new Set(
  'text varchar bpchar name int2 int4 int8 numeric float4 float8 oid bool date timestamp timestamptz time timetz interval uuid jsonb inet cidr macaddr macaddr8 bytea bit varbit'.split(
    ' ',
  ),
);

/** Text in front of and behind the client's value, which stands between them once. */
export interface WriteBackText {
  readonly before: string;
  readonly after: string;
}

/** Undefined when a changed document could carry parts of its own mask, which no comparison of the whole would find. */
export function writeBack(
  column: Column,
  decision: Extract<ColumnDecision, { kind: 'masked' }>,
  alias: string,
): WriteBackText | undefined {
  const json = column.baseTypeName === 'json' || column.baseTypeName === 'jsonb';
  if (json && decision.mask !== 'redact') return undefined;
  const stored = columnOf(alias, column);
  const mask = decision.sql(stored);
  const value = 'pgveil_v.v';
  const same = typedEquality.has(column.baseTypeName)
    ? `(${value}${collation(column)} OPERATOR(pg_catalog.=) ${mask})`
    : `((${value})::pg_catalog.text COLLATE pg_catalog."C" OPERATOR(pg_catalog.=) (${mask})::pg_catalog.text)`;
  const bothNull = `((${value} IS NULL) AND (${mask} IS NULL))`;
  return {
    before: `(SELECT CASE WHEN ${same} OR ${bothNull} THEN ${stored} ELSE ${value} END FROM (SELECT (`,
    after: `)::${plainType(column)} AS v) pgveil_v)`,
  };
}

/** By bytes: a collation of the column's own may call different texts equal, or contradict that of the client's value. */
function collation(column: Column): string {
  return ['text', 'varchar', 'bpchar', 'name'].includes(column.baseTypeName) ? ' COLLATE pg_catalog."C"' : '';
}

/**
 * The column's type below any domain, without typmod: with it an overlong value would be cut silently instead of being
 * an error. Built-in types go by their names in pg_type, since `character` and `bit` mean one of length 1 (gram.y,
 * CharacterWithoutLength and BitWithoutLength).
 */
function plainType(column: Column): string {
  // format_type qualifies every type outside pg_catalog (safeTypeName).
  if (!column.baseType.includes('.')) return `pg_catalog.${identifier(column.baseTypeName)}`;
  return column.baseType.replace(/\([^()"]*\)(?=(?:\[\])*$)/, '');
}
