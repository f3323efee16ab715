/** What every part of binding shares: the policy, the catalog, the problems found so far, and looking names up. */
import type { Catalog, Column, Relation } from '../../catalog/types.js';
import type { PolicyContent } from '../content.js';
import type { ExpressionParser } from '../expression/compile.js';
import { parseIdentifier, parseRelationName } from '../names.js';
import { problemAt, type Entry, type ProblemText } from '../problems.js';
import { nearest, suggest } from '../suggest.js';
import type { PolicyProblem } from '../types.js';
import type { YamlPath } from '../yaml/source.js';

export interface Binding {
  readonly content: PolicyContent;
  readonly catalog: Catalog;
  readonly parser: ExpressionParser | undefined;
  readonly secrets: ReadonlyMap<string, Buffer>;
  readonly problems: PolicyProblem[];
}

/** Where in the policy a name stands. */
export interface Site {
  readonly entry: Entry<unknown>;
  readonly below: YamlPath;
  readonly key?: boolean;
}

const READABLE = new Set(['table', 'partitioned-table', 'view', 'materialized-view', 'foreign-table']);
const SYSTEM_SCHEMAS = new Set(['pg_catalog', 'information_schema']);

export function isSystemSchema(schema: string): boolean {
  return SYSTEM_SCHEMAS.has(schema);
}

export function qualified(relation: Relation): string {
  return `${relation.schema}.${relation.name}`;
}

export function complain(binding: Binding, site: Site, problem: ProblemText): undefined {
  const key = site.key === true ? { key: true } : {};
  binding.problems.push(problemAt(site.entry, site.below, { ...problem, ...key }));
  return undefined;
}

export function findRelation(
  binding: Binding,
  site: Site,
  name: { readonly schema: string; readonly name: string },
): Relation | undefined {
  const { catalog } = binding;
  const relation = catalog.relation(name.schema, name.name);
  if (relation && READABLE.has(relation.kind) && !isSystemSchema(relation.schema)) return relation;
  const own = catalog.relations.filter((one) => READABLE.has(one.kind) && !isSystemSchema(one.schema));
  if (relation) {
    complain(binding, site, {
      code: 'unknown-table',
      message: `"${name.schema}.${name.name}" is no table or view of the database's own`,
      fix: 'name a table or view',
    });
    return;
  }
  if (!catalog.hasSchema(name.schema)) {
    complain(binding, site, {
      code: 'unknown-schema',
      message: `the database has no schema "${name.schema}"`,
      fix: suggest(name.schema, new Set(own.map((one) => one.schema)), 'schema'),
    });
    return;
  }
  const close = nearest(`${name.schema}.${name.name}`, own.map(qualified));
  complain(binding, site, {
    code: 'unknown-table',
    message: `the database has no table "${name.schema}.${name.name}"`,
    fix: close === undefined ? 'correct the name, or create the table first' : `did you mean "${close}"?`,
  });
  return undefined;
}

/** A table named by text, `schema.table`. */
export function relationNamed(binding: Binding, site: Site, text: string): Relation | undefined {
  const name = parseRelationName(text);
  if (name) return findRelation(binding, site, name);
  complain(binding, site, {
    code: 'bad-name',
    message: `"${text}" is no table name`,
    fix: 'write schema.table',
  });
  return undefined;
}

export function findColumn(
  binding: Binding,
  site: Site,
  relation: Relation,
  name: string,
): Column | undefined {
  const column = relation.columns.find((one) => one.name === name);
  if (column) return column;
  complain(binding, site, {
    code: 'unknown-column',
    message: `the table "${qualified(relation)}" has no column "${name}"`,
    fix: suggest(
      name,
      relation.columns.map((one) => one.name),
      'column',
    ),
  });
  return undefined;
}

/** A column named by text, one identifier. */
export function columnNamed(
  binding: Binding,
  site: Site,
  relation: Relation,
  text: string,
): Column | undefined {
  const name = parseIdentifier(text);
  if (name !== undefined) return findColumn(binding, site, relation, name);
  complain(binding, site, {
    code: 'bad-name',
    message: `"${text}" is no column name`,
    fix: 'write the column alone, without its table',
  });
  return undefined;
}

/** Direct and indirect parents by inheritance or partitioning. */
export function ancestors(catalog: Catalog, relation: Relation): readonly Relation[] {
  const found = new Map<number, Relation>();
  const open = [...relation.parents];
  for (let oid = open.pop(); oid !== undefined; oid = open.pop()) {
    const parent = catalog.relationByOid(oid);
    if (!parent || found.has(oid)) continue;
    found.set(oid, parent);
    open.push(...parent.parents);
  }
  return [...found.values()];
}

/**
 * FAIL-CLOSED: a rule on a partition or inheritance child alone would not hold for reads through its parent, so rules
 * are made on parents, and children inherit them.
 */
export function refuseChild(binding: Binding, site: Site, relation: Relation): boolean {
  const [parent] = ancestors(binding.catalog, relation);
  if (!parent) return false;
  complain(binding, site, {
    code: 'rule-on-child',
    message: `"${qualified(relation)}" is a child of "${qualified(parent)}", whose readers this rule would not stop`,
    fix: `name "${qualified(parent)}" instead: its children inherit the rule`,
  });
  return true;
}

const FAMILIES: readonly ReadonlySet<string>[] = [
  new Set(['int2', 'int4', 'int8']),
  new Set(['text', 'varchar', 'bpchar']),
];

/** Whether pg_catalog has an equality between the two columns' types. */
export function comparable(a: Column, b: Column): boolean {
  return (
    a.baseTypeOid === b.baseTypeOid ||
    FAMILIES.some((family) => family.has(a.baseTypeName) && family.has(b.baseTypeName))
  );
}

export function columnAt(relation: Relation, attnum: number): Column {
  const column = relation.columns.find((one) => one.attnum === attnum);
  if (!column) throw new Error('an attnum was bound to a relation that does not have it');
  return column;
}

export function hasKey(relation: Relation, attnums: readonly number[]): boolean {
  return relation.keys.some((key) => key.columns.every((attnum) => attnums.includes(attnum)));
}
