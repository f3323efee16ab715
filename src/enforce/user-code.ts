/**
 * Whether code that users or extensions brought may run for a governed session (DESIGN 5.4). A function in SQL or a
 * procedural language can read any table that its login may read; what it reads is not masked.
 */
import type { Catalog, FunctionFacts, Oid, UserCast } from '../catalog/types.js';
import type { BoundPolicy } from '../policy/types.js';
import { builtinFunction } from './builtin-functions.js';
import { refusedExtensions, reviewedExtensions } from './data/extensions.js';

/** The names that the policy lists under `functions`: `schema.name`, or `schema.name(types)` for one overload. */
export type ListedFunctions = BoundPolicy['allowedFunctions'];

/** Functions below it are the server's own (src/include/access/transam.h, FirstNormalObjectId). */
const firstUserOid = 16_384;

function isListed(one: FunctionFacts, listed: ListedFunctions): boolean {
  const name = `${one.schema}.${one.name}`;
  return listed.has(name) || listed.has(`${name}(${one.argumentTypes})`);
}

/** True for a function that a statement may call by name. */
export function mayCall(one: FunctionFacts, listed: ListedFunctions, catalog: Catalog): boolean {
  return isListed(one, listed) || isReviewed(one, catalog);
}

function isReviewed(one: FunctionFacts, catalog: Catalog): boolean {
  if (one.extension === undefined || !Object.hasOwn(reviewedExtensions, one.extension)) return false;
  const { except = [], sqlOperators } = reviewedExtensions[one.extension]!;
  if (except.includes(one.name)) return false;
  if (one.language !== 'sql') return one.language === 'c' || one.language === 'internal';
  // FAIL-CLOSED: an operator of a user's could take the place of one that the function's body names without a schema.
  return sqlOperators?.every((name) => catalog.userOperators(name).every(worksInC)) ?? false;
}

function worksInC({ function: code }: { readonly function: FunctionFacts | undefined }): boolean {
  return code === undefined || code.language === 'c' || code.language === 'internal';
}

/** True for a function that may run behind an operator, a cast, a type or an operator class. */
export function mayStandBehind(one: FunctionFacts, listed: ListedFunctions, catalog: Catalog): boolean {
  if (mayCall(one, listed, catalog)) return true;
  if (one.oid < firstUserOid) {
    const verdict = builtinFunction(one.name, one.argumentTypes);
    // Input and output functions are not to be called by name, and are what types are made of.
    return verdict.kind === 'allowed' || (verdict.kind === 'refused' && verdict.reason === 'plumbing');
  }
  return one.language === 'c' && one.extension !== undefined && !refusedExtensions.has(one.extension);
}

/** Code behind types and casts that may not run for governed sessions. Empty in most databases. */
export interface UntrustedCode {
  /** By type: the function that making a value of it would call. */
  readonly coercing: ReadonlyMap<Oid, FunctionFacts>;
  /** By type: the function that printing, comparing or sorting a value of it would call. */
  readonly showing: ReadonlyMap<Oid, FunctionFacts>;
  readonly casts: readonly UserCast[];
}

const found = new WeakMap<ListedFunctions, { readonly catalog: Catalog; readonly code: UntrustedCode }>();

/** What of a database's types and casts a policy leaves closed; found once for each pair. */
export function untrustedCode(catalog: Catalog, listed: ListedFunctions): UntrustedCode {
  const known = found.get(listed);
  if (known?.catalog === catalog) return known.code;
  const coercing = new Map<Oid, FunctionFacts>();
  const showing = new Map<Oid, FunctionFacts>();
  const untrusted = (functions: readonly FunctionFacts[]): FunctionFacts | undefined =>
    functions.find((one) => !mayStandBehind(one, listed, catalog));
  for (const [oid, code] of catalog.typesWithCode) {
    const [makes, shows] = [untrusted(code.coercing), untrusted(code.showing)];
    if (makes !== undefined) coercing.set(oid, makes);
    if (shows !== undefined) showing.set(oid, shows);
  }
  const casts = catalog.userCasts.filter((cast) => !mayStandBehind(cast.function, listed, catalog));
  const code: UntrustedCode = { coercing, showing, casts };
  found.set(listed, { catalog, code });
  return code;
}
