/** Parts of a statement that no rewrite covers yet, wherever they stand in the tree. */
import type { Node } from '@pgsql/types';
import { walk } from '../sql/walk.js';
import { refuse } from './refusals.js';
import type { Refusal } from './types.js';

const writeKinds = new Set(['InsertStmt', 'UpdateStmt', 'DeleteStmt', 'MergeStmt']);

/** The first such part as a refusal. `body` is the query or write that the statement carries. */
export function unsupportedShape(statement: Node, body: Node | undefined): Refusal | undefined {
  const bodyNode: unknown = body === undefined ? undefined : Object.values(body)[0];
  let found: Refusal | undefined;
  walk(statement, {
    enter({ kind, body: node }) {
      if (found !== undefined) return 'skip';
      if (kind === 'IntoClause') {
        found = shape('SELECT INTO', 'it would copy masked data out of its labels', 'select without INTO');
      } else if (writeKinds.has(kind) && node !== bodyNode) {
        found = shape(
          'a data-modifying WITH query',
          'writes inside a query are not covered yet',
          'send the write as a statement of its own',
        );
      }
      return undefined;
    },
  });
  return found;
}

function shape(what: string, why: string, hint: string): Refusal {
  return refuse('shape-not-supported', {
    message: `${what} is not supported for governed sessions`,
    detail: why,
    hint,
    rule: 'pgveil:shapes',
  });
}
