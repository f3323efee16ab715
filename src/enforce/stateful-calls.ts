/**
 * Calls whose number can be read afterwards (random() after setseed(), nextval(), advisory locks), over relations whose
 * rows are filtered. The server may run a client's condition before the guard's join (DESIGN 5.1): a condition then sees
 * NULL and bare keys of a withheld row, which is no harm, but that it ran is counted, and the count tells of the rows.
 *
 * In the items of the outermost SELECT, its ORDER BY, in SET and RETURNING they run for the rows that are left
 * (make_one_rel comes first, planner.c). Elsewhere the guarded table becomes a subquery that the planner neither flattens
 * nor pushes conditions into (is_simple_subquery in prepjointree.c, subquery_is_pushdown_safe in allpaths.c).
 */
import type { Catalog } from '../catalog/types.js';
import type { BoundPolicy } from '../policy/types.js';
import type { FunctionUse, ResolvedStatement } from '../resolve/types.js';
import { lockedUses } from '../rewrite/locking.js';
import type { ProtectedDecision } from '../rewrite/guarded-relation.js';
import { walk, type Visit } from '../sql/walk.js';
import { statefulFunctions } from './data/stateful-functions.js';
import { refuse } from './refusals.js';
import type { Refusal } from './types.js';

export interface StatefulCalls {
  /** Guarded relations have to be fenced. */
  readonly fenced: boolean;
  /** Where no fence can stand: rows that are locked or written. */
  readonly refusal: Refusal | undefined;
}

type Decisions = ReadonlyMap<number, ProtectedDecision>;

/** What the calls of such functions ask for. */
export function statefulCalls(
  resolved: ResolvedStatement,
  guarded: Decisions,
  written: Decisions,
  catalog: Catalog,
  { allowedFunctions }: BoundPolicy,
): StatefulCalls {
  const quiet = { fenced: false, refusal: undefined };
  const filtered = (decisions: Decisions): number[] =>
    [...decisions].filter(([, { guards }]) => guards.length > 0).map(([id]) => id);
  const reads = filtered(guarded);
  const scanned = filtered(written).filter((id) => {
    const { purpose } = resolved.relations[id]!;
    return purpose !== 'insert' && purpose !== 'copy-from';
  });
  if (reads.length === 0 && scanned.length === 0) return quiet;
  const calls = resolved.functions.filter((use) => isStateful(use, catalog, allowedFunctions));
  if (calls.length === 0) return quiet;
  const late = lateCalls(resolved);
  const early = calls.find(({ node }) => !late.has(node));
  if (early === undefined) return quiet;
  const blocked = scanned.length > 0 || lockedUses(resolved, new Set(reads)).size > 0;
  return { fenced: true, refusal: blocked ? refusalOf(early) : undefined };
}

/** True when how often it was called can be told later. */
export function isStateful(
  { name: parts }: Pick<FunctionUse, 'name'>,
  catalog: Catalog,
  listed: BoundPolicy['allowedFunctions'],
): boolean {
  const name = parts.at(-1) ?? '';
  if (statefulFunctions.has(name)) return true;
  // FAIL-CLOSED: a volatile function that the policy lists may write or count.
  return catalog
    .userFunctions(name)
    .some(
      (one) =>
        one.volatile !== false &&
        (listed.has(`${one.schema}.${one.name}`) ||
          listed.has(`${one.schema}.${one.name}(${one.argumentTypes})`)),
    );
}

const outermost = new Set(['', 'InsertStmt', 'DeclareCursorStmt', 'CopyStmt', 'ExplainStmt', 'PrepareStmt']);
const lateFields = new Set([
  'targetList',
  'sortClause',
  'distinctClause',
  'valuesLists',
  'returningList',
  'returningClause',
]);

/** Calls that run after every filter of the statement. */
function lateCalls({ statement }: ResolvedStatement): ReadonlySet<object> {
  const late = new Set<object>();
  walk(statement.node, {
    enter(visit) {
      if (visit.kind === 'FuncCall' && isLate(visit)) late.add(visit.body);
      return undefined;
    },
  });
  return late;
}

function isLate(call: Visit): boolean {
  for (let at: Visit = call; at.parent !== undefined; at = at.parent) {
    const { kind, parent } = at.parent;
    switch (kind) {
      case 'SelectStmt':
        return lateFields.has(at.field) && outermost.has(parent?.kind ?? '');
      case 'InsertStmt':
        return true;
      case 'UpdateStmt':
      case 'DeleteStmt':
      case 'MergeStmt':
        return lateFields.has(at.field);
      case 'MergeWhenClause':
        return at.field === 'targetList' || at.field === 'values';
      default:
    }
  }
  return false;
}

function refusalOf({ name }: FunctionUse): Refusal {
  return refuse('shape-not-supported', {
    message: `function "${name.join('.')}" in a condition over rows that are filtered cannot be locked or written with`,
    detail: 'how often it ran could be told afterwards, and it might run for rows that are withheld',
    hint: 'choose the rows by their keys, or read them first with a SELECT that locks nothing',
    rule: 'pgveil:shapes',
  });
}
