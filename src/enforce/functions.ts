/**
 * Function calls of a governed statement, by allow-list (DESIGN 5.4).
 *
 * Resolution of an overloaded name depends on argument types and on the search_path; neither is followed here. Instead a
 * built-in that a user's function could take over is written with pg_catalog in front, so that no path has a say.
 */
import type { Catalog } from '../catalog/types.js';
import type { BoundPolicy } from '../policy/types.js';
import type { FunctionUse, ResolvedStatement } from '../resolve/types.js';
import { builtinCall } from './builtin-functions.js';
import { informationFunctions } from './data/information-functions.js';
import { functionReasons } from './data/function-reasons.js';
import { checkOperatorsAndTypes } from './operators-and-types.js';
import { refuse } from './refusals.js';
import type { Refusal } from './types.js';
import { mayCall, untrustedCode } from './user-code.js';

export type FunctionsOutcome =
  | {
      readonly ok: true;
      /** Calls whose name has to be qualified with pg_catalog. */
      readonly qualify: readonly { readonly node: object; readonly token: number }[];
      /** Calls that are answered with NULL: they tell how much there is. */
      readonly blank: readonly FunctionUse[];
    }
  | { readonly ok: false; readonly refusal: Refusal };

type Verdict =
  | { readonly kind: 'pass' | 'qualify'; readonly blank: boolean }
  | { readonly kind: 'refuse'; readonly why: string };

const pass: Verdict = { kind: 'pass', blank: false };
const notReviewed = 'it is neither a reviewed built-in function nor listed in the policy';
const takenOver = 'a function of this name that the policy does not list could be called in its place';

/** Checks every call, and the operators, types and casts that call functions without naming them. */
export function checkFunctions(
  resolved: ResolvedStatement,
  catalog: Catalog,
  policy: Pick<BoundPolicy, 'allowedFunctions'>,
  /** Calls that read a column and are written as one (rewrite/column-calls.ts). */
  columns: ReadonlyMap<object, unknown> = new Map(),
): FunctionsOutcome {
  const qualify: { node: object; token: number }[] = [];
  const blank: FunctionUse[] = [];
  for (const use of resolved.functions) {
    if (columns.has(use.node)) continue;
    const verdict = functionVerdict(use, catalog, policy.allowedFunctions);
    if (verdict.kind === 'refuse') return { ok: false, refusal: functionRefusal(use, verdict.why) };
    // FAIL-CLOSED: `c.length` calls length(c) without a place for a schema, so a user's function could answer it.
    if (use.nameSpan === undefined && (verdict.kind === 'qualify' || verdict.blank)) {
      return { ok: false, refusal: functionRefusal(use, takenOver) };
    }
    if (verdict.kind === 'qualify') qualify.push({ node: use.node, token: use.nameSpan!.first });
    if (verdict.blank) blank.push(use);
  }
  const behind = checkOperatorsAndTypes(resolved, catalog, policy);
  return behind === undefined ? { ok: true, qualify, blank } : { ok: false, refusal: behind };
}

const nothingListed = { allowedFunctions: new Set<string>() };

/** True where a statement that may run could not without the functions that the policy lists, whatever calls them. */
export function needsListed(
  resolved: ResolvedStatement,
  catalog: Catalog,
  policy: Pick<BoundPolicy, 'allowedFunctions'>,
  columns: ReadonlyMap<object, unknown>,
): boolean {
  return policy.allowedFunctions.size > 0 && !checkFunctions(resolved, catalog, nothingListed, columns).ok;
}

/** What becomes of one call. */
export function functionVerdict(
  use: Pick<FunctionUse, 'name' | 'argumentCount'>,
  catalog: Catalog,
  listed: BoundPolicy['allowedFunctions'],
): Verdict {
  const name = use.name.at(-1) ?? '';
  const schema = use.name.at(-2);
  const users = catalog.userFunctions(name);
  const open = (of: typeof users): boolean => of.every((one) => mayCall(one, listed, catalog));
  if (schema !== undefined && schema !== 'pg_catalog') {
    const meant = users.filter((one) => one.schema === schema);
    if (schema === 'information_schema' && informationFunctions.has(name) && meant.length === 0) return pass;
    // FAIL-CLOSED: one overload that is not open is enough, since the types of the arguments are not followed.
    return meant.length > 0 && open(meant) ? pass : { kind: 'refuse', why: notReviewed };
  }
  const builtin = builtinVerdict(use, catalog, listed);
  if (schema === 'pg_catalog') return builtin;
  // `code('x')` coerces to type "code" when no function fits better (func_get_detail in parse_func.c).
  const { coercing } = untrustedCode(catalog, listed);
  const type = coercing.size > 0 && catalog.userTypes(name).some((one) => coercing.has(one.oid));
  if (users.length === 0 && !type) return builtin;
  if (open(users) && !type && (builtin === pass || !catalog.hasBuiltinFunction(name))) return pass;
  return builtin.kind === 'pass' ? { ...builtin, kind: 'qualify' } : builtin;
}

/** The verdict on pg_catalog.name(…). */
function builtinVerdict(
  { name: parts, argumentCount }: Pick<FunctionUse, 'name' | 'argumentCount'>,
  catalog: Catalog,
  listed: BoundPolicy['allowedFunctions'],
): Verdict {
  const name = parts.at(-1) ?? '';
  // FAIL-CLOSED: what somebody put into pg_catalog itself answers to the qualified name too.
  const added = catalog.userFunctions(name).filter((one) => one.schema === 'pg_catalog');
  if (!added.every((one) => mayCall(one, listed, catalog))) return { kind: 'refuse', why: takenOver };
  if (added.length > 0 && !catalog.hasBuiltinFunction(name)) return pass;
  const verdict = builtinCall(name, argumentCount, catalog);
  switch (verdict.kind) {
    case 'allowed':
      return pass;
    case 'size':
      return { kind: 'pass', blank: true };
    case 'run-time-types':
      return untrustedCode(catalog, listed).coercing.size === 0
        ? pass
        : { kind: 'refuse', why: 'it could make a value of a type whose checks call functions of users' };
    case 'refused':
      return {
        kind: 'refuse',
        why: verdict.reason === undefined ? notReviewed : functionReasons[verdict.reason],
      };
  }
}

function functionRefusal(use: FunctionUse, why: string): Refusal {
  return refuse('function-not-allowed', {
    message: `function "${use.name.join('.')}" is not open to governed sessions`,
    detail: why,
    hint: 'use a built-in function, or have the function listed under "functions" in the policy',
    rule: 'pgveil:functions',
  });
}
