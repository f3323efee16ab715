/** Spelling of names in generated SQL: always quoted, always qualified, so that no search_path has a say. */
import type { Column, Relation } from '../catalog/types.js';
import { identifier } from '../policy/sql-text.js';

/** `"public"."customers"` */
export function relationName(relation: Relation): string {
  return `${identifier(relation.schema)}.${identifier(relation.name)}`;
}

/** `alias."email"`; the alias is already spelled. */
export function columnOf(alias: string, column: Column): string {
  return `${alias}.${identifier(column.name)}`;
}

/** The live column with this attnum. Throws when there is none: decisions and catalog then disagree, a bug of ours. */
export function columnByNumber(relation: Relation, attnum: number): Column {
  const column = relation.columns.find((each) => each.attnum === attnum);
  if (column === undefined) throw new Error(`relation ${relation.oid} has no column ${attnum}`);
  return column;
}
