/**
 * Whether a value only leaves a statement as one of its results: the question that `where: deny` asks of each reference.
 * By position in the tree alone; it knows no columns and no policy.
 */
import type { CommonTableExpr, Node, SelectStmt, SubLink } from '@pgsql/types';
import type { Visit } from '../sql/walk.js';

/** Statements that send a query's rows on, to the client or into a table. */
const takers: ReadonlySet<string> = new Set([
  'RangeSubselect',
  'InsertStmt',
  'CopyStmt',
  'DeclareCursorStmt',
  'PrepareStmt',
  'ExplainStmt',
  'CreateTableAsStmt',
]);

/** Assignments: what is stored is the mask. */
const assigning: ReadonlySet<string> = new Set(['UpdateStmt', 'OnConflictClause', 'MergeWhenClause']);

/**
 * True for an item of a result by itself, casts aside, as long as nothing compares, sorts or groups that result: what a
 * subquery passes on is judged where the outer query names it.
 */
export function isPlainOutput(reference: Visit): boolean {
  let at = reference;
  while (at.parent?.kind === 'TypeCast') at = at.parent;
  const item = at.parent;
  // FAIL-CLOSED: any place that is not known to be a result.
  if (at.field !== 'val' || item?.kind !== 'ResTarget' || item.parent === undefined) return false;
  const owner = item.parent;
  if (owner.kind === 'ReturningClause') return item.field === 'exprs';
  if (item.field !== 'targetList') return false;
  return assigning.has(owner.kind) || (owner.kind === 'SelectStmt' && isPlainQuery(owner));
}

function isPlainQuery(query: Visit): boolean {
  const select = query.body as SelectStmt;
  if (isDistinct(select) || sortsByNumber(select)) return false;
  const { parent } = query;
  if (parent === undefined || takers.has(parent.kind)) return true;
  switch (parent.kind) {
    case 'SelectStmt': {
      const outer = parent.body as SelectStmt;
      return outer.op === 'SETOP_UNION' && outer.all === true && isPlainQuery(parent);
    }
    case 'CommonTableExpr': {
      // SEARCH sorts by columns of the query and CYCLE compares them.
      const { search_clause: search, cycle_clause: cycle } = parent.body as CommonTableExpr;
      return search === undefined && cycle === undefined;
    }
    case 'SubLink': {
      const { subLinkType } = parent.body as SubLink;
      if (query.field !== 'subselect') return false;
      return subLinkType === 'EXISTS_SUBLINK' || (subLinkType === 'EXPR_SUBLINK' && isPlainOutput(parent));
    }
    default:
      return false;
  }
}

/** DISTINCT compares whole rows; DISTINCT ON only what it names. */
function isDistinct({ distinctClause }: SelectStmt): boolean {
  return distinctClause !== undefined && !distinctClause.some((node) => Object.keys(node).length > 0);
}

/**
 * A number stands for a result. Which one is not asked, since a plan serves every text of its shape. In GROUP BY it does
 * inside brackets too (flatten_grouping_sets, parse_clause.c).
 */
function sortsByNumber({ sortClause = [], groupClause = [], distinctClause = [] }: SelectStmt): boolean {
  const pending: Node[] = [...sortClause, ...groupClause, ...distinctClause];
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    if ('A_Const' in node) return true;
    if ('SortBy' in node && node.SortBy.node !== undefined) pending.push(node.SortBy.node);
    if ('GroupingSet' in node) pending.push(...(node.GroupingSet.content ?? []));
    if ('RowExpr' in node) pending.push(...(node.RowExpr.args ?? []));
  }
  return false;
}
