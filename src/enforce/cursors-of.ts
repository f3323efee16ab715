/** Which cursors a statement writes through (WHERE CURRENT OF), in its WITH queries too. */
import type { Node } from '@pgsql/types';
import { walk } from '../sql/walk.js';

/** Their names, each once. */
export function cursorsOf(statement: Node): readonly string[] {
  const names = new Set<string>();
  walk(statement, {
    enter({ kind, body }) {
      if (kind === 'CurrentOfExpr') names.add((body as { cursor_name?: string }).cursor_name ?? '');
      return undefined;
    },
  });
  return [...names];
}
