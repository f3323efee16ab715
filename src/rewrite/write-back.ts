/**
 * The write-back guard (DESIGN 5.2): a form that read `a***@x.com` and saves the record must not destroy the address.
 * A value written to a masked column that equals the mask of the row's own value leaves the stored value untouched.
 * This file knows when the two are equal, type by type.
 */
import type { Column } from '../catalog/types.js';
import { call, literal } from '../policy/sql-text.js';
import type { ColumnDecision } from '../policy/types.js';

/** Types whose pg_catalog `=` compares two values of the column's own type; all others are compared as text. */
const typedEquality = new Set(
  'text varchar bpchar name int2 int4 int8 numeric float4 float8 oid bool date timestamp timestamptz time timetz interval uuid jsonb inet cidr macaddr macaddr8 bytea bit varbit'.split(
    ' ',
  ),
);

/** True when pg_catalog has an equality of the column's own type. */
export function hasEquality(column: Column): boolean {
  return typedEquality.has(column.baseTypeName);
}

/** SQL, true when `written` is what the client is shown of `stored`. */
export function sameAsMask(
  column: Column,
  decision: Extract<ColumnDecision, { kind: 'masked' }>,
  stored: string,
  written: string,
): string {
  const mask = decision.sql(stored);
  const bothNull = `((${written} IS NULL) AND (${mask} IS NULL))`;
  return `${equal(column, written, mask)} OR ${bothNull}`;
}

function equal(column: Column, written: string, mask: string): string {
  if (hasEquality(column)) {
    return `(${written}${collation(column)} OPERATOR(pg_catalog.=) ${mask})`;
  }
  const text = column.baseTypeName === 'json' ? compactText : plainText;
  return `(${text(written)} OPERATOR(pg_catalog.=) ${text(mask)})`;
}

function plainText(value: string): string {
  return `((${value})::pg_catalog.text COLLATE pg_catalog."C")`;
}

/**
 * json keeps the client's own spacing, which a driver changes when it reads a document and writes it again. A cast to
 * jsonb would compare better, and fails on documents that json takes.
 */
function compactText(value: string): string {
  const blanks = `${literal(' \t\r\n')}::pg_catalog.text`;
  return `(${call('translate', `(${value})::pg_catalog.text`, blanks, `''::pg_catalog.text`)} COLLATE pg_catalog."C")`;
}

/** By bytes: a collation of the column's own may call different texts equal, or contradict that of the client's value. */
function collation(column: Column): string {
  return ['text', 'varchar', 'bpchar', 'name'].includes(column.baseTypeName) ? ' COLLATE pg_catalog."C"' : '';
}
