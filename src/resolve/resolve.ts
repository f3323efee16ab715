/**
 * Names to meanings: the entry of the resolve station. It reads a parsed statement, the catalog and a search path,
 * and knows nothing of policies, sessions or the text to be sent.
 */
import type { Node } from '@pgsql/types';
import type { Catalog } from '../catalog/types.js';
import type { ParsedStatement } from '../sql/types.js';
import { ResolveFailure, rangeVarsBelow, unsupported } from './ast.js';
import { analyseDelete, analyseInsert, analyseMerge, analyseUpdate } from './modify.js';
import { Resolution } from './resolution.js';
import type { LevelFacts, LevelRole } from './resolution.js';
import type { RowShape } from './row-shape.js';
import type { Scope } from './scope.js';
import { analyseSelect } from './select.js';
import type { ResolveOutcome, ResolveProblem, ResolvedStatement, SearchPath } from './types.js';
import { analyseStatement } from './utility.js';

function analyseQuery(
  resolution: Resolution,
  node: Node,
  parent: Scope | undefined,
  role: LevelRole,
): RowShape {
  return resolution.nested(() => {
    if ('SelectStmt' in node) return analyseSelect(resolution, node.SelectStmt, parent, role);
    if ('InsertStmt' in node) return analyseInsert(resolution, node.InsertStmt, parent, role);
    if ('UpdateStmt' in node) return analyseUpdate(resolution, node.UpdateStmt, parent, role);
    if ('DeleteStmt' in node) return analyseDelete(resolution, node.DeleteStmt, parent, role);
    if ('MergeStmt' in node) return analyseMerge(resolution, node.MergeStmt, parent, role);
    // FAIL-CLOSED: a query of a kind that this version does not know.
    throw unsupported('this kind of query');
  });
}

/** A resolved statement together with what view lineage asks of its levels. */
export type DetailedOutcome =
  | {
      readonly ok: true;
      readonly resolved: ResolvedStatement;
      readonly levels: readonly LevelFacts[];
    }
  | { readonly ok: false; readonly problem: ResolveProblem };

/** As resolve(), with more about each level. */
export function resolveDetailed(
  statement: ParsedStatement,
  catalog: Catalog,
  searchPath: SearchPath,
): DetailedOutcome {
  const resolution = new Resolution(statement, catalog, searchPath, analyseQuery);
  try {
    const shape = analyseStatement(resolution, statement.node);
    // INVARIANT(every-relation-classified): a RangeVar that no rule above has looked at refuses the statement.
    for (const node of rangeVarsBelow(statement.node)) {
      if (!resolution.classified.has(node)) throw unsupported('a relation name in an unknown place');
    }
    const { relations, columns, columnSpans, schemaNeeded, levels, functions, operators, merged } =
      resolution;
    const outputs = shape.openAt === undefined ? shape.columns : undefined;
    return {
      ok: true,
      resolved: {
        statement,
        relations,
        columns,
        columnSpans,
        schemaNeeded,
        levels,
        functions,
        operators,
        merged,
        equalities: resolution.equalities,
        outputs,
      },
      levels,
    };
  } catch (error) {
    if (error instanceof ResolveFailure) return { ok: false, problem: error.problem };
    throw error;
  }
}

/** Ties every name of a statement to what PostgreSQL would take it for. */
export function resolve(
  statement: ParsedStatement,
  catalog: Catalog,
  searchPath: SearchPath,
): ResolveOutcome {
  return resolveDetailed(statement, catalog, searchPath);
}
