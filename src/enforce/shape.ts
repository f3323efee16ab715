/** Parts of a statement that no rewrite covers yet, wherever they stand in the tree. */
import type { Node } from '@pgsql/types';
import { walk } from '../sql/walk.js';
import { refuse } from './refusals.js';
import type { Refusal } from './types.js';

/** The first such part as a refusal. */
export function unsupportedShape(statement: Node): Refusal | undefined {
  let found: Refusal | undefined;
  walk(statement, {
    enter({ kind }) {
      if (found !== undefined) return 'skip';
      if (kind === 'IntoClause') {
        found = shape('SELECT INTO', 'it would copy masked data out of its labels', 'select without INTO');
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
