/**
 * The questions we put to pg_catalog, and the rows they answer with. Nothing here interprets a row.
 * Each reads a whole set at once; all are written for PostgreSQL 13 to 18 and need no privilege beyond login.
 * They run with an empty search_path, so format_type and pg_get_viewdef print every name outside pg_catalog qualified.
 * Functions, operators, casts and types stand in code-queries.ts.
 */
import type { CodeRows } from './code-queries.js';
import { reachable, systemSchemas } from './schemas.js';
import type { Formula } from './types.js';

export interface ServerRow {
  readonly database: string;
  readonly server_version: number;
}

export const serverQuery = `
SELECT current_database()::text AS database, current_setting('server_version_num')::int4 AS server_version`;

export interface SchemaRow {
  readonly name: string;
}

export const schemasQuery = `
SELECT n.nspname::text AS name FROM pg_namespace n WHERE ${reachable} ORDER BY n.oid`;

export interface RelationRow {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  readonly kind: string;
  readonly persistence: string;
  readonly row_type: number;
  readonly definition: string | null;
  readonly rules: boolean;
  readonly checks: readonly (readonly number[])[];
  readonly partition_key: readonly number[] | null;
  readonly formulas: readonly Formula[];
  readonly comment: string | null;
}

/** pg_get_viewdef without pretty-printing, which keeps every parenthesis (PostgreSQL manual, 9.27.4). */
export const relationsQuery = `
SELECT c.oid, n.nspname::text AS schema, c.relname::text AS name, c.relkind::text AS kind,
       c.relpersistence::text AS persistence, c.reltype AS row_type,
       CASE WHEN c.relkind IN ('v', 'm') AND n.nspname NOT IN ${systemSchemas}
            THEN pg_get_viewdef(c.oid, false) END AS definition,
       c.relhasrules AND EXISTS (SELECT FROM pg_rewrite r WHERE r.ev_class = c.oid AND r.ev_type <> '1') AS rules,
       coalesce((SELECT jsonb_agg(to_jsonb(k.conkey) ORDER BY k.oid) FROM pg_constraint k
                 WHERE k.conrelid = c.oid AND k.contype = 'c' AND k.conkey IS NOT NULL), '[]') AS checks,
       coalesce((SELECT jsonb_agg(jsonb_build_object('kind', f.kind, 'column', f.attnum, 'text', pg_get_expr(f.tree, c.oid),
                    'reads', (SELECT coalesce(jsonb_agg(DISTINCT m[1]::int4), '[]')
                                FROM regexp_matches(f.tree::text, ':varattno (\\d+)', 'g') m)) ORDER BY f.kind, f.tree::text)
                 FROM (SELECT 'column' AS kind, d.adnum AS attnum, d.adbin AS tree
                         FROM pg_attrdef d JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
                        WHERE d.adrelid = c.oid AND a.attgenerated <> ''
                       UNION ALL SELECT 'index', 0, e.tree
                         FROM pg_index i CROSS JOIN LATERAL (VALUES (i.indexprs), (i.indpred)) e (tree) WHERE i.indrelid = c.oid
                       UNION ALL SELECT 'partition', 0, p.partexprs FROM pg_partitioned_table p WHERE p.partrelid = c.oid) f
                 WHERE f.tree IS NOT NULL), '[]') AS formulas,
       (SELECT to_jsonb(p.partattrs::int2[]) FROM pg_partitioned_table p WHERE p.partrelid = c.oid) AS partition_key,
       CASE WHEN n.nspname NOT IN ${systemSchemas} THEN obj_description(c.oid, 'pg_class') END AS comment
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE ${reachable}
ORDER BY c.oid`;

export interface ColumnRow {
  readonly relation: number;
  readonly attnum: number;
  readonly name: string;
  readonly type_oid: number;
  readonly typmod: number;
  readonly type: string;
  readonly base_type_oid: number;
  readonly base_type: string;
  readonly base_type_name: string;
  readonly type_category: string;
  /** Null for a type without collation. */
  readonly deterministic: boolean | null;
  readonly not_null: boolean;
  readonly generated: boolean;
  readonly has_default: boolean;
}

