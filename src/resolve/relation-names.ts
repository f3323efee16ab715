/** Which relation a name means, by schema or by search path (namespace.c, RangeVarGetRelidExtended). */
import type { RangeVar } from '@pgsql/types';
import type { Catalog, Relation } from '../catalog/types.js';
import type { SearchPath } from './types.js';

const SYSTEM_COLUMNS: ReadonlySet<string> = new Set(['ctid', 'xmin', 'xmax', 'cmin', 'cmax', 'tableoid']);

function isTemporarySchema(name: string): boolean {
  return /^pg_(toast_)?temp(_|$)/.test(name);
}

/**
 * The relation that a RangeVar names, undefined when the catalog has none. Temporary schemas are never searched:
 * the snapshot is not the session's own, so a name in them could mean another table there.
 */
export function findRelation(
  name: Pick<RangeVar, 'catalogname' | 'schemaname' | 'relname'>,
  catalog: Catalog,
  searchPath: SearchPath,
): Relation | undefined {
  const relname = name.relname ?? '';
  if (name.catalogname !== undefined && name.catalogname !== catalog.database) return undefined;
  if (name.schemaname !== undefined) {
    return isTemporarySchema(name.schemaname) ? undefined : catalog.relation(name.schemaname, relname);
  }
  const implied = searchPath.includes('pg_catalog') ? [] : ['pg_catalog'];
  for (const schema of [...implied, ...searchPath]) {
    if (isTemporarySchema(schema)) continue;
    const relation = catalog.relation(schema, relname);
    if (relation !== undefined) return relation;
  }
  return undefined;
}

/** True when a row can be read from it or written to it: not an index, a composite type or a TOAST table. */
export function isRowSource(relation: Relation): boolean {
  switch (relation.kind) {
    case 'table':
    case 'partitioned-table':
    case 'view':
    case 'materialized-view':
    case 'foreign-table':
    case 'sequence':
    case 'toast':
      return true;
    case 'composite-type':
    case 'index':
      return false;
  }
}

/** True when the name is a system column that this relation has; a view has none. */
export function hasSystemColumn(relation: Relation, name: string): boolean {
  return SYSTEM_COLUMNS.has(name) && relation.kind !== 'view' && relation.kind !== 'composite-type';
}
