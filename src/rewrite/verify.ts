/**
 * Splice, then parse again and compare (DESIGN 3): the text that will run must read as what was meant.
 * Locations differ between the two by nature and are left out of the comparison.
 */
import type { Node } from '@pgsql/types';
import { sameTree } from '../sql/compare.js';
import type { ParseOutcome } from '../sql/types.js';

/** True when the parsed text is exactly one statement and equals the intended tree. */
export function readsAsIntended(outcome: ParseOutcome, intended: Node): boolean {
  return outcome.ok && outcome.statements.length === 1 && sameTree(outcome.statements[0]!.node, intended);
}
