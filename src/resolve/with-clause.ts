/** WITH: which CTEs see which, and their columns (parse_cte.c). */
import type { WithClause } from '@pgsql/types';
import { stringsOf, unsupported } from './ast.js';
import type { Resolution } from './resolution.js';
import { UNKNOWN, combine, renameColumns } from './row-shape.js';
import type { RowShape } from './row-shape.js';
import type { CteEntry, Scope } from './scope.js';

/**
 * Brings a WITH clause's names into a scope. Without RECURSIVE each CTE sees those before it; with RECURSIVE all see
 * all, itself included, and the server sorts them by dependency: so each is analysed when it is first needed.
 */
export function analyseWith(resolution: Resolution, clause: WithClause | undefined, scope: Scope): void {
  if (clause === undefined) return;
  const recursive = clause.recursive === true;
  const entries: CteEntry[] = [];
  for (const node of clause.ctes ?? []) {
    if (!('CommonTableExpr' in node)) throw unsupported('this kind of WITH query');
    entries.push({
      name: node.CommonTableExpr.ctename ?? '',
      node: node.CommonTableExpr,
      scope,
      recursive,
      state: 'pending',
      shape: undefined,
      selfLineage: { kind: 'unknown' },
      selfReferenced: false,
      references: [],
      firstLevel: 0,
      endLevel: 0,
    });
  }
  if (recursive) scope.ctes.push(...entries);
  for (const entry of entries) {
    requireCte(resolution, entry);
    if (!recursive) scope.ctes.push(entry);
  }
}

/** Analyses a CTE unless that has happened or is under way. */
export function requireCte(resolution: Resolution, cte: CteEntry): void {
  if (cte.state !== 'pending') return;
  const query = cte.node.ctequery;
  if (query === undefined) throw unsupported('a WITH query without a query');
  cte.state = 'active';
  cte.firstLevel = resolution.levels.length;
  const mark = resolution.trace.length;
  const shape = resolution.nested(() => resolution.analyseQuery(resolution, query, cte.scope, 'other'));
  const named = renameColumns(shape, stringsOf(cte.node.aliascolnames));
  cte.shape = withSearchAndCycle(
    cte,
    cte.selfReferenced ? recursiveShape(resolution, cte, named, mark) : named,
  );
  cte.endLevel = resolution.levels.length;
  cte.state = 'done';
  if (cte.selfReferenced) markRepeated(resolution, cte);
}

/** The rows of a CTE that is named once go where its name stands; named twice, its rows stand beside each other. */
export function noteCteReference(resolution: Resolution, cte: CteEntry, scope: Scope): void {
  cte.references.push(scope.level);
  if (cte.state !== 'done') return;
  const root = resolution.levels[cte.firstLevel];
  if (root !== undefined) root.consumer = scope.level;
  if (cte.references.length > 1) markRepeated(resolution, cte);
}

function markRepeated(resolution: Resolution, cte: CteEntry): void {
  for (let id = cte.firstLevel; id < cte.endLevel; id++) resolution.levels[id]!.mixes = true;
}

/** Called with the columns of a UNION's left side: a recursive reference in its right side sees them. */
export function offerSelfShape(cte: CteEntry | undefined, left: RowShape): void {
  if (cte?.state === 'active') cte.shape = renameColumns(left, stringsOf(cte.node.aliascolnames));
}

/** The recursive CTE whose own query this is; parse state keeps it in p_parent_cte. */
export function activeCteOf(query: object, scope: Scope | undefined): CteEntry | undefined {
  return scope?.ctes.find(
    (cte) => cte.state === 'active' && Object.values(cte.node.ctequery ?? {}).includes(query),
  );
}

/**
 * A column of the recursive row may carry, after some rounds, whatever any expression inside the CTE has read. The
 * reference to itself adds nothing of its own, so it is left out of that sum.
 */
function recursiveShape(resolution: Resolution, cte: CteEntry, shape: RowShape, mark: number): RowShape {
  const read = resolution.trace.slice(mark).filter((lineage) => lineage !== cte.selfLineage);
  const lineage = combine(read);
  return { columns: shape.columns.map(({ name }) => ({ name, lineage })), openAt: shape.openAt };
}

function withSearchAndCycle(cte: CteEntry, shape: RowShape): RowShape {
  const { search_clause: search, cycle_clause: cycle } = cte.node;
  const names = [search?.search_seq_column, cycle?.cycle_mark_column, cycle?.cycle_path_column];
  const added = names.filter((name) => name !== undefined).map((name) => ({ name, lineage: UNKNOWN }));
  return added.length === 0 ? shape : { columns: [...shape.columns, ...added], openAt: shape.openAt };
}
