/** `redact`: one fixed value of the column's type, the same for every row. */
import { z } from 'zod';
import type { Column } from '../../catalog/types.js';
import { call, literal, op, safeTypeName } from '../sql-text.js';
import type { MaskWriting } from '../types.js';
import { asText, fixedText } from './covered-text.js';
import { keepNull, type MaskKind } from './mask-kind.js';

const schema = z.strictObject({ kind: z.literal('redact') });

/** By pg_type.typname. Each text is valid input of its type under every setting. */
const FIXED: Readonly<Record<string, string>> = {
  text: '***',
  varchar: '***',
  bpchar: '***',
  citext: '***',
  name: '***',
  char: '*',
  int2: '0',
  int4: '0',
  int8: '0',
  numeric: '0',
  float4: '0',
  float8: '0',
  oid: '0',
  bool: 'false',
  date: '1970-01-01',
  timestamp: '1970-01-01 00:00:00',
  timestamptz: '1970-01-01 00:00:00+00',
  time: '00:00:00',
  timetz: '00:00:00+00',
  interval: '0',
  uuid: '00000000-0000-0000-0000-000000000000',
  json: '"***"',
  jsonb: '"***"',
  inet: '0.0.0.0',
  cidr: '0.0.0.0/0',
  macaddr: '00:00:00:00:00:00',
  macaddr8: '00:00:00:00:00:00:00:00',
  bytea: '',
  tsvector: '',
  point: '(0,0)',
  int4range: 'empty',
  int8range: 'empty',
  numrange: 'empty',
  daterange: 'empty',
  tsrange: 'empty',
  tstzrange: 'empty',
};

function fixedValue(column: Column): string | undefined {
  const type = safeTypeName(column.baseType);
  if (column.typeCategory === 'A') return `'{}'::${type}`;
  // enum_first is stable, so it runs only where a value, and with it at least one label of the enum, exists.
  if (column.typeCategory === 'E') return call('enum_first', `NULL::${type}`);
  if (column.baseTypeName === 'bit' || column.baseTypeName === 'varbit') return `'0'::${type}`;
  const text = Object.hasOwn(FIXED, column.baseTypeName) ? FIXED[column.baseTypeName] : undefined;
  return text === undefined ? undefined : `${literal(text)}::${type}`;
}

/** Only the asterisks: zero, the first of January 1970 and the empty list are values like others. */
function writing(column: Column): MaskWriting {
  const name = column.baseTypeName;
  if (name === 'json' || name === 'jsonb') {
    return { looksMasked: (value) => op(asText(value), '=', `'"***"'::pg_catalog.text`) };
  }
  return fixedText(column, '***');
}

export const redactMask: MaskKind<typeof schema> = {
  schema,
  fits: (_definition, column) =>
    fixedValue(column) === undefined
      ? `redact has no fixed value for the type ${column.type}; use a mask of kind null, or deny`
      : undefined,
  sql: (_definition, column) => keepNull(column, () => fixedValue(column)!),
  writing: (_definition, column) => writing(column),
};
