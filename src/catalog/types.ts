/**
 * The database's structure as one immutable snapshot. It knows names, types and keys; never a row.
 * Every name and type text in it is spelled with an empty search_path, so it is schema-qualified unless in pg_catalog.
 */

export type Oid = number;

/** pg_class.relkind in words (PostgreSQL manual, 53.11 pg_class). */
export type RelationKind =
  | 'table'
  | 'partitioned-table'
  | 'view'
  | 'materialized-view'
  | 'foreign-table'
  | 'sequence'
  | 'composite-type'
  | 'index'
  | 'toast';

export interface Column {
  /** pg_attribute.attnum, from 1. */
  readonly attnum: number;
  readonly name: string;
  readonly typeOid: Oid;
  readonly typmod: number;
  /** format_type(atttypid, atttypmod), e.g. `character varying(200)` or `public.mood`. */
  readonly type: string;
  /** The type below any domain, with its typmod; equals typeOid/type when there is no domain. */
  readonly baseTypeOid: Oid;
  readonly baseType: string;
  /** pg_type.typcategory of the base type: S string, N number, D date/time, B boolean, A array, U user, E enum, I network, T timespan, … */
  readonly typeCategory: string;
  /** pg_type.typname of the base type, without schema and typmod: `varchar`, `int4`, `jsonb`. */
  readonly baseTypeName: string;
  /** Equal texts have equal bytes (manual, 24.2.2.4 Nondeterministic Collations). Absent for a type without collation. */
  readonly deterministicCollation?: boolean;
  readonly notNull: boolean;
  readonly generated: boolean;
  readonly hasDefault: boolean;
}

export interface Key {
  readonly columns: readonly number[]; // attnums in index order
  readonly primary: boolean;
}

export interface IndexFacts {
  /** attnums in index order; 0 for an expression. */
  readonly columns: readonly number[];
  readonly unique: boolean;
  readonly partial: boolean;
}

/** Of a generated column, of indexes (keys and predicates), or of a partition key. */
export interface Formula {
  readonly kind: 'column' | 'index' | 'partition';
  /** As pg_get_expr prints it: one expression, or several between commas. */
  readonly text: string;
  /** The generated column, by attnum; 0 for the others. */
  readonly column: number;
  /** The columns that it reads, by attnum; 0 for a whole row. */
  readonly reads: readonly number[];
}

export interface Relation {
  readonly oid: Oid;
  readonly schema: string;
  readonly name: string;
  readonly kind: RelationKind;
  readonly rowTypeOid: Oid;
  /** Live columns in attnum order; dropped ones are absent, so attnums may have gaps. */
  readonly columns: readonly Column[];
  readonly keys: readonly Key[]; // unique, non-partial, on plain columns
  readonly indexes: readonly IndexFacts[];
  /** Direct parents by pg_inherits (partitions and inheritance alike). */
  readonly parents: readonly Oid[];
  /** Columns by which a partitioned table is partitioned, by attnum; 0 for an expression. */
  readonly partitionKey?: readonly number[];
  /** pg_get_viewdef of a view or materialized view. */
  readonly definition: string | undefined;
  /** Rules that rewrite INSERT, UPDATE or DELETE (manual, 39.4). */
  readonly rules?: boolean;
  /** The columns of each CHECK constraint, by attnum. */
  readonly checks?: readonly (readonly number[])[];
  /** Expressions that the server computes of a row whenever it is written. */
  readonly formulas?: readonly Formula[];
  readonly persistence: 'permanent' | 'unlogged' | 'temporary';
  readonly comment: string | undefined;
}

/** What is known of a function, whoever made it. */
export interface FunctionFacts {
  readonly oid: Oid;
  readonly schema: string;
  readonly name: string;
  /** The types of its arguments as oidvectortypes prints them: `integer, text`. */
  readonly argumentTypes: string;
  readonly language: string; // 'internal' | 'c' | 'sql' | 'plpgsql' | …
  /** False for STABLE and IMMUTABLE ones; undefined counts as true. */
  readonly volatile?: boolean;
  readonly extension: string | undefined;
}

/** A function that was made after initdb, in whatever schema. */
export interface UserFunction extends FunctionFacts {
  /** Identity arguments as pg_get_function_identity_arguments prints them. */
  readonly signature: string;
}

/** An operator that was made after initdb, in whatever schema. */
export interface UserOperator {
  readonly oid: Oid;
  readonly schema: string;
  readonly name: string;
  readonly functionLanguage: string;
  readonly extension: string | undefined;
  /** Undefined for a shell operator, which nobody can call. */
  readonly function: FunctionFacts | undefined;
}

/** A cast that calls a function and was made after initdb. */
export interface UserCast {
  readonly source: Oid;
  readonly target: Oid;
  readonly function: FunctionFacts;
}

/** The users' functions that a type runs, those of what it is made of included. */
export interface TypeCode {
  /** When a value becomes one of the type: input, typmod, CHECKs of domains, canonical form of ranges. */
  readonly coercing: readonly FunctionFacts[];
  /** When a value is printed, compared, sorted or hashed. */
  readonly showing: readonly FunctionFacts[];
}

export interface Catalog {
  /** Changes whenever the structure does: a hash over the snapshot's rows. */
  readonly version: string;
  readonly database: string;
  /** server_version_num, e.g. 150018. */
  readonly serverVersion: number;
  /** Epoch milliseconds. */
  readonly loadedAt: number;
  readonly relations: readonly Relation[];
  relation(schema: string, name: string): Relation | undefined;
  relationByOid(oid: Oid): Relation | undefined;
  /** Direct and indirect children by inheritance or partitioning. */
  descendants(oid: Oid): readonly Relation[];
  hasSchema(name: string): boolean;
  /** True when pg_catalog has at least one function of this name. */
  hasBuiltinFunction(name: string): boolean;
  /** The argument types of each function of this name that initdb made in pg_catalog, as oidvectortypes prints them. */
  builtinFunctions(name: string): readonly string[];
  userFunctions(name: string): readonly UserFunction[];
  userOperators(name: string): readonly UserOperator[];
  /** Non-pg_catalog types (domains, enums, composites, extension types): schema-qualified lookups of a name. */
  userTypes(name: string): readonly { readonly schema: string; readonly oid: Oid }[];
  /** The type and all that it is made of: a domain's base, an array's element, a range's subtype, a row's columns. */
  typesIn(oid: Oid): readonly Oid[];
  readonly userCasts: readonly UserCast[];
  /** The types that run users' functions; empty in most databases. */
  readonly typesWithCode: ReadonlyMap<Oid, TypeCode>;
}
