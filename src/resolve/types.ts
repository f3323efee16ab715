/**
 * A parsed statement with every name tied to what it means, by PostgreSQL's scoping rules
 * (parse_relation.c, parse_clause.c, parse_cte.c). Pure data; it decides nothing.
 */
import type { ColumnRef, FuncCall, Node, RangeVar, SelectStmt } from '@pgsql/types';
import type { Relation } from '../catalog/types.js';
import type { ParsedStatement } from '../sql/types.js';

/** Tokens [first, end) of the statement's text. */
export interface TokenSpan {
  readonly first: number;
  readonly end: number;
}

/** What a statement does with a relation it names. */
export type RelationPurpose =
  | 'read' // FROM, USING, joins, TABLE t, COPY t TO
  | 'insert'
  | 'update'
  | 'delete'
  | 'merge'
  | 'copy-from'
  | 'other'; // DDL, LOCK, TRUNCATE, VACUUM and whatever else names a relation

/** One occurrence of a real relation (never a CTE, never a function) in a statement. */
export interface RelationUse {
  readonly id: number; // index in ResolvedStatement.relations
  readonly node: RangeVar;
  readonly relation: Relation;
  readonly purpose: RelationPurpose;
  /** The name as written, from the first part to the last, without ONLY, `*`, alias or TABLESAMPLE. */
  readonly nameSpan: TokenSpan;
  /** nameSpan widened by a leading ONLY (with its parentheses) and a trailing `*`. */
  readonly fullSpan: TokenSpan;
  readonly only: boolean;
  /** The alias as the server folds it, without column aliases; undefined when there is none. */
  readonly alias: string | undefined;
  readonly hasColumnAliases: boolean;
  readonly tableSample: boolean;
  /** `TABLE customers` as a query: there is no FROM in the text. Span of the whole `TABLE [ONLY] name [*]`. */
  readonly tableCommandSpan: TokenSpan | undefined;
  /** Index in ResolvedStatement.levels of the query whose FROM (or target) holds it. */
  readonly level: number;
  /** Nullable side of an outer join, so an absent row shows as NULLs. */
  readonly nullable: boolean;
}

export type ColumnBinding =
  /** A column of a real relation, by itself or through USING/NATURAL (then `use` is the left side's). */
  | { readonly kind: 'column'; readonly use: RelationUse; readonly attnum: number; readonly levelsUp: number }
  /** ctid, xmin, tableoid … */
  | { readonly kind: 'system'; readonly use: RelationUse; readonly name: string; readonly levelsUp: number }
  /** A whole row of a real relation: `c`, `c.*` inside ROW() or as an argument. `star` tells `c.*` from `c`. */
  | {
      readonly kind: 'row';
      readonly use: RelationUse;
      readonly star: boolean;
      readonly levelsUp: number;
      readonly uncertain?: boolean;
    }
  /** `*` or `alias.*` in a target list: every range entry that it expands to; OLD, NEW and EXCLUDED count as the target. */
  | {
      readonly kind: 'star';
      readonly uses: readonly RelationUse[];
      /** Where its columns come from, those of subqueries, CTEs and functions included. */
      readonly lineage: Lineage;
    }
  /** A column of a subquery, CTE, function, VALUES or an output alias in ORDER BY/GROUP BY: no base column directly. */
  | {
      readonly kind: 'derived';
      readonly lineage: Lineage;
      /** A function in FROM has columns that only the server knows, so it may find this name further out instead. */
      readonly uncertain?: boolean;
    }
  /** Nothing we could find; the server will report it, or knows better. Never trusted for anything. */
  | { readonly kind: 'unresolved' };

/** Where a value comes from. */
export type Lineage =
  /** Exactly this base column, unchanged. */
  | {
      readonly kind: 'column';
      readonly use: RelationUse;
      readonly attnum: number;
      /** As SameValue.passing. */
      readonly passing?: true;
    }
  /** Computed from these base columns (possibly none). */
  | {
      readonly kind: 'expression';
      readonly inputs: readonly { readonly use: RelationUse; readonly attnum: number }[];
      /** It is the value of one of these columns, unchanged but for casts: of each arm of a UNION there is one. */
      readonly same?: readonly SameValue[];
    }
  /** Could not be followed. */
  | { readonly kind: 'unknown' };

