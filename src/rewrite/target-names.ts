/** Whether a name that a rewrite spells inside a write would mean the write's target, or something nearer. */
import type { Alias, JsonTable, Node, RangeFunction, RangeTableFunc, RangeVar } from '@pgsql/types';
import type { NodeKind } from '../sql/node-fields.js';
import { walk } from '../sql/walk.js';
import type { WriteStatement } from './write-context.js';

/** True when nothing but the target goes by this name anywhere in the write, its subqueries included. */
export function onlyTargetIsCalled(name: string, write: WriteStatement): boolean {
  let other = false;
  walk(tagged(write), {
    enter({ kind, body }) {
      if (body !== write.node.relation && namesRange(kind, body, name)) other = true;
      return body === write.node.relation ? 'skip' : undefined;
    },
  });
  return !other;
}

function namesRange(kind: NodeKind, body: object, name: string): boolean {
  switch (kind) {
    case 'Alias':
      return (body as Alias).aliasname === name;
    case 'RangeVar':
      return (body as RangeVar).alias === undefined && (body as RangeVar).relname === name;
    // FAIL-CLOSED: without an alias the server makes up a name.
    case 'RangeFunction':
    case 'RangeTableFunc':
    case 'JsonTable':
      return (body as RangeFunction | RangeTableFunc | JsonTable).alias === undefined;
    default:
      return false;
  }
}

function tagged(write: WriteStatement): Node {
  switch (write.kind) {
    case 'insert':
      return { InsertStmt: write.node };
    case 'update':
      return { UpdateStmt: write.node };
    case 'delete':
      return { DeleteStmt: write.node };
    case 'merge':
      return { MergeStmt: write.node };
  }
}
