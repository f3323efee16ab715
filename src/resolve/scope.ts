/**
 * What a name can see: range entries and CTEs per query level, and the look-ups over them.
 * This is ParseNamespaceItem, colNameToVar and scanNameSpaceForRefname of parse_relation.c.
 */
import type { CommonTableExpr } from '@pgsql/types';
import { hasSystemColumn } from './relation-names.js';
import type { RowShape } from './row-shape.js';
import type { Lineage, RelationUse } from './types.js';
import type { Oid } from '../catalog/types.js';

/** A column as a range entry shows it. `direct`: it is the base column itself, not one that a subquery passes on. */
export interface EntryColumn {
  readonly name: string;
  readonly lineage: Lineage;
  readonly direct: boolean;
}

/** One range table entry as names see it. The flags are ParseNamespaceItem's. */
export interface RangeEntry {
  /** undefined for a join or subquery without alias: then only its columns can be named. */
  readonly refname: string | undefined;
  /** The relation, when the entry is one. */
  readonly use: RelationUse | undefined;
  /** Every relation that `*` over this entry expands to. */
  readonly uses: readonly RelationUse[];
  columns: readonly EntryColumn[];
  /** From this position on there may be columns that only the server knows; names before it and after it hold. */
  readonly openAt: number | undefined;
  /** OLD, NEW and EXCLUDED: another name for the target, not a further relation. */
  readonly pseudo: boolean;
  /** Levels of the subqueries in FROM below this entry, for the nullable mark. */
  readonly subqueryLevels: readonly number[];
  /** The same, and those of CTEs: what its rows are made of, besides `uses`. */
  readonly rowLevels: readonly number[];
  relVisible: boolean;
  colsVisible: boolean;
  lateralOnly: boolean;
  lateralOk: boolean;
}

/** A CTE as references see it. */
export interface CteEntry {
  readonly name: string;
  readonly node: CommonTableExpr;
  readonly scope: Scope;
  readonly recursive: boolean;
  state: 'pending' | 'active' | 'done';
  /** While active: what a reference to itself sees. Then: its columns. */
  shape: RowShape | undefined;
  /** Identity of the origin that references to itself carry. */
  readonly selfLineage: Lineage;
  selfReferenced: boolean;
  /** The levels that name it. */
  readonly references: number[];
  /** Its own levels, from the first to before the end. */
  firstLevel: number;
  endLevel: number;
}

/** One ParseState. */
export interface Scope {
  readonly parent: Scope | undefined;
  readonly level: number;
  entries: RangeEntry[];
  lateralActive: boolean;
  readonly ctes: CteEntry[];
}

export function newScope(parent: Scope | undefined, level: number): Scope {
  return { parent, level, entries: [], lateralActive: false, ctes: [] };
}

export type ColumnLookup =
  | {
      readonly kind: 'column';
      readonly column: EntryColumn;
      readonly levelsUp: number;
      /** A guess at what a function gives; the server may find the name further out instead. */
      readonly uncertain?: boolean;
    }
  | { readonly kind: 'system'; readonly use: RelationUse; readonly name: string; readonly levelsUp: number }
  /** An entry of this level might have it; only the server knows. */
  | { readonly kind: 'perhaps' }
  | { readonly kind: 'none' }
  /** Ambiguous, or not visible from there: the server reports it. */
  | { readonly kind: 'error' };

const NONE: ColumnLookup = { kind: 'none' };
const ERROR: ColumnLookup = { kind: 'error' };
const PERHAPS: ColumnLookup = { kind: 'perhaps' };

/** scanNSItemForColumn: user columns first, then system columns; two of one name are an error. */
export function columnOfEntry(entry: RangeEntry, name: string, levelsUp: number): ColumnLookup {
  let found: EntryColumn | undefined;
  let uncertain = false;
  for (const [index, column] of entry.columns.entries()) {
    if (column.name !== name) continue;
    if (found !== undefined) return ERROR;
    found = column;
    uncertain = entry.openAt !== undefined && index >= entry.openAt;
  }
  if (found !== undefined) return { kind: 'column', column: found, levelsUp, uncertain };
  if (entry.use !== undefined && hasSystemColumn(entry.use.relation, name)) {
    return { kind: 'system', use: entry.use, name, levelsUp };
  }
  return entry.openAt !== undefined ? PERHAPS : NONE;
}

/** colNameToVar: an unqualified name, innermost level first. */
export function lookupColumn(scope: Scope, name: string, localOnly = false): ColumnLookup {
  let levelsUp = 0;
  for (let level: Scope | undefined = scope; level !== undefined; level = level.parent, levelsUp++) {
    let result: ColumnLookup = NONE;
    for (const entry of level.entries) {
      if (!entry.colsVisible || (entry.lateralOnly && !level.lateralActive)) continue;
      const here = columnOfEntry(entry, name, levelsUp);
      if (here.kind === 'none') continue;
      if (here.kind === 'perhaps') {
        if (result.kind === 'none') result = here;
        continue;
      }
      if (here.kind === 'error' || (result.kind !== 'none' && result.kind !== 'perhaps')) return ERROR;
      if (entry.lateralOnly && !entry.lateralOk) return ERROR;
      result = here;
    }
    if (result.kind !== 'none' || localOnly) return result;
  }
  return NONE;
}

function lookupEntry(
  scope: Scope,
  matches: (entry: RangeEntry) => boolean,
): { readonly entry: RangeEntry; readonly levelsUp: number } | undefined {
  let levelsUp = 0;
  for (let level: Scope | undefined = scope; level !== undefined; level = level.parent, levelsUp++) {
    let found: RangeEntry | undefined;
    for (const entry of level.entries) {
      if (!entry.relVisible || (entry.lateralOnly && !level.lateralActive) || !matches(entry)) continue;
      if (found !== undefined || (entry.lateralOnly && !entry.lateralOk)) return undefined;
      found = entry;
    }
    if (found !== undefined) return { entry: found, levelsUp };
  }
  return undefined;
}

/** scanNameSpaceForRefname: an entry by alias or table name. */
export function lookupRefname(scope: Scope, name: string): ReturnType<typeof lookupEntry> {
  return lookupEntry(scope, (entry) => entry.refname === name);
}

/** scanNameSpaceForRelid: an entry by schema-qualified name, which an alias hides. */
export function lookupRelation(scope: Scope, oid: Oid): ReturnType<typeof lookupEntry> {
  return lookupEntry(scope, (entry) => {
    return (
      !entry.pseudo &&
      entry.use !== undefined &&
      entry.use.alias === undefined &&
      entry.use.relation.oid === oid
    );
  });
}

/** scanNameSpaceForCTE: a CTE by name, innermost level first. */
export function lookupCte(scope: Scope, name: string): CteEntry | undefined {
  for (let level: Scope | undefined = scope; level !== undefined; level = level.parent) {
    const found = level.ctes.find((cte) => cte.name === name);
    if (found !== undefined) return found;
  }
  return undefined;
}
