/**
 * Turns the rows of pg_catalog into a Catalog: immutable, with look-ups that cost one Map access.
 * Pure; it knows no connection.
 */
import { createHash } from 'node:crypto';
import { codeOf } from './code.js';
import { groupBy } from './group-by.js';
import type { CatalogRows, ColumnRow, IndexRow, RelationRow } from './queries.js';
import type { Catalog, Column, IndexFacts, Key, Oid, Relation, RelationKind } from './types.js';

/** Builds the snapshot. Equal rows give an equal version, whatever the time. */
export function buildCatalog(rows: CatalogRows, loadedAt: number): Catalog {
  const relations = relationsOf(rows);
  const byOid = new Map(relations.map((relation) => [relation.oid, relation]));
  const bySchema = new Map<string, Map<string, Relation>>(
    rows.schemas.map((schema) => [schema.name, new Map<string, Relation>()]),
  );
  for (const relation of relations) bySchema.get(relation.schema)?.set(relation.name, relation);
  const descendants = descendantsOf(relations);
  const code = codeOf(rows);

  return Object.freeze<Catalog>({
    version: createHash('sha256').update(JSON.stringify(rows)).digest('hex').slice(0, 32),
    database: rows.server.database,
    serverVersion: rows.server.server_version,
    loadedAt,
    relations: Object.freeze(relations),
    relation: (schema, name) => bySchema.get(schema)?.get(name),
    relationByOid: (oid) => byOid.get(oid),
    descendants: (oid) => descendants.get(oid) ?? [],
    hasSchema: (name) => bySchema.has(name),
    ...code,
  });
}

function relationsOf(rows: CatalogRows): Relation[] {
  const columns = groupBy(rows.columns, (row) => row.relation);
  const indexes = groupBy(rows.indexes, (row) => row.relation);
  const parents = groupBy(rows.inheritance, (row) => row.child);
  return rows.relations.map((row): Relation => {
    const own = indexes.get(row.oid) ?? [];
    return {
      oid: row.oid,
      schema: row.schema,
      name: row.name,
      kind: kindOf(row),
      rowTypeOid: row.row_type,
      columns: (columns.get(row.oid) ?? []).map(columnOf),
      keys: own.filter(isKey).map((index): Key => ({ columns: index.columns, primary: index.primary })),
      indexes: own.map((index): IndexFacts => ({
        columns: index.columns,
        unique: index.unique,
        partial: index.partial,
      })),
      parents: (parents.get(row.oid) ?? []).map((one) => one.parent),
      definition: row.definition ?? undefined,
      rules: row.rules,
      checks: row.checks,
      formulas: row.formulas,
      persistence: persistenceOf(row),
      ...(row.partition_key === null ? {} : { partitionKey: row.partition_key }),
      comment: row.comment ?? undefined,
    };
  });
}

function columnOf(row: ColumnRow): Column {
  return {
    attnum: row.attnum,
    name: row.name,
    typeOid: row.type_oid,
    typmod: row.typmod,
    type: row.type,
    baseTypeOid: row.base_type_oid,
    baseType: row.base_type,
    typeCategory: row.type_category,
    baseTypeName: row.base_type_name,
    ...(row.deterministic === null ? {} : { deterministicCollation: row.deterministic }),
    notNull: row.not_null,
    generated: row.generated,
    hasDefault: row.has_default,
  };
}

/** What the planner too takes as proof of uniqueness (src/backend/optimizer/path/indxpath.c, relation_has_unique_index_for). */
function isKey(index: IndexRow): boolean {
  return index.unique && index.immediate && !index.partial && !index.columns.includes(0);
}

/** pg_class.relkind (PostgreSQL manual, 53.11). */
const kinds: Readonly<Record<string, RelationKind>> = {
  r: 'table',
  p: 'partitioned-table',
  v: 'view',
  m: 'materialized-view',
  f: 'foreign-table',
  S: 'sequence',
  c: 'composite-type',
  i: 'index',
  I: 'index',
  t: 'toast',
};

function kindOf(row: RelationRow): RelationKind {
  const kind = kinds[row.kind];
  // FAIL-CLOSED: a kind that a later PostgreSQL brings is not guessed; the load fails and says so.
  if (kind === undefined) {
    throw new Error(
      `the server has a relation of kind "${row.kind}", which this version of pgveil does not know`,
    );
  }
  return kind;
}

function persistenceOf(row: RelationRow): Relation['persistence'] {
  if (row.persistence === 't') return 'temporary';
  return row.persistence === 'u' ? 'unlogged' : 'permanent';
}

/** All of them at once: a statement must not pay for the walk. A relation with two ways to an ancestor counts once. */
function descendantsOf(relations: readonly Relation[]): ReadonlyMap<Oid, readonly Relation[]> {
  const found = new Map<Oid, Set<Relation>>();
  const byOid = new Map(relations.map((relation) => [relation.oid, relation]));
  for (const relation of relations) {
    const waiting = [...relation.parents];
    const seen = new Set<Oid>();
    for (let parent = waiting.pop(); parent !== undefined; parent = waiting.pop()) {
      if (seen.has(parent)) continue;
      seen.add(parent);
      const below = found.get(parent) ?? new Set();
      found.set(parent, below.add(relation));
      waiting.push(...(byOid.get(parent)?.parents ?? []));
    }
  }
  return new Map([...found].map(([oid, below]) => [oid, [...below]]));
}
