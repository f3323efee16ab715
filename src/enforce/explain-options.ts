/** Options of EXPLAIN (manual, EXPLAIN), read before anything is decided. */
import type { ExplainStmt } from '@pgsql/types';

export type ExplainFormat = 'text' | 'json';

export type ExplainOptions =
  | { readonly ok: true; readonly format: ExplainFormat }
  | { readonly ok: false; readonly what: string; readonly why: string };

/** What tells of a plan and runs nothing. */
const harmless = new Set(['verbose', 'costs', 'settings', 'generic_plan', 'buffers', 'summary', 'memory']);

export function explainOptions(explain: ExplainStmt): ExplainOptions {
  let format: ExplainFormat = 'text';
  for (const node of explain.options ?? []) {
    const option = 'DefElem' in node ? node.DefElem : undefined;
    const name = option?.defname ?? '';
    if (harmless.has(name)) continue;
    // FAIL-CLOSED: ANALYZE runs the statement and counts what it reads, and so do the options that belong to it.
    if (name !== 'format') {
      return {
        ok: false,
        what: `EXPLAIN (${name.toUpperCase()})`,
        why: 'it would run the statement and count withheld rows',
      };
    }
    const value = option?.arg !== undefined && 'String' in option.arg ? option.arg.String.sval : undefined;
    if (value !== 'text' && value !== 'json') {
      return { ok: false, what: 'this FORMAT of EXPLAIN', why: 'TEXT and JSON are known' };
    }
    format = value;
  }
  return { ok: true, format };
}
