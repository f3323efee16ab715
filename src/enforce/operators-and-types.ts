/**
 * Operators, types and casts of a governed statement whose code is a user's (DESIGN 5.4). The server picks all three by
 * type and search_path, which are not followed here: one that may not run closes its name, its type, or both its types.
 */
import type { Node, TypeName } from '@pgsql/types';
import type { Catalog, FunctionFacts, Oid, Relation } from '../catalog/types.js';
import type { BoundPolicy } from '../policy/types.js';
import { stringsOf } from '../resolve/ast.js';
import type { ResolvedStatement } from '../resolve/types.js';
import { walk } from '../sql/walk.js';
import { refuse } from './refusals.js';
import type { PlanFacts, Refusal } from './types.js';
import { mayStandBehind, untrustedCode } from './user-code.js';

type Listed = BoundPolicy['allowedFunctions'];

/** The first operator, type or cast that would run code which is not open, as a refusal. */
export function checkOperatorsAndTypes(
  resolved: ResolvedStatement,
  catalog: Catalog,
  policy: Pick<BoundPolicy, 'allowedFunctions'>,
): Refusal | undefined {
  const listed = policy.allowedFunctions;
  for (const { name } of resolved.operators) {
    const code = untrustedOperator(name, catalog, listed);
    if (code !== undefined) return operatorRefusal(name.at(-1) ?? '', code);
  }
  const relations = resolved.relations.map((use) => use.relation);
  return typeProblem(resolved.statement.node, relations, catalog, listed);
}

/** The function behind an operator of this name that may not run. */
export function untrustedOperator(
  parts: readonly string[],
  catalog: Catalog,
  listed: Listed,
): FunctionFacts | undefined {
  const schema = parts.at(-2);
  for (const one of catalog.userOperators(parts.at(-1) ?? '')) {
    if (schema !== undefined && one.schema !== schema) continue;
    if (one.function !== undefined && !mayStandBehind(one.function, listed, catalog)) return one.function;
  }
  return undefined;
}

function typeProblem(
  statement: Node,
  relations: readonly Relation[],
  catalog: Catalog,
  listed: Listed,
): Refusal | undefined {
  const code = untrustedCode(catalog, listed);
  // The common case costs nothing: the types of a statement are looked for only where some could be refused.
  if (code.coercing.size === 0 && code.showing.size === 0 && code.casts.length === 0) return undefined;
  const present = new Set<Oid>();
  for (const oid of namedTypes(statement, catalog)) {
    const made = code.coercing.get(oid) ?? code.showing.get(oid);
    if (made !== undefined) return typeRefusal('a type that the statement names', made);
    present.add(oid);
  }
  for (const relation of relations) {
    for (const column of relation.columns) {
      const shown = code.showing.get(column.typeOid) ?? code.showing.get(column.baseTypeOid);
      if (shown !== undefined) return typeRefusal(`the type of a column of "${relation.name}"`, shown);
      present.add(column.typeOid).add(column.baseTypeOid);
    }
  }
  for (const cast of code.casts) {
    // FAIL-CLOSED: between two built-in types such a cast can stand anywhere, and no statement can be cleared of it.
    const users = [cast.source, cast.target].filter((oid) => oid >= 16_384);
    if (users.length === 0 || users.some((oid) => present.has(oid))) {
      return typeRefusal('a cast between types of this statement', cast.function);
    }
  }
  return undefined;
}

/** Left open, unknown, int2, int4, int8, numeric, float4, float8: no comparison of a bigint with one of these fails. */
const numbers: ReadonlySet<Oid> = new Set([0, 705, 21, 23, 20, 1700, 700, 701]);

/** As for the types that a statement names, for the types of parameters that a Parse message declares by OID. */
export function closedParameter(
  types: readonly Oid[],
  facts: Pick<PlanFacts, 'bigintParameters'>,
  catalog: Catalog,
  policy: BoundPolicy,
): Refusal | undefined {
  for (const number of facts.bigintParameters ?? []) {
    if (!numbers.has(types[number - 1] ?? 0)) return bigintRefusal(number);
  }
  const { coercing } = untrustedCode(catalog, policy.allowedFunctions);
  for (const oid of types) {
    const made = coercing.get(oid);
    if (made !== undefined) return typeRefusal('the type of a parameter', made);
  }
  return undefined;
}

/** True when a view's definition names a type, or shows one, that runs code which is not open. */
export function usesUntrustedType(
  definition: Node,
  relations: readonly Relation[],
  catalog: Catalog,
  listed: Listed,
): boolean {
  return typeProblem(definition, relations, catalog, listed) !== undefined;
}

/** Users' types that the names in a statement may mean, in whatever schema. */
function namedTypes(statement: Node, catalog: Catalog): ReadonlySet<Oid> {
  const found = new Set<Oid>();
  walk(statement, {
    enter({ kind, body }) {
      if (kind !== 'TypeName') return undefined;
      const parts = stringsOf((body as TypeName).names);
      const schema = parts.at(-2);
      for (const type of catalog.userTypes(parts.at(-1) ?? '')) {
        if (schema === undefined || schema === type.schema) found.add(type.oid);
      }
      return undefined;
    },
  });
  return found;
}

function operatorRefusal(name: string, code: FunctionFacts): Refusal {
  return refuse('operator-not-allowed', {
    message: `operator ${name} is not open to governed sessions`,
    detail: `a user-defined operator of this name calls function "${code.schema}.${code.name}", which may read tables`,
    hint: `write OPERATOR(pg_catalog.${name}) when the built-in operator is meant, or have the function listed under "functions" in the policy`,
    rule: 'pgveil:functions',
  });
}

function bigintRefusal(number: number): Refusal {
  return refuse('operator-not-allowed', {
    message: `the type of parameter $${number} cannot be compared with a bigint column by governed sessions`,
    detail: 'PostgreSQL would cast the column, and the cast fails for some of the rows that the policy hides',
    hint: 'declare the parameter as bigint, or leave its type open',
    rule: 'pgveil:functions',
  });
}

function typeRefusal(what: string, code: FunctionFacts): Refusal {
  return refuse('function-not-allowed', {
    message: `${what} calls a function that is not open to governed sessions`,
    detail: `function "${code.schema}.${code.name}" stands behind it, and may read tables`,
    hint: 'leave the type out, or have the function listed under "functions" in the policy',
    rule: 'pgveil:functions',
  });
}
