/**
 * TABLESAMPLE of protected relations (manual, SELECT). SYSTEM draws pages, and REPEATABLE draws by where a row lies: both tell
 * how much is withheld between two rows, and how long hidden values are. So every row is drawn by itself
 * (rewrite/table-sample.ts), and a seed is refused.
 */
import type { RangeTableSample } from '@pgsql/types';
import { hidesNothing, type ProtectedDecision } from '../rewrite/guarded-relation.js';
import { sampleMethod } from '../rewrite/table-sample.js';
import { walk } from '../sql/walk.js';
import { refuse } from './refusals.js';
import type { Refusal } from './types.js';

export function refusedSample(
  name: string,
  sample: RangeTableSample | undefined,
  decision: ProtectedDecision,
): Refusal | undefined {
  const why = sample === undefined ? 'it was not found in the text' : reason(sample, decision);
  if (why === undefined) return undefined;
  return refuse('shape-not-supported', {
    message: `this TABLESAMPLE of protected relation "${name}" is not open to governed sessions`,
    detail: why,
    hint: 'use TABLESAMPLE BERNOULLI (percentage) without REPEATABLE',
    rule: 'pgveil:shapes',
  });
}

function reason(sample: RangeTableSample, decision: ProtectedDecision): string | undefined {
  if (sampleMethod(sample) === undefined) return 'the sampling method is not one of PostgreSQL itself';
  if (sample.repeatable !== undefined && !hidesNothing(decision)) {
    return 'which rows a seed takes depends on where they lie, and so on what is hidden';
  }
  // Inside the derived table the other items of FROM are out of sight.
  const outside: string[] = [];
  for (const node of sample.args ?? []) {
    walk(node, {
      enter({ kind }) {
        if ((kind === 'FuncCall' && !hidesNothing(decision)) || kind === 'ColumnRef' || kind === 'SelectStmt')
          outside.push(kind);
        return undefined;
      },
    });
  }
  return outside.length > 0 ? 'its percentage is not a constant or parameter' : undefined;
}
