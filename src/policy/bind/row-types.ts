/** Columns that hold rows of other tables: data that the policy protects, under a name that carries no label. */
import type { Catalog, Column, Oid, Relation } from '../../catalog/types.js';
import { ancestors } from './binding.js';

/**
 * Tells whether a column's type is made of the row type of a relation that the policy protects: as itself, in an array,
 * below a domain, or inside another composite type. Nobody would ask such a row's guard.
 */
export function protectedRows(
  catalog: Catalog,
  isProtected: (relation: Relation) => boolean,
): (column: Column) => boolean {
  const byRowType = new Map<Oid, Relation>(catalog.relations.map((one) => [one.rowTypeOid, one]));
  const exposes = (relation: Relation): boolean => {
    // A composite type has no rows; what its fields hold is among the types that the column's is made of.
    if (relation.kind === 'composite-type') return false;
    // FAIL-CLOSED: rows of a view or of a child are rows of the tables behind them.
    if (relation.kind === 'view' || relation.kind === 'materialized-view') return true;
    return [relation, ...ancestors(catalog, relation), ...catalog.descendants(relation.oid)].some(
      isProtected,
    );
  };
  return (column) =>
    catalog.typesIn(column.typeOid).some((type) => {
      const relation = byRowType.get(type);
      return relation !== undefined && exposes(relation);
    });
}
