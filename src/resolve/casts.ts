/** Casts that keep what a value says: to wider numbers and to text without a length. They know names, no catalog. */
import type { TypeCast } from '@pgsql/types';
import { stringsOf } from './ast.js';
import { combine, sameValues } from './row-shape.js';
import type { Lineage } from './types.js';

const TYPES: ReadonlySet<string> = new Set([
  'int2',
  'int4',
  'int8',
  'numeric',
  'text',
  'varchar',
  'bpchar',
  'uuid',
]);

/** The pg_catalog type of a cast without typmod, as far as a name alone tells it; undefined for all others. */
export function keepingCast({ typeName }: TypeCast): string | undefined {
  const [first, second, ...more] = stringsOf(typeName?.names);
  if (more.length > 0 || (second !== undefined && first !== 'pg_catalog')) return undefined;
  if (typeName?.typmods !== undefined || typeName?.arrayBounds !== undefined || typeName?.setof === true)
    return undefined;
  const name = second ?? first;
  return name !== undefined && TYPES.has(name) ? name : undefined;
}

/** The origin of a value behind such a cast. */
export function castLineage(lineage: Lineage, cast: string): Lineage {
  const computed = combine([lineage]);
  const same = sameValues(lineage);
  if (computed.kind !== 'expression' || same === undefined) return computed;
  return { ...computed, same: same.map((one) => ({ ...one, casts: [...one.casts, cast] })) };
}
