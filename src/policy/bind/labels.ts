/** Labels → columns of the catalog, children included. */
import type { Column, Oid, Relation } from '../../catalog/types.js';
import { jsonPathText, pathsOverlap } from '../json-path.js';
import { parseColumnName } from '../names.js';
import {
  ancestors,
  complain,
  findColumn,
  findRelation,
  qualified,
  type Binding,
  type Site,
} from './binding.js';

export interface PathLabel {
  readonly label: string;
  /** Empty for the whole column. */
  readonly steps: readonly string[];
}

/** By relation, then by attnum. A column carries one label, or several on paths inside it. */
export type BoundLabels = ReadonlyMap<Oid, ReadonlyMap<number, readonly PathLabel[]>>;

type Mutable = Map<Oid, Map<number, PathLabel[]>>;

function add(
  binding: Binding,
  site: Site,
  found: Mutable,
  relation: Relation,
  column: Column,
  label: PathLabel,
): void {
  const columns = found.get(relation.oid) ?? new Map<number, PathLabel[]>();
  found.set(relation.oid, columns);
  const before = columns.get(column.attnum) ?? [];
  const clash = before.find((one) => pathsOverlap(one.steps, label.steps));
  if (clash) {
    complain(binding, site, {
      code: 'column-labelled-twice',
      message: `"${qualified(relation)}.${column.name}${jsonPathText(label.steps)}" has the label "${clash.label}" already`,
      fix: 'leave it in one label only',
    });
    return;
  }
  columns.set(column.attnum, [...before, label]);
}

export function bindLabels(binding: Binding): BoundLabels {
  const found: Mutable = new Map();
  for (const [label, entry] of binding.content.labels) {
    const texts = Array.isArray(entry.value) ? entry.value : entry.value.columns;
    texts.forEach((text, index) => {
      const site: Site = { entry, below: Array.isArray(entry.value) ? [index] : ['columns', index] };
      const name = parseColumnName(text);
      if (!name) {
        complain(binding, site, {
          code: 'bad-name',
          message: `"${text}" is no column name`,
          fix: "write schema.table.column, or schema.table.column->'key' for a place inside jsonb",
        });
        return;
      }
      const relation = findRelation(binding, site, name);
      const column = relation && findColumn(binding, site, relation, name.column);
      if (!relation || !column) return;
      if (name.path.length > 0 && column.baseTypeName !== 'jsonb') {
        complain(binding, site, {
          code: 'path-not-jsonb',
          message: `"${qualified(relation)}.${column.name}" is ${column.type}, and a path needs jsonb`,
          fix: 'label the whole column',
        });
        return;
      }
      const parent = ancestors(binding.catalog, relation).find((one) =>
        one.columns.some((other) => other.name === column.name),
      );
      if (parent) {
        complain(binding, site, {
          code: 'rule-on-child',
          message: `"${qualified(relation)}" has this column from "${qualified(parent)}", whose readers the label would not reach`,
          fix: `label "${qualified(parent)}.${column.name}": its children inherit the label`,
        });
        return;
      }
      for (const one of [relation, ...binding.catalog.descendants(relation.oid)]) {
        const own = one.columns.find((other) => other.name === column.name);
        if (own) add(binding, site, found, one, own, { label, steps: name.path });
      }
    });
  }
  return found;
}
