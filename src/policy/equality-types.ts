/**
 * Which columns can compare their real value with a constant (`where: equality`), and with constants of which types.
 *
 * The server chooses the operator by both types, and may cast the column to get there. So a type is listed only when
 * every comparison within its family works on the column's own bytes: no error can tell of a value, and no code of a
 * user's runs on it.
 */
import type { Column } from '../catalog/types.js';

export interface EqualityType {
  /** Types, by pg_type.typname, that a cast around the constant may name. */
  readonly casts: ReadonlySet<string>;
  /** Of those, the ones that leave the comparison to an operator that pg_proc marks leakproof; the column's own included. */
  readonly leakproof: ReadonlySet<string>;
  /** Whether the types are the server's own, so that their names and the operator can be written with pg_catalog. */
  readonly builtIn: boolean;
}

const texts = ['text', 'varchar', 'bpchar'];
const integers = ['int2', 'int4', 'int8'];
const times = ['date', 'timestamp', 'timestamptz'];

const builtIn: Readonly<Record<string, EqualityType>> = {
  text: type(texts, ['text', 'varchar']),
  varchar: type(texts, ['text', 'varchar']),
  bpchar: type(texts, []),
  int2: type([...integers, 'numeric'], integers),
  int4: type([...integers, 'numeric'], integers),
  int8: type([...integers, 'numeric'], integers),
  numeric: type([...integers, 'numeric'], []),
  uuid: type(['uuid'], ['uuid']),
  bool: type(['bool'], ['bool']),
  date: type(times, ['date']),
  timestamp: type(times, ['timestamp']),
  timestamptz: type(times, ['timestamptz']),
  bytea: type(['bytea'], []),
  inet: type(['inet', 'cidr'], []),
  cidr: type(['inet', 'cidr'], []),
  macaddr: type(['macaddr'], []),
};

function type(casts: readonly string[], leakproof: readonly string[]): EqualityType {
  return { casts: new Set(casts), leakproof: new Set(leakproof), builtIn: true };
}

/** How the column's real value may be compared; undefined when it may not. */
export function equalityType(column: Column): EqualityType | undefined {
  const { baseTypeName: name } = column;
  // format_type qualifies whatever is not in pg_catalog: a user's type may bear a built-in name.
  const foreign = column.baseType.includes('.');
  if (!foreign && Object.hasOwn(builtIn, name)) return builtIn[name];
  if (column.typeCategory === 'E' || (name === 'citext' && column.typeCategory === 'S')) {
    return { casts: new Set([...texts, name]), leakproof: new Set(), builtIn: false };
  }
  return undefined;
}
