/** `constant`: a value that the policy chooses. Its fit to the type is checked at load, so it cannot fail at run time. */
import { z } from 'zod';
import type { Column } from '../../catalog/types.js';
import { literal, safeTypeName } from '../sql-text.js';
import { fixedText } from './covered-text.js';
import { isText, keepNull, type MaskKind } from './mask-kind.js';
import { clampRange, isNumber } from './number-range.js';

const schema = z.strictObject({
  kind: z.literal('constant'),
  value: z.union([z.string(), z.number(), z.boolean()]),
});

const DATE = /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])$/;
const TIMESTAMP =
  /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])(?:[T ](?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d)?(?:Z|[+-]\d{2}(?::?\d{2})?)?)?$/;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** 2023-02-30 has the form of a date and is none. */
function isRealDate(text: string): boolean {
  const day = text.slice(0, 10);
  const parsed = new Date(`${day}T00:00:00Z`);
  return !text.startsWith('0000') && !Number.isNaN(parsed.getTime()) && parsed.toISOString().startsWith(day);
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return !text.includes('\\u0000');
  } catch {
    return false;
  }
}

function valueFits(value: string | number | boolean, column: Column): boolean {
  const text = String(value);
  if (text.includes('\0')) return false;
  if (isText(column)) return true;
  if (isNumber(column)) {
    if (typeof value !== 'number' || !Number.isFinite(value)) return false;
    const range = clampRange(column);
    const whole = column.baseTypeName.startsWith('int');
    return (!whole || Number.isInteger(value)) && value >= Number(range.low) && value <= Number(range.high);
  }
  switch (column.baseTypeName) {
    case 'bool':
      return typeof value === 'boolean';
    case 'date':
      return DATE.test(text) && isRealDate(text);
    case 'timestamp':
    case 'timestamptz':
      return TIMESTAMP.test(text) && isRealDate(text);
    case 'uuid':
      return UUID.test(text);
    case 'json':
    case 'jsonb':
      return isJson(text);
    default:
      return false;
  }
}

export const constantMask: MaskKind<typeof schema> = {
  schema,
  fits: (definition, column) =>
    valueFits(definition.value, column) ? undefined : `the constant is no value of the type ${column.type}`,
  sql: (definition, column) =>
    keepNull(column, () => `${literal(String(definition.value))}::${safeTypeName(column.baseType)}`),
  writing: (definition, column) => fixedText(column, String(definition.value)),
};
