/**
 * The write-back guard (DESIGN 5.2): a form that read `a***@x.com` and saves the record must not destroy the address.
 * A value written to a masked column that equals the mask of the row's own value leaves the stored value untouched.
 */
import type { Column } from '../catalog/types.js';
import { safeTypeName } from '../policy/sql-text.js';
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
  // A cast without the typmod: with it an overlong value would be cut silently instead of being an error.
  const type = safeTypeName(withoutTypmod(column.baseType));
  const same = typedEquality.has(column.baseTypeName)
    ? `(${value} OPERATOR(pg_catalog.=) ${mask})`
    : `((${value})::pg_catalog.text OPERATOR(pg_catalog.=) (${mask})::pg_catalog.text)`;
  const bothNull = `((${value} IS NULL) AND (${mask} IS NULL))`;
  return {
    before: `(SELECT CASE WHEN ${same} OR ${bothNull} THEN ${stored} ELSE ${value} END FROM (SELECT (`,
    after: `)::${type} AS v) pgveil_v)`,
  };
}

/** `character varying(200)` → `character varying`, `timestamp(3) without time zone` → `timestamp without time zone`. */
function withoutTypmod(type: string): string {
  return type.replace(/\([\d,]+\)/, '');
}
