/** Statements around a query, and those that name relations without one. */
import type { CallStmt, CopyStmt, Node } from '@pgsql/types';
import { rangeVarsBelow, stringOf, unsupported } from './ast.js';
import { walkExpression } from './expression.js';
import { relationEntry } from './range-entry.js';
import { findRelation } from './relation-names.js';
import type { Resolution } from './resolution.js';
import type { RowShape } from './row-shape.js';
import { newScope } from './scope.js';

const NO_OUTPUT: RowShape = { columns: [], openAt: undefined };

/** Analyses a whole statement and gives the columns of its result. */
export function analyseStatement(resolution: Resolution, statement: Node): RowShape {
  let node: Node | undefined = statement;
  while (node !== undefined) {
    if ('ExplainStmt' in node) node = node.ExplainStmt.query;
    else if ('PrepareStmt' in node) node = node.PrepareStmt.query;
    else if ('DeclareCursorStmt' in node) node = node.DeclareCursorStmt.query;
    else if ('CreateTableAsStmt' in node) {
      const { into, query } = node.CreateTableAsStmt;
      if (into?.rel !== undefined) resolution.classified.add(into.rel);
      node = query;
    } else break;
  }
  if (node === undefined) throw unsupported('a statement without its query');
  if (isQuery(node)) return resolution.analyseQuery(resolution, node, undefined, 'top');
  if ('CopyStmt' in node) return analyseCopy(resolution, node.CopyStmt);
  if ('LockStmt' in node) return nameAll(resolution, node.LockStmt.relations);
  if ('TruncateStmt' in node) return nameAll(resolution, node.TruncateStmt.relations);
  return analyseOther(resolution, node);
}

/** A statement with a FROM scope or a target of its own. */
export function isQuery(node: Node): boolean {
  return (
    'SelectStmt' in node ||
    'InsertStmt' in node ||
    'UpdateStmt' in node ||
    'DeleteStmt' in node ||
    'MergeStmt' in node
  );
}

function analyseCopy(resolution: Resolution, copy: CopyStmt): RowShape {
  if (copy.query !== undefined) return resolution.analyseQuery(resolution, copy.query, undefined, 'top');
  if (copy.relation === undefined) throw unsupported('COPY without a table or query');
  const level = resolution.addLevel(undefined, 'top', undefined);
  const use = resolution.addUse(copy.relation, copy.is_from === true ? 'copy-from' : 'read', level.id);
  const entry = relationEntry(use);
  const scope = newScope(undefined, level.id);
  scope.entries.push(entry);
  walkExpression(resolution, copy.whereClause, scope);
  if (copy.is_from === true) return NO_OUTPUT;
  // Generated columns are copied only where they are named (CopyGetAttnums in src/backend/commands/copy.c).
  const listed =
    copy.attlist?.map((node) => stringOf(node)) ??
    use.relation.columns.filter(({ generated }) => !generated).map(({ name }) => name);
  const columns = listed.flatMap((listedName) => entry.columns.filter(({ name }) => name === listedName));
  return { columns, openAt: undefined };
}

function nameAll(resolution: Resolution, relations: readonly Node[] | undefined): RowShape {
  const level = resolution.addLevel(undefined, 'top', undefined);
  for (const node of relations ?? []) {
    if (!('RangeVar' in node)) throw unsupported('this kind of relation list');
    resolution.addUse(node.RangeVar, 'other', level.id);
  }
  return NO_OUTPUT;
}

/**
 * DDL and the rest: refused by kind for whom names matter. Relations that exist are reported, names that are about to
 * be created, or that are CTEs in a view's text, are not an error here; functions are reported, columns are not.
 */
function analyseOther(resolution: Resolution, node: Node): RowShape {
  const level = resolution.addLevel(undefined, 'top', undefined);
  for (const name of rangeVarsBelow(node)) {
    const relation = findRelation(name, resolution.catalog, resolution.searchPath);
    if (relation !== undefined && (name.location ?? 0) >= 0) {
      resolution.addKnownUse(name, relation, 'other', level.id);
    }
    resolution.classified.add(name);
  }
  const scope = newScope(undefined, level.id);
  if ('CallStmt' in node) walkExpression(resolution, calledFunction(node.CallStmt), scope);
  // The arguments of EXECUTE are expressions that the server evaluates (EvaluateParams in prepare.c).
  if ('ExecuteStmt' in node) walkExpression(resolution, node.ExecuteStmt.params, scope);
  return NO_OUTPUT;
}

/** The call with its tag, which the tree leaves out of a field of a concrete type. */
function calledFunction(call: CallStmt): Node | undefined {
  return call.funccall === undefined ? undefined : { FuncCall: call.funccall };
}
