/** How the key of a data subject is spelled, by the type of its column, and which casts keep the spelling. Data alone. */
import type { Column } from '../catalog/types.js';
import type { KeyKind } from './types.js';

const NUMBERS = ['int2', 'int4', 'int8', 'numeric'];
const TEXTS = ['text', 'varchar'];

/** Their text depends on no setting, and no two texts of theirs are equal. */
const PLAIN = ['oid', 'inet', 'cidr', 'macaddr', 'macaddr8', 'bit', 'varbit'];

const kindOf: ReadonlyMap<string, KeyKind> = new Map([
  ...PLAIN.map((name) => [name, 'other'] as const),
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

/**
 * One spelling for one key, whatever the session's settings. Dates, floats, citext and texts under a collation that is not
 * deterministic have none.
 */
function spelledKind(column: Column): KeyKind | undefined {
  const kind = kindOf.get(column.baseTypeName) ?? (column.typeCategory === 'E' ? 'other' : undefined);
  const collated = kind === 'text' || kind === 'bpchar';
  return collated && column.deterministicCollation !== true ? undefined : kind;
}

/** The key of this column behind these casts; undefined where its text does not tell the key, or a cast may change it. */
export function carriedKey(column: Column, casts: readonly string[]): CarriedKey | undefined {
  const kind = spelledKind(column);
  if (kind === undefined) return undefined;
  const whole = column.baseTypeName !== 'numeric';
  for (const cast of casts) {
    const keeps = TEXTS.includes(cast)
      ? // inet writes its mask then (network_show in src/backend/utils/adt/network.c).
        kind !== 'bytea' && kind !== 'other'
      : kind === 'number'
        ? // A cast of a numeric rounds (numeric_int4 in src/backend/utils/adt/numeric.c).
          cast === 'numeric' || (whole && NUMBERS.includes(cast))
        : cast === kind && cast === column.baseTypeName;
    if (!keeps) return undefined;
  }
  const last = casts.at(-1);
  return { kind, typeOid: last === undefined ? column.baseTypeOid : typeOids[last]! };
}

/** Among which values, this column's behind these casts, `=` finds equal keys alone; undefined: it may find others. */
export function comparedAs(
  column: Column,
  casts: readonly string[],
): 'number' | 'text' | 'bytes' | undefined {
  const kind = spelledKind(column);
  const kept = carriedKey(column, casts) !== undefined;
  switch (kind) {
    case 'number':
      // As texts, 42 and 42.0 are not equal.
      return kept && casts.every((cast) => NUMBERS.includes(cast)) ? 'number' : undefined;
    case 'text':
      // The collation is the column's as long as nothing else has a say in it.
      return casts.length === 0 && TEXTS.includes(column.baseTypeName) ? 'text' : undefined;
    case 'uuid':
    case 'bytea':
      return casts.length === 0 ? 'bytes' : undefined;
    case 'bpchar':
    case 'other':
    case undefined:
      return undefined;
  }
}