/**
 * A domain may stand on a domain; the typmod that holds is that of the deepest one
 * (src/backend/utils/cache/lsyscache.c, getBaseTypeAndTypmod). Indexes' columns are no query's business.
 * A domain's NOT NULL is no proof that a column has no null (PostgreSQL manual, CREATE DOMAIN, Notes), so it does not count.
 */
export const columnsQuery = `
WITH RECURSIVE below (domain, base, typmod) AS (
  SELECT t.oid, t.typbasetype, t.typtypmod FROM pg_type t WHERE t.typtype = 'd'
  UNION ALL
  SELECT below.domain, t.typbasetype, t.typtypmod FROM below JOIN pg_type t ON t.oid = below.base WHERE t.typtype = 'd'
), domains AS (
  SELECT below.domain, below.base, below.typmod FROM below JOIN pg_type t ON t.oid = below.base WHERE t.typtype <> 'd'
)
SELECT a.attrelid AS relation, a.attnum::int4 AS attnum, a.attname::text AS name,
       a.atttypid AS type_oid, a.atttypmod AS typmod, format_type(a.atttypid, a.atttypmod) AS type,
       b.oid AS base_type_oid, format_type(b.oid, coalesce(d.typmod, a.atttypmod)) AS base_type,
       b.typname::text AS base_type_name, b.typcategory::text AS type_category,
       (SELECT l.collisdeterministic FROM pg_collation l WHERE l.oid = a.attcollation) AS deterministic,
       a.attnotnull AS not_null, a.attgenerated <> '' AS generated,
       a.attgenerated = '' AND (a.atthasdef OR a.attidentity <> '' OR t.typdefault IS NOT NULL) AS has_default
FROM pg_attribute a
JOIN pg_class c ON c.oid = a.attrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_type t ON t.oid = a.atttypid
LEFT JOIN domains d ON d.domain = t.oid
JOIN pg_type b ON b.oid = coalesce(d.base, t.oid)
WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind NOT IN ('i', 'I') AND ${reachable}
ORDER BY a.attrelid, a.attnum`;

export interface IndexRow {
  readonly relation: number;
  /** Attnums of the key columns, without INCLUDE; 0 for an expression. */
  readonly columns: readonly number[];
  readonly unique: boolean;
  readonly primary: boolean;
  readonly partial: boolean;
  /** False for a deferrable constraint, which a transaction may violate until its end. */
  readonly immediate: boolean;
}

/** An index that is not valid (CREATE INDEX CONCURRENTLY under way or failed) proves nothing and speeds nothing up. */
export const indexesQuery = `
SELECT i.indrelid AS relation,
       (string_to_array(i.indkey::text, ' ')::int4[])[1:i.indnkeyatts] AS columns,
       i.indisunique AS unique, i.indisprimary AS primary, i.indpred IS NOT NULL AS partial, i.indimmediate AS immediate
FROM pg_index i
JOIN pg_class c ON c.oid = i.indrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE i.indisvalid AND i.indisready AND i.indislive AND n.nspname NOT IN ${systemSchemas} AND ${reachable}
ORDER BY i.indrelid, i.indexrelid`;

export interface InheritanceRow {
  readonly child: number;
  readonly parent: number;
}

/** Partitioned indexes stand in pg_inherits too. */
export const inheritanceQuery = `
SELECT h.inhrelid AS child, h.inhparent AS parent
FROM pg_inherits h JOIN pg_class c ON c.oid = h.inhparent
WHERE c.relkind <> 'I'
ORDER BY h.inhrelid, h.inhseqno`;

/** Everything that one load reads. */
export interface CatalogRows extends CodeRows {
  readonly server: ServerRow;
  readonly schemas: readonly SchemaRow[];
  readonly relations: readonly RelationRow[];
  readonly columns: readonly ColumnRow[];
  readonly indexes: readonly IndexRow[];
  readonly inheritance: readonly InheritanceRow[];
}
