/** `write: reject`: a statement that writes such a column is refused, however it writes it (SPEC 3, `write`). */
import type { CopyStmt, InsertStmt, MergeStmt, Node, UpdateStmt } from '@pgsql/types';
import type { Relation } from '../catalog/types.js';
import type { ResolvedStatement } from '../resolve/types.js';
import type { ProtectedDecision } from '../rewrite/guarded-relation.js';
import { walk } from '../sql/walk.js';
import { refuse } from './refusals.js';
import type { Refusal } from './types.js';

/** The first such column that the statement writes. */
export function rejectedWrite(
  resolved: ResolvedStatement,
  written: ReadonlyMap<number, ProtectedDecision>,
): Refusal | undefined {
  for (const [id, decision] of written) {
    const { relation, node } = resolved.relations[id]!;
    const rejecting = relation.columns.filter((column) => {
      const rule = decision.columns.get(column.attnum);
      return rule?.kind !== 'denied' && rule?.write === 'reject';
    });
    if (rejecting.length === 0) continue;
    const write = writeTo(resolved.statement.node, node);
    // FAIL-CLOSED: a write that is not understood writes every column.
    const names = write === undefined ? undefined : writtenColumns(write, relation);
    const found = rejecting.find((column) => names?.has(column.name) ?? true);
    if (found === undefined) continue;
    const label = decision.columns.get(found.attnum)?.label;
    return refuse('column-denied', {
      message: `column "${relation.schema}.${relation.name}.${found.name}" cannot be written by this role`,
      detail: `the policy says write: reject for label "${label ?? ''}"`,
      hint: 'leave the column out of SET and of the columns of INSERT and COPY, or use a session that may write it',
      rule: `label:${label ?? ''}`,
    });
  }
  return undefined;
}

type Write =
  | { readonly kind: 'InsertStmt'; readonly node: InsertStmt }
  | { readonly kind: 'UpdateStmt'; readonly node: UpdateStmt }
  | { readonly kind: 'MergeStmt'; readonly node: MergeStmt }
  | { readonly kind: 'CopyStmt'; readonly node: CopyStmt }
  | { readonly kind: 'DeleteStmt' };

function writeTo(statement: Node, target: object): Write | undefined {
  let found: Write | undefined;
  walk(statement, {
    enter({ kind, body }) {
      if ((body as { relation?: object }).relation !== target) return undefined;
      if (kind === 'InsertStmt') found = { kind, node: body };
      else if (kind === 'UpdateStmt') found = { kind, node: body };
      else if (kind === 'MergeStmt') found = { kind, node: body };
      else if (kind === 'CopyStmt') found = { kind, node: body };
      else if (kind === 'DeleteStmt') found = { kind };
      return undefined;
    },
  });
  return found;
}

function writtenColumns(write: Write, relation: Relation): ReadonlySet<string> {
  switch (write.kind) {
    case 'DeleteStmt':
      return new Set();
    case 'UpdateStmt':
      return new Set(names(write.node.targetList) ?? []);
    case 'CopyStmt':
      return new Set(
        write.node.attlist?.flatMap((node) => ('String' in node ? [node.String.sval ?? ''] : [])) ??
          all(relation),
      );
    case 'InsertStmt':
      return new Set([
        ...insertedColumns(write.node, relation),
        ...(names(write.node.onConflictClause?.targetList) ?? []),
      ]);
    case 'MergeStmt':
      return new Set(
        (write.node.mergeWhenClauses ?? []).flatMap((node) => {
          if (!('MergeWhenClause' in node)) return all(relation);
          const { commandType, targetList, values } = node.MergeWhenClause;
          if (commandType === 'CMD_UPDATE') return names(targetList) ?? [];
          if (commandType !== 'CMD_INSERT' || values === undefined) return [];
          return givenColumns(names(targetList) ?? all(relation), [values]);
        }),
      );
  }
}

function insertedColumns(insert: InsertStmt, relation: Relation): readonly string[] {
  const source = insert.selectStmt;
  // INSERT … DEFAULT VALUES writes what the table's owner chose.
  if (source === undefined) return [];
  const columns = names(insert.cols) ?? all(relation);
  const lists = 'SelectStmt' in source ? source.SelectStmt.valuesLists : undefined;
  if (lists === undefined) return columns;
  return givenColumns(
    columns,
    lists.map((node) => ('List' in node ? (node.List.items ?? []) : [])),
  );
}

/** Those that get a value other than DEFAULT in any row; a row may be shorter than the table. */
function givenColumns(columns: readonly string[], rows: readonly (readonly Node[])[]): readonly string[] {
  return columns.filter((_, index) =>
    rows.some((row) => row[index] !== undefined && !('SetToDefault' in row[index])),
  );
}

function names(targets: readonly Node[] | undefined): readonly string[] | undefined {
  return targets?.flatMap((node) => ('ResTarget' in node ? [node.ResTarget.name ?? ''] : []));
}

function all(relation: Relation): readonly string[] {
  return relation.columns.map((column) => column.name);
}
