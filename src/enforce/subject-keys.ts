/** How the key of a data subject is spelled, by the type of its column, and which casts keep the spelling. Data alone. */
import type { Column } from '../catalog/types.js';
import type { KeyKind } from './types.js';

const NUMBERS = ['int2', 'int4', 'int8', 'numeric'];
const TEXTS = ['text', 'varchar'];

const kindOf: ReadonlyMap<string, KeyKind> = new Map([
  ...NUMBERS.map((name) => [name, 'number'] as const),
  ...TEXTS.map((name) => [name, 'text'] as const),
  ['name', 'text'],
  ['bpchar', 'bpchar'],
  ['uuid', 'uuid'],
  ['bytea', 'bytea'],
]);

/** Fixed in src/include/catalog/pg_type.dat. */
const typeOids: Readonly<Record<string, number>> = {
  int2: 21,
  int4: 23,
  int8: 20,
  numeric: 1700,
  text: 25,
  varchar: 1043,
  bpchar: 1042,
  uuid: 2950,
};

/** A key that a result carries. */
export interface CarriedKey {
  readonly kind: KeyKind;
  readonly typeOid: number;
}

/** The key of this column behind these casts; undefined where a cast may change what it says. */
export function carriedKey(column: Column, casts: readonly string[]): CarriedKey | undefined {
  const kind = kindOf.get(column.baseTypeName) ?? 'other';
  const whole = column.baseTypeName !== 'numeric';
  for (const cast of casts) {
    const keeps = TEXTS.includes(cast)
      ? kind !== 'bytea'
      : kind === 'number'
        ? // A cast of a numeric rounds (numeric_int4 in src/backend/utils/adt/numeric.c).
          cast === 'numeric' || (whole && NUMBERS.includes(cast))
        : cast === kind && cast === column.baseTypeName;
    if (!keeps) return undefined;
  }
  const last = casts.at(-1);
  return { kind, typeOid: last === undefined ? column.baseTypeOid : typeOids[last]! };
}

/** Types whose `=` finds equal keys alone: numbers and uuid, not texts under some collation. */
export function comparesKeys(column: Column): boolean {
  return NUMBERS.includes(column.baseTypeName) || column.baseTypeName === 'uuid';
}
