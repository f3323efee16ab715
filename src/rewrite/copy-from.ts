/**
 * COPY FROM STDIN into a protected table. The rows go to the server unread, so the server looks at them: its WHERE sees
 * each row of the input before it is stored (PostgreSQL manual, COPY), and raises our error for a mask.
 */
import type { CopyStmt } from '@pgsql/types';
import type { RelationUse, ResolvedStatement } from '../resolve/types.js';
import { toByteString } from '../sql/byte-string.js';
import { wordAt } from './clauses.js';
import { copiedColumns } from './copy-table.js';
import type { Edit } from './edits.js';
import type { ProtectedDecision } from './guarded-relation.js';
import type { IntendedTree } from './intended-tree.js';
import { fill } from './value-slot.js';
import { placeholder, type WriteInput } from './write-context.js';
import { newValueCondition } from './written-value.js';

export type CopyFromOutcome =
  | { readonly ok: true; readonly edits: readonly Edit[]; readonly intend: (tree: IntendedTree) => void }
  | { readonly ok: false; readonly reason: string; readonly hint: string };

export function rewriteCopyFrom(
  resolved: ResolvedStatement,
  use: RelationUse,
  decision: ProtectedDecision,
  copy: CopyStmt,
  parseSelect: WriteInput['parseSelect'],
): CopyFromOutcome {
  const listed = copiedColumns(copy);
  const conditions = use.relation.columns.flatMap((column) => {
    const rule = decision.columns.get(column.attnum);
    if (rule?.kind !== 'masked' || listed?.includes(column.name) === false) return [];
    return newValueCondition(use.relation, column, rule) ?? [];
  });
  if (conditions.length === 0) return { ok: true, edits: [], intend: () => undefined };
  const { endToken } = resolved.statement;
  const where = whereToken(resolved, use);
  if ((copy.whereClause === undefined) !== (where === undefined)) {
    return { ok: false, reason: 'this form of COPY', hint: 'write COPY table (columns) FROM STDIN' };
  }
  const text = conditions.join(' AND ');
  const own = where === undefined ? '' : ` AND ($${placeholder})`;
  const parsed = parseSelect(toByteString(`SELECT 1 WHERE ${text}${own}`))?.where;
  if (parsed === undefined) return { ok: false, reason: 'this mask', hint: 'report this as a bug' };
  const edits: Edit[] =
    where === undefined
      ? [{ first: endToken, end: endToken, pieces: [toByteString(` WHERE ${text}`)] }]
      : [
          { first: where + 1, end: where + 1, pieces: [toByteString(`${text} AND (`)] },
          { first: endToken, end: endToken, pieces: [toByteString(')')] },
        ];
  const intend = (tree: IntendedTree): void => {
    const target = tree.of(copy);
    target.whereClause =
      target.whereClause === undefined ? parsed : fill(parsed, new Map([[placeholder, target.whereClause]]));
  };
  return { ok: true, edits, intend };
}

/** Outside every bracket; options in the old style have no such word. */
function whereToken({ statement }: ResolvedStatement, use: RelationUse): number | undefined {
  const { lexed, endToken } = statement;
  let depth = 0;
  for (let at = use.nameSpan.end; at < endToken; at += 1) {
    const word = wordAt(lexed, at);
    if (word === '(' || word === '[') depth += 1;
    if (word === ')' || word === ']') depth -= 1;
    if (depth === 0 && word === 'where') return at;
  }
  return undefined;
}
