/**
 * DECLARE of a cursor over guarded relations. Without SCROLL or NO SCROLL a cursor goes backward where its plan can (manual,
 * DECLARE), as the scan of a table can and a join does not. A guard is a join, so SCROLL is written out.
 */
import type { ResolvedStatement } from '../resolve/types.js';
import { toByteString } from '../sql/byte-string.js';
import type { Edit } from './edits.js';
import type { IntendedTree } from './intended-tree.js';

/** parsenodes.h */
const CURSOR_OPT_SCROLL = 0x0002;
const CURSOR_OPT_NO_SCROLL = 0x0004;

export function scrollCursor(
  { statement, levels }: ResolvedStatement,
  guarded: ReadonlySet<number>,
): { readonly edits: readonly Edit[]; readonly intend: (tree: IntendedTree) => void } {
  const none = { edits: [], intend: () => undefined };
  if (!('DeclareCursorStmt' in statement.node) || guarded.size === 0) return none;
  const declare = statement.node.DeclareCursorStmt;
  const options = declare.options ?? 0;
  if ((options & (CURSOR_OPT_SCROLL | CURSOR_OPT_NO_SCROLL)) !== 0) return none;
  // A cursor that locks rows cannot scroll.
  if (levels.some(({ select }) => (select?.lockingClause ?? []).length > 0)) return none;
  // Behind DECLARE and the name (gram.y, DeclareCursorStmt).
  const at = statement.firstToken + 2;
  return {
    edits: [{ first: at, end: at, pieces: [toByteString('SCROLL ')] }],
    intend: (tree) => {
      tree.of(declare).options = options | CURSOR_OPT_SCROLL;
    },
  };
}
