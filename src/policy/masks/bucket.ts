/** `bucket`: a number becomes the lower end of its range, so 37 becomes 30 with `size: 10`. */
import { z } from 'zod';
import { call, op } from '../sql-text.js';
import { keepNull, type MaskKind } from './mask-kind.js';
import { clampRange, isNumber } from './number-range.js';

const schema = z.strictObject({ kind: z.literal('bucket'), size: z.number().min(0.001).max(1e12) });

const INTEGERS = new Set(['int2', 'int4', 'int8']);

/**
 * The lower end in whole numbers, which `%` cuts towards zero. A value within one size of the type's own end becomes that
 * end, because the lower end of its range may lie outside the type.
 */
function wholeBucket(value: string, size: number, lowest: string): string {
  const number = (text: string): string => `'${text}'::bigint`;
  const step = number(sqlNumber(size));
  const wide = `(${value}::bigint)`;
  // From zero upwards the lower end is never below zero, however large the size.
  const end = BigInt(lowest) + BigInt(size);
  const first = end < 0n ? end : 0n;
  const above = op(op(op(wide, '%', step), '+', step), '%', step);
  return `CASE WHEN ${op(wide, '<', number(first.toString()))} THEN ${number(lowest)} ELSE ${op(wide, '-', above)} END`;
}

/** JavaScript may write 1e-7 or 1e+21; within the schema's bounds it never does. */
function sqlNumber(value: number): string {
  return value.toString();
}

export const bucketMask: MaskKind<typeof schema> = {
  schema,
  fits: (definition, column) => {
    if (!isNumber(column)) return `a bucket mask works on numbers, and the column is ${column.type}`;
    return column.baseTypeName.startsWith('int') && !Number.isInteger(definition.size)
      ? `the column holds whole numbers, so the size must be one`
      : undefined;
  },
  sql: (definition, column) => {
    const float = column.baseTypeName.startsWith('float');
    const type = float ? 'double precision' : 'numeric';
    const { low, high } = clampRange(column);
    if (INTEGERS.has(column.baseTypeName)) {
      return keepNull(column, (value) => wholeBucket(value, definition.size, low));
    }
    const number = (text: string): string => `'${text}'::${type}`;
    const size = number(sqlNumber(definition.size));
    return keepNull(column, (value) => {
      const wide = `(${value}::${type})`;
      // Division of numeric rounds its last digit (numeric.c, select_div_scale); div() is exact and cuts towards zero.
      const cut = op(call('div', wide, size), '*', size);
      const floor = float
        ? op(call('floor', op(wide, '/', size)), '*', size)
        : `(CASE WHEN ${op(cut, '>', wide)} THEN ${op(cut, '-', size)} ELSE ${cut} END)`;
      // Clamped twice, before and after: neither the arithmetic nor the cast back may overflow.
      return (
        `CASE WHEN ${op(wide, '>', number(high))} THEN ${number(high)} WHEN ${op(wide, '<', number(low))} THEN ${number(low)} ` +
        // The division of a tiny float underflows, which is an error too.
        (float
          ? `WHEN ${op(call('abs', wide), '<', number('1e-100'))} THEN CASE WHEN ${op(wide, '<', number('0'))} THEN ${number(`-${sqlNumber(definition.size)}`)} ELSE ${number('0')} END `
          : '') +
        `WHEN ${op(floor, '<', number(low))} THEN ${number(low)} ELSE ${floor} END`
      );
    });
  },
};
