/**
 * enforce(): the one place where a governed statement becomes what may run.
 *
 * Pure and synchronous: the same statement, session, catalog and policy give the same plan. It reads no clock, no socket
 * and no file. The session, `pgveil explain`, the policy tests and the benches all call it.
 */
import { cursorsOf } from './cursors-of.js';
import type { Node } from '@pgsql/types';
import { hasOpenNames } from '../resolve/open-names.js';
import { resolve } from '../resolve/resolve.js';
import type { ResolvedStatement } from '../resolve/types.js';
import { columnCalls } from '../rewrite/column-calls.js';
import { applyEdits, type Edit } from '../rewrite/edits.js';
import type { ProtectedDecision } from '../rewrite/guarded-relation.js';
import { bigintParameters } from '../rewrite/hoist.js';
import { rewriteStatement } from '../rewrite/rewrite.js';
import { readsAsIntended } from '../rewrite/verify.js';
import { fromItemParser, queryParser, selectParser } from '../rewrite/from-item.js';
import { lex } from '../sql/lexer.js';
import type { Parser } from '../sql/parse.js';
import { textParser } from '../sql/parse-text.js';
import type { ByteString, LexedText, ParsedStatement, ParseOutcome, SqlLimits } from '../sql/types.js';
import { outputExposures, readColumns } from './columns.js';
import { emptyFacts } from './empty-facts.js';
import { explained } from './explain.js';
import { forbiddenFields } from './forbidden-fields.js';
import { checkFunctions, needsListed } from './functions.js';
import { claimMissing } from './claims.js';
import { refuse } from './refusals.js';
import { decideBase, decideRelations } from './relations.js';
import { serverSessionNeed } from './server-session.js';
import { unsupportedShape } from './shape.js';
import { isSilent } from './silent-statement.js';
import { copyReadsLiterals } from './copy-layout.js';
import { subjectFacts } from './subject-facts.js';
import { statementRule } from './statement-kinds.js';
import { isTrivialQuery, needsNobody } from './trivial-query.js';
import { readStatement } from './statement-parts.js';
import { constrainedWrite } from './write-constraints.js';
import { rejectedWrite } from './write-rejections.js';
import { statefulCalls } from './stateful-calls.js';
import { refusedSystemColumn } from './system-columns.js';
import { writesOf } from './writes-of.js';
import type { EnforceContext, EnforcedSql, Plan, PlanFacts, Refusal, SessionFacts } from './types.js';

/** A plan whose text is not made yet: edits by token index fit every statement of the same shape. */
export type PlanDraft =
  | {
      readonly kind: 'edit';
      readonly edits: readonly Edit[];
      readonly rewritten: boolean;
      readonly facts: PlanFacts;
      /** What the edited text must parse to; undefined without edits. */
      readonly intended: Node | undefined;
      /** False when a literal's value took part in the decision, so the draft fits this very text only. */
      readonly reusable: boolean;
    }
  | {
      readonly kind: 'refuse';
      readonly refusal: Refusal;
      readonly facts: PlanFacts;
      readonly reusable: boolean;
      /** Refused until this token is verified. */
      readonly awaitsToken?: string | undefined;
    };

/** The rewritten text may be longer than what a client may send. */
const verifyLimits: SqlLimits = {
  statementBytes: 64 * 1024 * 1024,
  tokens: 8_000_000,
  nesting: 10_000,
  operatorChain: 1_000_000,
};

/** The outcome of enforce(): the plan, and the draft that gives the plan of every other text of the shape. */
export interface Enforcement {
  readonly plan: Plan;
  readonly draft: PlanDraft;
}

/**
 * Plans one statement, verification included.
 * Returns a refusal for everything that is not understood; throws only for bugs.
 */
export function enforce(
  statement: ParsedStatement,
  session: SessionFacts,
  context: EnforceContext,
  parser: Pick<Parser, 'parse'>,
): Enforcement {
  const draft = draftPlan(statement, session, context, parser);
  const plan = finishPlan(draft, statement.lexed, statement.firstToken, statement.endToken);
  if (plan.kind === 'refuse' || draft.kind === 'refuse' || draft.intended === undefined)
    return { plan, draft };
  const outcome = parseRewritten(plan.sql, (lexed) => parser.parse(lexed));
  return { plan: verified(plan, outcome, draft.intended), draft };
}

/** Lexes and parses a text that enforce() made. */
export function parseRewritten<T>(sql: ByteString, parse: (lexed: LexedText) => T): T | ParseOutcome {
  const outcome = lex(sql, verifyLimits);
  return outcome.ok ? parse(outcome.lexed) : outcome;
}

/** The plan, or a refusal when the text that would run does not read as intended. */
export function verified(plan: Plan, outcome: ParseOutcome, intended: Node): Plan {
  if (readsAsIntended(outcome, intended)) return plan;
  // FAIL-CLOSED: whatever the reason, a text that was not understood does not run.
  const refusal = refuse('rewrite-mismatch', {
    message: 'the statement could not be rewritten safely',
    detail: 'its rewritten form does not parse to the intended statement; it has not run',
    hint: 'this is a bug of pgveil: please report the shape of the statement',
    rule: 'pgveil:verify',
  });
  return { kind: 'refuse', refusal, facts: plan.facts };
}

