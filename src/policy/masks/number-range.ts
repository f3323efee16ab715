/** The ranges of PostgreSQL's number types, so that a mask can stay inside and never overflow. */
import type { Column } from '../../catalog/types.js';

const FIXED: Readonly<Record<string, readonly [string, string]>> = {
  int2: ['-32768', '32767'],
  int4: ['-2147483648', '2147483647'],
  int8: ['-9223372036854775808', '9223372036854775807'],
  // Far inside what the types hold, so that no arithmetic near their ends can overflow.
  float4: ['-1e15', '1e15'],
  float8: ['-1e15', '1e15'],
};

export function isNumber(column: Column): boolean {
  return column.baseTypeName === 'numeric' || Object.hasOwn(FIXED, column.baseTypeName);
}

/** Least and greatest value that a mask may yield for this column, as SQL numbers. */
export function clampRange(column: Column): { readonly low: string; readonly high: string } {
  const fixed = Object.hasOwn(FIXED, column.baseTypeName) ? FIXED[column.baseTypeName] : undefined;
  if (fixed) return { low: fixed[0], high: fixed[1] };
  const declared = /^numeric\((\d+),(-?\d+)\)$/.exec(column.baseType);
  if (!declared) return { low: '-1e100', high: '1e100' };
  const whole = Number(declared[1]) - Number(declared[2]);
  // numeric(p,s) holds absolute values below 10^(p-s); a scale beyond the precision leaves only fractions.
  if (whole <= 0) return { low: '0', high: '0' };
  const scale = Number(declared[2]);
  const nines = '9'.repeat(scale < 0 ? Number(declared[1]) : whole) + '0'.repeat(scale < 0 ? -scale : 0);
  return { low: `-${nines}`, high: nines };
}
