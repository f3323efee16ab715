/**
 * INSERT, UPDATE, DELETE and MERGE of a protected table (DESIGN 5.2), as a statement of its own or in a WITH query.
 *
 * The target stays the table itself, so each reference to a column of it becomes the column's masked and guarded value,
 * and the row guard joins the client's WHERE, or ON. As in a derived table, the guard stands in the value: PostgreSQL may run
 * the client's condition on a row before the guard's.
 */
import type { Edit } from './edits.js';
import type { IntendedTree } from './intended-tree.js';
import { rewriteAssignments } from './write-assignments.js';
import { rewriteColumns } from './write-columns.js';
import { rewriteCondition } from './write-condition.js';
import { mergeActions, Unsupported, WriteContext, type WriteInput } from './write-context.js';
import { rewriteReturning } from './write-returning.js';

export interface WriteRewrite {
  readonly edits: readonly Edit[];
  readonly intend: (tree: IntendedTree) => void;
}

export type WriteOutcome =
  | { readonly ok: true; readonly rewrite: WriteRewrite }
  | { readonly ok: false; readonly reason: string; readonly hint: string };

/** Rewrites one write; says so when its form is not covered. */
export function rewriteWrite(input: WriteInput): WriteOutcome {
  const write = new WriteContext(input);
  try {
    checkMerge(write);
    rewriteColumns(write);
    rewriteAssignments(write);
    rewriteCondition(write);
    rewriteReturning(write);
  } catch (error) {
    if (error instanceof Unsupported) return { ok: false, reason: error.message, hint: error.hint };
    throw error;
  }
  const { edits, intents } = write;
  return { ok: true, rewrite: { edits, intend: (tree) => intents.forEach((intend) => intend(tree)) } };
}

/** FAIL-CLOSED: clauses that were not found in the text cannot be guarded. */
function checkMerge({ merge, input }: WriteContext): void {
  if (input.statement.kind !== 'merge') return;
  if (merge === undefined || merge.actions.length !== mergeActions(input.statement.node).length) {
    throw new Unsupported('this form of MERGE', 'write UPDATE and INSERT');
  }
}
