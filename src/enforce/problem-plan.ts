/** The plan for a text that the lexer or the parser refused. */
import { byteStringToText, sliceBytes } from '../sql/byte-string.js';
import { statementShape } from '../sql/shape.js';
import type { ByteString, LexedText, SqlProblem } from '../sql/types.js';
import { emptyFacts } from './empty-facts.js';
import { forbiddenFields } from './forbidden-fields.js';
import { refuse } from './refusals.js';
import type { EnforceContext, Plan, QueryPlan, Refusal, RefusalCode, SessionFacts } from './types.js';

interface ProblemEntry {
  readonly code: RefusalCode;
  /** Where it differs from the code's own. */
  readonly sqlstate?: string;
  readonly hint: string;
}

const problems: Readonly<Record<SqlProblem['kind'], ProblemEntry>> = {
  syntax: { code: 'sql-problem', hint: 'correct the statement; the grammar is that of PostgreSQL 18' },
  unterminated: { code: 'sql-problem', hint: 'close the literal, identifier or comment' },
  'invalid-utf8': { code: 'sql-problem', sqlstate: '22021', hint: 'send UTF-8: set client_encoding to UTF8' },
  'nul-byte': { code: 'sql-problem', sqlstate: '22021', hint: 'remove the zero byte' },
  'ambiguous-lexeme': {
    code: 'sql-problem',
    sqlstate: '42501',
    hint: 'spell the number in decimal digits, and characters as themselves instead of U& escapes',
  },
  'too-long': {
    code: 'statement-too-large',
    hint: 'split the statement, send values as parameters, or use COPY',
  },
  'too-many-tokens': {
    code: 'statement-too-large',
    hint: 'split the statement, or send values as parameters',
  },
  'too-deep': { code: 'statement-too-large', hint: 'nest fewer brackets, CASE expressions and operators' },
  'parser-failure': { code: 'statement-too-large', hint: 'split the statement into simpler ones' },
  'unknown-node': {
    code: 'shape-not-supported',
    hint: 'this version of pgveil does not know a part of the statement; write it in a simpler form',
  },
};

/** A refusal of something that was not looked into. */
export function refusedText(refusal: Refusal, session: SessionFacts, context: EnforceContext): Plan {
  const fields = forbiddenFields(context, session.role, session.purpose);
  return {
    kind: 'refuse',
    refusal,
    facts: { ...emptyFacts('UNKNOWN', fields), rules: [refusal.rule] },
  };
}

/** A QueryPlan with one refusal. */
export function problemPlan(
  problem: SqlProblem,
  text: ByteString,
  session: SessionFacts,
  context: EnforceContext,
  epoch: string,
  lexed?: LexedText,
): QueryPlan {
  const entry = problems[problem.kind];
  const position = positionOf(problem, text);
  const words = refuse(entry.code, {
    message: problem.message,
    detail:
      problem.at === undefined ? 'the statement has not run' : `at byte ${problem.at + 1} of the statement`,
    hint: entry.hint,
    rule: 'pgveil:sql',
    ...(entry.sqlstate === undefined ? {} : { sqlstate: entry.sqlstate }),
  });
  const refusal: Refusal = position === undefined ? words : { ...words, position };
  return {
    plans: [refusedText(refusal, session, context)],
    ...(lexed === undefined ? { auditText: '<not understood>', shapeId: '' } : statementShape(lexed)),
    tags: {},
    cache: 'miss',
    epoch,
  };
}

/** Drivers underline the place as they do for the server's own errors. Bytes that are no characters cannot be counted. */
function positionOf(problem: SqlProblem, text: ByteString): number | undefined {
  if (problem.at === undefined || problem.kind === 'invalid-utf8') return undefined;
  return Array.from(byteStringToText(sliceBytes(text, 0, problem.at))).length + 1;
}
