/**
 * What may become of a call of a pg_catalog function (DESIGN 5.4), from the reviewed list in data/builtin-functions.ts.
 *
 * Which overload the server takes depends on the types of the arguments, which are not followed here. So every overload of
 * the name that this server has, and that fits the number of arguments, has to be allowed.
 */
import type { Catalog } from '../catalog/types.js';
import {
  allowedFunctions,
  refusedFunctions,
  runTimeTypeFunctions,
  sizeFunctions,
} from './data/builtin-functions.js';
import type { FunctionReason } from './data/function-reasons.js';

export type BuiltinVerdict =
  | { readonly kind: 'allowed' }
  /** Calls the input function of a type that it learns at run time. */
  | { readonly kind: 'run-time-types' }
  /** Tells how much there is; answered with NULL. */
  | { readonly kind: 'size' }
  /** Undefined: nobody has reviewed it, or there is none of this name. */
  | { readonly kind: 'refused'; readonly reason: FunctionReason | undefined };

const allowed: BuiltinVerdict = { kind: 'allowed' };
/** FAIL-CLOSED: a function that a later PostgreSQL brings is refused until it is reviewed. */
const unknown: BuiltinVerdict = { kind: 'refused', reason: undefined };

const verdicts: ReadonlyMap<string, BuiltinVerdict> = new Map([
  ...entries(allowedFunctions, allowed),
  ...entries(runTimeTypeFunctions, { kind: 'run-time-types' }),
  ...entries(sizeFunctions, { kind: 'size' }),
  ...Object.entries(refusedFunctions).flatMap(([reason, list]) =>
    entries(list, { kind: 'refused', reason: reason as FunctionReason }),
  ),
]);

function entries(list: string, verdict: BuiltinVerdict): [string, BuiltinVerdict][] {
  // A line is `name(types)`, with ` @16,17` behind it where not every version has the function.
  return list
    .trim()
    .split('\n')
    .map((line) => [line.slice(0, line.lastIndexOf(')') + 1), verdict]);
}

/** The signatures that the list knows, for the test that compares it with real servers. */
export const reviewedSignatures: ReadonlyMap<string, BuiltinVerdict> = verdicts;

/** The verdict on one function, when it is known which. */
export function builtinFunction(name: string, argumentTypes: string): BuiltinVerdict {
  return verdicts.get(`${name}(${argumentTypes})`) ?? unknown;
}

const known = new WeakMap<Catalog, Map<string, BuiltinVerdict>>();

/** The verdict on a call by name and number of arguments. */
export function builtinCall(name: string, argumentCount: number, catalog: Catalog): BuiltinVerdict {
  let calls = known.get(catalog);
  if (calls === undefined) known.set(catalog, (calls = new Map<string, BuiltinVerdict>()));
  const key = `${argumentCount} ${name}`;
  let verdict = calls.get(key);
  if (verdict === undefined) calls.set(key, (verdict = judge(name, argumentCount, catalog)));
  return verdict;
}

function judge(name: string, argumentCount: number, catalog: Catalog): BuiltinVerdict {
  const overloads = catalog.builtinFunctions(name);
  const every = common(name, overloads);
  if (every !== undefined) return every;
  // Names whose overloads differ in verdict have neither defaults nor VARIADIC; a test holds the list to that.
  const fitting = overloads.filter((types) => countOf(types) === argumentCount);
  return common(name, fitting) ?? unknown;
}

/** The verdict that all overloads share, with the first one's reason; undefined when there is none. */
function common(name: string, overloads: readonly string[]): BuiltinVerdict | undefined {
  const [first, ...others] = overloads.map((types) => builtinFunction(name, types));
  return others.every((other) => other.kind === first?.kind) ? first : undefined;
}

/** No type's name has a comma without a typmod. */
function countOf(types: string): number {
  return types === '' ? 0 : types.split(', ').length;
}
