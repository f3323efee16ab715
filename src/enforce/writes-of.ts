/** The writes that a statement is, wraps, or holds in WITH queries. */
import type { Node, RangeVar } from '@pgsql/types';
import type { WriteStatement } from '../rewrite/write-context.js';
import type { NodeBody } from '../sql/children.js';
import { walk } from '../sql/walk.js';

/** Each write by the name of its target in the tree. */
export function writesOf(statement: Node): ReadonlyMap<RangeVar, WriteStatement> {
  const writes = new Map<RangeVar, WriteStatement>();
  walk(statement, {
    enter({ kind, body }) {
      const write = writeOf(kind, body);
      if (write?.node.relation !== undefined) writes.set(write.node.relation, write);
      return undefined;
    },
  });
  return writes;
}

function writeOf(kind: string, body: NodeBody): WriteStatement | undefined {
  switch (kind) {
    case 'InsertStmt':
      return { kind: 'insert', node: body };
    case 'UpdateStmt':
      return { kind: 'update', node: body };
    case 'DeleteStmt':
      return { kind: 'delete', node: body };
    case 'MergeStmt':
      return { kind: 'merge', node: body };
    default:
      return undefined;
  }
}