/** A column's value behind casts that keep what it says. */
export interface SameValue {
  readonly use: RelationUse;
  readonly attnum: number;
  /** Names of pg_catalog types, the innermost cast first. */
  readonly casts: readonly string[];
  /**
   * A subquery passes it on from a row around it, and may be without a row, or have another value there, while that row
   * is in the result all the same.
   */
  readonly passing?: true;
}

/** `from` equals `to` in every row in which the relation of `from` has a row. */
export interface ImpliedEquality {
  readonly from: Lineage;
  readonly to: Lineage;
}

export interface OutputColumn {
  readonly name: string;
  readonly lineage: Lineage;
}

/** One SELECT (or the body of a DML statement): its own FROM scope. */
export interface QueryLevel {
  readonly id: number;
  readonly parent: number | undefined;
  /** The SelectStmt of this level; undefined for DML and for statements without a query. */
  readonly select: SelectStmt | undefined;
  /** Relations in this level's own FROM, joins flattened; subqueries have levels of their own. */
  readonly uses: readonly RelationUse[];
  /**
   * Top-level AND conjuncts of WHERE, and of ON where it filters every side (inner joins).
   * They alone may be copied into a derived table.
   */
  readonly conjuncts: readonly Node[];
  /**
   * The level into whose rows its own go: its parent, or the one whose FROM names the CTE that this is. Undefined at the
   * top.
   */
  readonly consumer: number | undefined;
  /** A row of it may hold values of several rows below it that GROUP BY does not tell apart. */
  readonly mixes: boolean;
}

export interface FunctionUse {
  readonly node: FuncCall;
  /** Name parts as the server folds them, e.g. ['pg_catalog', 'lower'] or ['lower']. */
  readonly name: readonly string[];
  readonly nameSpan: TokenSpan | undefined; // undefined for sugar such as EXTRACT(…)
  readonly argumentCount: number;
  /**
   * `email(c)`: the one argument is a whole row with a column of this name, so the server reads the column
   * unless a function fits (ParseFuncOrColumn in parse_func.c). Undefined for every other call.
   */
  readonly functionalColumn?: { readonly use: RelationUse; readonly attnum: number };
}

export interface OperatorUse {
  /** e.g. ['=', ] or ['public', '=']. */
  readonly name: readonly string[];
}

export interface ResolvedStatement {
  readonly statement: ParsedStatement;
  readonly relations: readonly RelationUse[];
  /** By identity of the ColumnRef object in the tree. */
  readonly columns: ReadonlyMap<ColumnRef, ColumnBinding>;
  readonly columnSpans: ReadonlyMap<ColumnRef, TokenSpan>;
  /** `schema.table.column` and `schema.table.*` that would mean another range entry without the schema. */
  readonly schemaNeeded: ReadonlySet<ColumnRef>;
  readonly levels: readonly QueryLevel[];
  readonly functions: readonly FunctionUse[];
  readonly operators: readonly OperatorUse[];
  /** What USING and NATURAL compare, which no reference in the text names. */
  readonly merged: readonly Lineage[];
  /** By conditions of WHERE, ON and IN, on any level. */
  readonly equalities: readonly ImpliedEquality[];
  /** Output of the top-level query or RETURNING; empty when there is none, undefined when it cannot be told. */
  readonly outputs: readonly OutputColumn[] | undefined;
}

export type ResolveProblem =
  | { readonly kind: 'unknown-relation'; readonly schema: string | undefined; readonly name: string }
  | { readonly kind: 'ambiguous-name'; readonly name: string }
  | { readonly kind: 'unsupported'; readonly what: string };

export type ResolveOutcome =
  | { readonly ok: true; readonly resolved: ResolvedStatement }
  | { readonly ok: false; readonly problem: ResolveProblem };

/** What names mean in a session: schemas searched in order, pg_catalog implied first when it is not named. */
export type SearchPath = readonly string[];