/** Makes the text of a draft for one query text of its shape. The tokens are the statement's. */
export function finishPlan(draft: PlanDraft, lexed: LexedText, first: number, end: number): Plan {
  if (draft.kind === 'refuse') return { kind: 'refuse', refusal: draft.refusal, facts: draft.facts };
  const kept: number[] = [];
  const sql = applyEdits(lexed, first, end, draft.edits, kept) as EnforcedSql;
  return { kind: draft.rewritten ? 'rewrite' : 'forward', sql, facts: draft.facts, kept };
}

/** Decides and rewrites, without making the text. */
export function draftPlan(
  statement: ParsedStatement,
  session: SessionFacts,
  context: EnforceContext,
  parser: Pick<Parser, 'parse'>,
): PlanDraft {
  const kind = Object.keys(statement.node)[0] ?? '';
  const rule = statementRule(kind);
  const fields = forbiddenFields(context, session.role, session.purpose);
  const basic = emptyFacts(rule?.command ?? 'UNKNOWN', fields);
  if (rule === undefined || rule.rule === 'refuse') {
    return refused(statementRefusal(rule?.command ?? kind, rule?.why), basic);
  }
  const parts = readStatement(statement.node, session);
  if (!parts.ok) {
    const draft = refused(parts.refusal, basic, parts.reusable);
    return draft.kind === 'refuse' ? { ...draft, awaitsToken: parts.awaitsToken } : draft;
  }
  // FAIL-CLOSED: what it leaves on the server would be the next client's.
  const shared = session.standing?.sharedServer === true ? serverSessionNeed(statement.node) : undefined;
  if (shared !== undefined) return refused(shared, basic, false);
  const cursors = parts.body === undefined ? [] : cursorsOf(parts.body);
  const facts: PlanFacts = { ...basic, effect: parts.effect, ...(cursors.length === 0 ? {} : { cursors }) };
  const gap = session.standing?.gap;
  // FAIL-CLOSED: nobody acts, so there is nobody to decide for.
  if (gap !== undefined && !needsNobody(rule.rule, parts.touchesData) && !isTrivialQuery(statement.node))
    return refused(claimMissing(gap, session.standing?.rule), basic);
  if (!parts.touchesData) {
    const { firstToken: first, endToken: end } = statement;
    return {
      kind: 'edit',
      edits: parts.sql === undefined ? [] : [{ first, end, pieces: [parts.sql] }],
      rewritten: false,
      facts,
      intended: undefined,
      reusable: parts.reusable,
    };
  }
  const shape = unsupportedShape(statement.node);
  if (shape !== undefined) return refused(shape, facts);
  const outcome = resolve(statement, context.catalog, session.searchPath);
  if (!outcome.ok) return resolveRefusal(outcome.problem, facts);
  return draftQuery(outcome.resolved, session, context, parser, facts);
}

