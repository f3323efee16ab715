/** What one ColumnRef means: transformColumnRef in parse_expr.c. */
import type { ColumnRef } from '@pgsql/types';
import { isStar, stringsOf } from './ast.js';
import { findRelation } from './relation-names.js';
import type { Resolution } from './resolution.js';
import { UNKNOWN, combine } from './row-shape.js';
import type { ColumnLookup, RangeEntry, Scope } from './scope.js';
import { columnOfEntry, lookupColumn, lookupRefname, lookupRelation } from './scope.js';
import { dottedSpan } from './spans.js';
import type { ColumnBinding, Lineage } from './types.js';

/** A reference before it is recorded. */
export type Reference =
  | Extract<ColumnLookup, { kind: 'column' | 'system' }>
  | {
      readonly kind: 'row';
      readonly entry: RangeEntry;
      readonly star: boolean;
      readonly levelsUp: number;
      readonly uncertain?: boolean;
    }
  /** `c.f` with no column f: the server tries the function call f(c). */
  | { readonly kind: 'call'; readonly name: string }
  | { readonly kind: 'perhaps' }
  | { readonly kind: 'unresolved' };

const UNRESOLVED: Reference = { kind: 'unresolved' };

/** The range entry that `a`, `schema.a` or `database.schema.a` names in front of a column or a star. */
export function findEntry(
  resolution: Resolution,
  names: readonly string[],
  scope: Scope,
): ReturnType<typeof lookupRefname> {
  if (names.length === 1) return lookupRefname(scope, names[0]!);
  if (names.length !== 2 && names.length !== 3) return undefined;
  const [relname, schemaname, catalogname] = names.toReversed();
  const relation = findRelation(
    { relname: relname!, schemaname: schemaname!, ...(catalogname === undefined ? {} : { catalogname }) },
    resolution.catalog,
    resolution.searchPath,
  );
  return relation === undefined ? undefined : lookupRelation(scope, relation.oid);
}

/** Looks a reference up without recording anything. */
export function classifyReference(resolution: Resolution, ref: ColumnRef, scope: Scope): Reference {
  const names = stringsOf(ref.fields);
  if (isStar(ref.fields?.at(-1))) {
    const found = findEntry(resolution, names, scope);
    return found === undefined ? UNRESOLVED : { kind: 'row', ...found, star: true };
  }
  const name = names.at(-1);
  if (name === undefined) return UNRESOLVED;
  if (names.length === 1) {
    const column = lookupColumn(scope, name);
    if (column.kind === 'column' || column.kind === 'system') return column;
    if (column.kind === 'error') return UNRESOLVED;
    const row = lookupRefname(scope, name);
    // colNameToVar looks through every level before a whole row is thought of.
    if (row !== undefined) return { kind: 'row', ...row, star: false, uncertain: column.kind === 'perhaps' };
    return column.kind === 'perhaps' ? column : UNRESOLVED;
  }
  const found = findEntry(resolution, names.slice(0, -1), scope);
  if (found === undefined) return UNRESOLVED;
  const column = columnOfEntry(found.entry, name, found.levelsUp);
  if (column.kind === 'error') return UNRESOLVED;
  return column.kind === 'none' ? { kind: 'call', name } : column;
}

/** Where the columns of a whole row come from. */
export function lineageOfEntry(entry: RangeEntry): Lineage {
  return entry.openAt === undefined ? combine(entry.columns.map((column) => column.lineage)) : UNKNOWN;
}

function bindingOf(reference: Reference): { readonly binding: ColumnBinding; readonly lineage: Lineage } {
  switch (reference.kind) {
    case 'column': {
      const { lineage, direct } = reference.column;
      const { levelsUp, uncertain = false } = reference;
      return direct && lineage.kind === 'column'
        ? { binding: { kind: 'column', use: lineage.use, attnum: lineage.attnum, levelsUp }, lineage }
        : { binding: { kind: 'derived', lineage, uncertain }, lineage };
    }
    case 'row': {
      const { entry, star, levelsUp, uncertain = false } = reference;
      const lineage = lineageOfEntry(entry);
      return entry.use !== undefined && !entry.pseudo
        ? { binding: { kind: 'row', use: entry.use, star, levelsUp, uncertain }, lineage }
        : { binding: { kind: 'derived', lineage, uncertain }, lineage };
    }
    case 'perhaps':
      return { binding: { kind: 'derived', lineage: UNKNOWN, uncertain: true }, lineage: UNKNOWN };
    case 'call':
    case 'unresolved':
      return { binding: { kind: 'unresolved' }, lineage: UNKNOWN };
    case 'system':
      return { binding: reference, lineage: combine([]) };
  }
}

/** Notes a schema in front of a table without which the reference would name another entry, or none. */
export function noteSchemaNeeded(resolution: Resolution, ref: ColumnRef, scope: Scope): void {
  const names = stringsOf(ref.fields);
  const table = isStar(ref.fields?.at(-1)) ? names : names.slice(0, -1);
  if (table.length < 2) return;
  const meant = findEntry(resolution, table, scope)?.entry;
  if (meant !== lookupRefname(scope, table.at(-1)!)?.entry) resolution.schemaNeeded.add(ref);
}

/** Records where a reference stands and what it is bound to. */
export function recordBinding(resolution: Resolution, ref: ColumnRef, binding: ColumnBinding): void {
  resolution.columns.set(ref, binding);
  const span = dottedSpan(resolution.statement, ref.location, ref.fields?.length ?? 1);
  if (span !== undefined) resolution.columnSpans.set(ref, span);
}

/** Binds a reference in a scope, records it, and says where its value comes from. */
export function bindColumnRef(resolution: Resolution, ref: ColumnRef, scope: Scope): Lineage {
  const reference = classifyReference(resolution, ref, scope);
  const { binding, lineage } = bindingOf(reference);
  recordBinding(resolution, ref, binding);
  noteSchemaNeeded(resolution, ref, scope);
  resolution.trace.push(lineage);
  if (reference.kind === 'call') recordAttributeCall(resolution, reference.name, { ColumnRef: ref }, scope);
  return lineage;
}

/**
 * Attribute notation: `c.f` and `(expression).f` call f(…) when no such column exists (ParseFuncOrColumn). Reported
 * as a function use wherever a function of that name exists, so that the allow-list of functions sees it.
 */
export function recordAttributeCall(
  resolution: Resolution,
  name: string,
  argument: { readonly ColumnRef: ColumnRef } | undefined,
  scope: Scope,
): void {
  const { catalog, functions } = resolution;
  if (!catalog.hasBuiltinFunction(name) && catalog.userFunctions(name).length === 0) return;
  const node = {
    funcname: [{ String: { sval: name } }],
    ...(argument === undefined ? {} : { args: [argument] }),
  };
  functions.push({ node, name: [name], nameSpan: undefined, argumentCount: 1 });
  // It may be an aggregate: count(c) can be written c.count.
  resolution.markAggregated(scope);
}
