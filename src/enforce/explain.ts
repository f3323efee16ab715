/** EXPLAIN: the server's own plan where nothing protected is read, otherwise an answer that discloses nothing, or a refusal. */
import type { ExplainStmt } from '@pgsql/types';
import type { ResolvedStatement } from '../resolve/types.js';
import { orderEdits, type Edit } from '../rewrite/edits.js';
import { answerExplain } from '../rewrite/explain-answer.js';
import type { queryParser } from '../rewrite/from-item.js';
import type { IntendedTree } from '../rewrite/intended-tree.js';
import { explainLines } from './explain-lines.js';
import { explainOptions } from './explain-options.js';
import { refuse } from './refusals.js';
import type { RelationsOutcome } from './relations.js';
import { statementRule } from './statement-kinds.js';
import type { PlanFacts, Refusal } from './types.js';

/** Why an EXPLAIN is refused whatever it explains; undefined when it is not. */
export function refusedExplain(explain: ExplainStmt): Refusal | undefined {
  const options = explainOptions(explain);
  if (!options.ok) return explainRefusal(options.what, options.why);
  const rule = statementRule(Object.keys(explain.query ?? {})[0] ?? '');
  if (rule?.rule === 'query' || rule?.rule === 'write') return undefined;
  return explainRefusal(
    `EXPLAIN of ${rule?.command ?? 'this statement'}`,
    'only queries and writes can be explained',
  );
}

export type ExplainOutcome =
  { readonly ok: true; readonly edits: readonly Edit[] } | { readonly ok: false; readonly refusal: Refusal };

/** Puts the answer around the rewritten query. */
export function explained(
  resolved: ResolvedStatement,
  explain: ExplainStmt,
  relations: Extract<RelationsOutcome, { ok: true }>,
  rewrite: { readonly edits: readonly Edit[]; readonly intended: IntendedTree },
  facts: PlanFacts,
  parse: ReturnType<typeof queryParser>,
): ExplainOutcome {
  if (relations.guarded.size === 0 && relations.written.size === 0) return { ok: true, edits: rewrite.edits };
  const options = explainOptions(explain);
  const isQuery = explain.query !== undefined && 'SelectStmt' in explain.query;
  const writes = resolved.relations.some((use) => use.purpose !== 'read');
  if (!options.ok || !isQuery || writes) {
    const why = 'its plan would tell of rows and values that are hidden';
    return { ok: false, refusal: explainRefusal('EXPLAIN of a write to or from protected tables', why) };
  }
  const lines = explainLines(resolved, relations.guarded, facts, options.format);
  const edits = answerExplain(resolved, explain, { lines, type: options.format }, rewrite.intended, parse);
  if (edits === undefined) {
    return {
      ok: false,
      refusal: explainRefusal('this form of EXPLAIN', 'its query was not found in the text'),
    };
  }
  return { ok: true, edits: orderEdits([...rewrite.edits, ...edits]) };
}

function explainRefusal(what: string, why: string): Refusal {
  return refuse('statement-not-allowed', {
    message: `${what} is not open to governed sessions`,
    detail: why,
    hint: 'use EXPLAIN of a query without ANALYZE; "pgveil explain" shows the decision and the rewritten statement',
    rule: 'pgveil:explain',
  });
}
