/** The part of a snapshot that tells of code: functions, operators, casts, and what types run. Pure. */
import type { CodeRows, FunctionFactsRow, TypeCodeRow } from './code-queries.js';
import { groupBy } from './group-by.js';
import type { Catalog, FunctionFacts, Oid, TypeCode, UserFunction, UserOperator } from './types.js';

export type CodeCatalog = Pick<
  Catalog,
  | 'hasBuiltinFunction'
  | 'builtinFunctions'
  | 'userFunctions'
  | 'userOperators'
  | 'userTypes'
  | 'typesIn'
  | 'userCasts'
  | 'typesWithCode'
>;

/** Builds the look-ups. */
export function codeOf(rows: CodeRows): CodeCatalog {
  const builtin = new Map(rows.builtinFunctions.map((row) => [row.name, row.arguments]));
  const functions = groupBy(
    rows.functions.map(({ facts, signature }): UserFunction => ({ ...factsOf(facts), signature })),
    (one) => one.name,
  );
  const operators = groupBy(
    rows.operators.map((row): UserOperator => ({
      oid: row.oid,
      schema: row.schema,
      name: row.name,
      functionLanguage: row.function?.language ?? 'none',
      extension: row.extension ?? undefined,
      function: row.function === null ? undefined : factsOf(row.function),
    })),
    (one) => one.name,
  );
  const types = groupBy(rows.types, (one) => one.name);
  const parts = new Map(rows.types.map((row) => [row.oid, row.parts]));
  return {
    hasBuiltinFunction: (name) => builtin.has(name),
    builtinFunctions: (name) => builtin.get(name) ?? [],
    userFunctions: (name) => functions.get(name) ?? [],
    userOperators: (name) => operators.get(name) ?? [],
    userTypes: (name) => types.get(name) ?? [],
    userCasts: rows.casts.map((row) => ({ ...row, function: factsOf(row.function) })),
    typesIn: (oid) => closure(oid, parts),
    typesWithCode: typesWithCode(parts, rows.typeCode),
  };
}

function factsOf(row: FunctionFactsRow): FunctionFacts {
  return { ...row, extension: row.extension ?? undefined };
}

/** Each type with its own functions and those of all that it is made of. */
function typesWithCode(
  parts: ReadonlyMap<Oid, readonly Oid[]>,
  code: readonly TypeCodeRow[],
): ReadonlyMap<Oid, TypeCode> {
  const own = groupBy(code, (row) => row.type);
  const found = new Map<Oid, TypeCode>();
  // Most databases have no such type, and then there is nothing to follow.
  if (code.length === 0) return found;
  for (const oid of new Set([...parts.keys(), ...own.keys()])) {
    const made = closure(oid, parts).flatMap((part) => own.get(part) ?? []);
    if (made.length === 0) continue;
    const by = (use: TypeCodeRow['use']): readonly FunctionFacts[] =>
      made.filter((row) => row.use === use).map((row) => factsOf(row.function));
    found.set(oid, { coercing: by('coercing'), showing: by('showing') });
  }
  return found;
}

/** The type and everything it is made of. A row type may hold an array of itself. */
function closure(type: Oid, parts: ReadonlyMap<Oid, readonly Oid[]>): readonly Oid[] {
  const seen = new Set<Oid>([type]);
  for (const one of seen) for (const part of parts.get(one) ?? []) seen.add(part);
  return [...seen];
}
