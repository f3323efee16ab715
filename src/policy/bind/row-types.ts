/** Columns whose type is the row type of another table: they hold that table's data under no label of theirs. */
import type { Column, Relation } from '../../catalog/types.js';
import { qualified } from './binding.js';

/** The relation of whose rows the column holds one or a list, below any domain; of those that are asked about. */
export function rowTypeOf(column: Column, relations: Iterable<Relation>): Relation | undefined {
  // format_type writes schema.name, quoted where needed, and [] behind an array (ruleutils.c, quote_identifier).
  const type = column.baseType.replace(/(?:\[\])+$/, '').replaceAll('"', '');
  for (const relation of relations) if (qualified(relation) === type) return relation;
  return undefined;
}