function draftQuery(
  resolved: ResolvedStatement,
  session: SessionFacts,
  context: EnforceContext,
  parser: Pick<Parser, 'parse'>,
  before: PlanFacts,
): PlanDraft {
  const tables = [...new Set(resolved.relations.map((use) => `${use.relation.schema}.${use.relation.name}`))];
  // What is refused runs all the same where it is only observed.
  const reached = context.policy.mode === 'observe' ? { subjectTables: tables } : {};
  const open = hasOpenNames(resolved) ? { openNames: true } : {};
  const withTables: PlanFacts = { ...before, tables, ...reached, ...open };
  const calls = columnCalls(resolved, context.catalog);
  const functions = checkFunctions(resolved, context.catalog, context.policy, calls);
  if (!functions.ok) return refused(functions.refusal, withTables);
  const relations = decideRelations(resolved, session, context);
  if (!relations.ok) return refused(relations.refusal, { ...withTables, protectedData: true });
  const involved = new Map([...relations.guarded, ...relations.written]);
  const facts = dataFacts(resolved, involved, withTables, session, context);
  const reading = readColumns(resolved, involved, context.catalog);
  const writes = writesOf(resolved.statement.node);
  const callsOpened = needsListed(resolved, context.catalog, context.policy, calls);
  const subjects = subjectFacts(resolved, { involved, writes, callsOpened });
  const full: PlanFacts = {
    ...facts,
    // Nobody has looked into a function that the policy opens: it may read tables of its own.
    protectedData: facts.protectedData || callsOpened,
    subjectTables: subjects.subjectTables,
    columns: reading.columns,
    maskedLabels: reading.maskedLabels,
    ...(reading.lookups > 0 && { lookups: reading.lookups }),
  };
  if (reading.refusal !== undefined) return refused(reading.refusal, full);
  const system = refusedSystemColumn(resolved, involved, context.catalog);
  if (system !== undefined) return refused(system, full);
  const rejected = rejectedWrite(resolved, relations.written);
  if (rejected !== undefined) return refused(rejected, full);
  const constrained = constrainedWrite(resolved, relations.written, writes, {
    catalog: context.catalog,
    decide: (relation) => decideBase(relation, session, context.policy),
    parse: textParser(parser),
  });
  if (constrained !== undefined) return refused(constrained, full);
  const stateful = statefulCalls(
    resolved,
    relations.guarded,
    relations.written,
    context.catalog,
    context.policy,
  );
  if (stateful.refusal !== undefined) return refused(stateful.refusal, full);
  const rewrite = rewriteStatement({
    resolved,
    guarded: relations.guarded,
    written: relations.written,
    writes,
    actor: session.actor,
    fenced: stateful.fenced,
    qualifyFunctions: functions.qualify,
    blankCalls: functions.blank,
    columnCalls: calls,
    parseFromItem: fromItemParser(parser, verifyLimits),
    parseSelect: selectParser(parser, verifyLimits),
  });
  if (!rewrite.ok) {
    const refusal = refuse('shape-not-supported', {
      message: `${rewrite.reason} cannot be read by governed sessions`,
      detail: 'this form cannot be masked or filtered safely',
      hint: rewrite.hint,
      rule: 'pgveil:shapes',
    });
    return refused(refusal, full, rewrite.readsLiterals !== true);
  }
  const { node } = resolved.statement;
  const edit = {
    kind: 'edit' as const,
    edits: rewrite.edits,
    rewritten: involved.size > 0,
    facts: { ...full, ...subjects },
    intended: rewrite.intended.root,
    reusable: !rewrite.readsLiterals && (subjects.subjects === undefined || !copyReadsLiterals(node)),
  };
  if (!('ExplainStmt' in node)) return edit;
  const parse = queryParser(parser, verifyLimits);
  const answer = explained(resolved, node.ExplainStmt, relations, rewrite, full, parse);
  if (!answer.ok) return refused(answer.refusal, full, false);
  // The options may be literals, which decided.
  return {
    ...edit,
    edits: answer.edits,
    facts: { ...full, outputs: undefined },
    reusable: false,
  };
}

function dataFacts(
  resolved: ResolvedStatement,
  guarded: ReadonlyMap<number, ProtectedDecision>,
  before: PlanFacts,
  session: SessionFacts,
  context: EnforceContext,
): PlanFacts {
  const rules = new Set<string>();
  let consent: PlanFacts['consent'];
  for (const decision of guarded.values()) {
    for (const rule of decision.rules) rules.add(rule);
    for (const guard of decision.guards) {
      rules.add(guard.rule);
      if (guard.kind !== 'consent') continue;
      consent = { purpose: guard.purposeValue, source: `${guard.source.schema}.${guard.source.name}` };
    }
  }
  const purpose = context.policy.purposes.get(session.purpose);
  if (consent === undefined && guarded.size > 0 && purpose?.consentPurpose !== undefined) {
    consent = { purpose: purpose.consentPurpose, source: purpose.consentSource ?? '' };
  }
  return {
    ...before,
    protectedData: guarded.size > 0,
    rules: [...rules],
    consent,
    outputs: outputExposures(resolved, guarded),
    bigintParameters: guarded.size === 0 ? [] : bigintParameters(resolved),
    ...(isSilent(resolved.statement.node) && { silent: true }),
  };
}

function refused(refusal: Refusal, facts: PlanFacts, reusable = true): PlanDraft {
  return { kind: 'refuse', refusal, facts: { ...facts, rules: [...facts.rules, refusal.rule] }, reusable };
}

function statementRefusal(command: string, why: string | undefined): Refusal {
  return refuse('statement-not-allowed', {
    message: `${command} is not open to governed sessions`,
    detail: why ?? 'this version does not know the statement',
    hint: 'use an exempt session for it',
    rule: 'pgveil:statements',
  });
}

function resolveRefusal(
  problem: Extract<ReturnType<typeof resolve>, { ok: false }>['problem'],
  facts: PlanFacts,
): PlanDraft {
  switch (problem.kind) {
    case 'unknown-relation': {
      const name = problem.schema === undefined ? problem.name : `${problem.schema}.${problem.name}`;
      const refusal = refuse('unknown-relation', {
        message: `relation "${name}" does not exist`,
        detail: 'pgveil does not find it in the catalog under this search_path',
        hint: 'check the spelling; a table created a moment ago is known after the next refresh',
        rule: 'pgveil:names',
      });
      return refused(refusal, facts, false);
    }
    case 'ambiguous-name':
    case 'unsupported': {
      const what = problem.kind === 'unsupported' ? problem.what : `the ambiguous name "${problem.name}"`;
      const refusal = refuse('shape-not-supported', {
        message: `${what} is not understood`,
        detail: "pgveil refuses what it cannot follow by PostgreSQL's rules",
        hint: 'write the statement in a simpler form, with aliases for every table',
        rule: 'pgveil:names',
      });
      return refused(refusal, facts, false);
    }
  }
}
