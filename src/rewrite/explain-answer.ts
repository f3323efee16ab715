/**
 * EXPLAIN as a query that answers with lines of ours. The governed statement stays in it as a WITH query that nothing reads,
 * so the server checks its names and types and gives its parameters their types, and neither plans nor runs it
 * (SS_process_ctes, subselect.c).
 */
import type { ExplainStmt, Node, SelectStmt } from '@pgsql/types';
import type { ResolvedStatement } from '../resolve/types.js';
import { toByteString } from '../sql/byte-string.js';
import type { ByteString } from '../sql/types.js';
import { literal } from '../policy/sql-text.js';
import type { Edit } from './edits.js';
import type { IntendedTree } from './intended-tree.js';

export interface ExplainAnswer {
  readonly lines: readonly string[];
  /** Of the one column. */
  readonly type: 'text' | 'json';
}

/** Edits around those of the explained query; gives undefined when the text does not show where that begins. */
export function answerExplain(
  { statement }: ResolvedStatement,
  explain: ExplainStmt,
  { lines, type }: ExplainAnswer,
  intended: IntendedTree,
  parse: (text: ByteString) => SelectStmt | undefined,
): readonly Edit[] | undefined {
  const { lexed, firstToken, endToken } = statement;
  const word = (token: number): string =>
    token < endToken
      ? lexed.text.slice(lexed.tokens.start(token), lexed.tokens.end(token)).toLowerCase()
      : '';
  let query = firstToken + 1;
  if ((explain.options ?? []).length > 0) {
    if (word(query) === '(') {
      let depth = 0;
      do {
        if (word(query) === '(') depth += 1;
        if (word(query) === ')') depth -= 1;
        query += 1;
      } while (depth > 0 && query < endToken);
    } else while (['analyze', 'analyse', 'verbose'].includes(word(query))) query += 1;
  }
  if (query >= endToken) return undefined;
  const rows = lines.map((line) => `(${literal(line)}::pg_catalog.${type})`).join(', ');
  const head = 'WITH pgveil_explained AS (';
  const tail = `) SELECT line AS "QUERY PLAN" FROM (VALUES ${rows}) AS pgveil_plan(line)`;
  const answer = parse(toByteString(`${head}SELECT${tail}`));
  const cte = answer?.withClause?.ctes?.[0];
  if (
    answer === undefined ||
    cte === undefined ||
    !('CommonTableExpr' in cte) ||
    explain.query === undefined
  ) {
    return undefined;
  }
  cte.CommonTableExpr.ctequery = intended.of(explain.query);
  const root = intended.root as Record<string, unknown>;
  delete root['ExplainStmt'];
  root['SelectStmt'] = answer satisfies Extract<Node, { SelectStmt: unknown }>['SelectStmt'];
  return [
    { first: firstToken, end: query, pieces: [toByteString(head)] },
    { first: endToken, end: endToken, pieces: [toByteString(tail)] },
  ];
}
