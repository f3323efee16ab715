/**
 * Function and operator calls of a governed statement, by allow-list (DESIGN 5.4).
 *
 * Resolution of an overloaded name depends on argument types and on the search_path; neither is followed here. Instead a
 * built-in that a user's function could take over is written with pg_catalog in front, so that no path has a say.
 */
import type { Catalog } from '../catalog/types.js';
import type { BoundPolicy } from '../policy/types.js';
import type { FunctionUse, ResolvedStatement } from '../resolve/types.js';
import { allowedBuiltins } from './builtin-functions.js';
import { refuse } from './refusals.js';
import type { Refusal } from './types.js';

export type FunctionsOutcome =
  | { readonly ok: true; readonly qualify: readonly { readonly node: object; readonly token: number }[] }
  | { readonly ok: false; readonly refusal: Refusal };

/** Checks every call; gives the calls whose name has to be qualified. */
export function checkFunctions(
  resolved: ResolvedStatement,
  catalog: Catalog,
  policy: BoundPolicy,
  /** Calls that read a column and are written as one (rewrite/column-calls.ts). */
  columns: ReadonlyMap<object, unknown> = new Map(),
): FunctionsOutcome {
  const qualify: { node: object; token: number }[] = [];
  for (const use of resolved.functions) {
    if (columns.has(use.node)) continue;
    const verdict = judge(use, catalog, policy);
    // FAIL-CLOSED: `c.length` calls length(c) without a place for a schema, so a user's function could answer it.
    if (verdict === 'refuse' || (verdict === 'qualify' && use.nameSpan === undefined)) {
      return { ok: false, refusal: functionRefusal(use.name.join('.')) };
    }
    if (verdict === 'qualify') qualify.push({ node: use.node, token: use.nameSpan!.first });
  }
  for (const operator of resolved.operators) {
    const name = operator.name[operator.name.length - 1] ?? '';
    const schema = operator.name.length > 1 ? operator.name[operator.name.length - 2] : undefined;
    if (schema === 'pg_catalog') continue;
    // An operator in C comes with an extension and works on its operands; one in SQL or PL/pgSQL can read tables.
    const risky = catalog
      .userOperators(name)
      .some(
        (each) =>
          (schema === undefined || each.schema === schema) &&
          each.functionLanguage !== 'c' &&
          each.functionLanguage !== 'internal',
      );
    if (risky) return { ok: false, refusal: operatorRefusal(name) };
  }
  return { ok: true, qualify };
}

function judge(use: FunctionUse, catalog: Catalog, policy: BoundPolicy): 'pass' | 'qualify' | 'refuse' {
  const name = use.name[use.name.length - 1] ?? '';
  const schema = use.name.length > 1 ? use.name[use.name.length - 2] : undefined;
  const builtin = allowedBuiltins.has(name);
  if (schema === 'pg_catalog') return builtin ? 'pass' : 'refuse';
  if (schema !== undefined) return policy.allowedFunctions.has(`${schema}.${name}`) ? 'pass' : 'refuse';
  const users = catalog.userFunctions(name);
  if (users.length === 0) return builtin ? 'pass' : 'refuse';
  const listed = users.filter((each) => policy.allowedFunctions.has(`${each.schema}.${each.name}`));
  // FAIL-CLOSED: one overload that the policy does not list is enough to leave the name to pg_catalog alone.
  if (listed.length === users.length && (builtin || !catalog.hasBuiltinFunction(name))) return 'pass';
  return builtin ? 'qualify' : 'refuse';
}

function functionRefusal(name: string): Refusal {
  return refuse('function-not-allowed', {
    message: `function "${name}" is not open to governed sessions`,
    detail: 'it is neither a reviewed built-in function nor listed in the policy',
    hint: 'use a built-in function, or have the function listed under "functions" in the policy',
    rule: 'pgveil:functions',
  });
}

function operatorRefusal(name: string): Refusal {
  return refuse('operator-not-allowed', {
    message: `operator ${name} is not open to governed sessions`,
    detail: 'a user-defined operator of this name runs SQL or a procedural language',
    hint: `write OPERATOR(pg_catalog.${name}) when the built-in operator is meant`,
    rule: 'pgveil:functions',
  });
}
