/**
 * From the bytes of a Query or Parse message to a plan: lex, look up, parse, enforce.
 *
 * Two caches, both keyed by the epoch (policy, catalog, role, purpose, attributes, search_path) and never by the parser's
 * fingerprint, under which `customers` and `public.customers` are one (DESIGN 3): by exact text, which spares the lexer,
 * and by shape, where the literals differ and the edits are spliced again.
 */
import { LRUCache } from 'lru-cache';
import { fromBytes } from '../sql/byte-string.js';
import { lex } from '../sql/lexer.js';
import type { Parser } from '../sql/parse.js';
import { type StatementShape, statementShape, statementShapes } from '../sql/shape.js';
import { sqlcommenterTags } from '../sql/sqlcommenter.js';
import type { LexedText, ParseOutcome, SqlLimits, SqlProblem } from '../sql/types.js';
import { createDescriber } from './describe.js';
import { draftPlan, enforce, finishPlan, parseRewritten, verified } from './enforce.js';
import { epochOf } from './epoch.js';
import { problemPlan } from './problem-plan.js';
import { type Planned, type ShapePart, TextRun } from './text-run.js';
import type { EnforceContext, Planner, QueryPlan, SessionFacts } from './types.js';

export interface PlannerOptions {
  readonly parser: Parser;
  readonly limits: SqlLimits;
  /** Entries of each cache. */
  readonly cacheEntries?: number;
}

interface ShapeEntry extends StatementShape {
  readonly parts: readonly ShapePart[];
  readonly shapes: QueryPlan['shapes'];
}

/** Texts beyond this length are planned each time: they would fill the cache and are rarely sent twice. */
const cachedTextBytes = 16 * 1024;

/** Also with quotes and blanks between; the lexer has replaced comments by blanks. */
const TOKEN_NAME = /pgveil"?\s*\.\s*"?token/i;
/** INVARIANT(token-stays): such a text may hold a token where no literal stands, as "quoted" names do. */
const TOKEN_TEXT = 'SET pgveil.token = ?';

function namesToken(text: string): boolean {
  return TOKEN_NAME.test(text);
}

export function createPlanner({ parser, limits, cacheEntries = 5_000 }: PlannerOptions): Planner {
  const texts = new LRUCache<string, QueryPlan>({ max: cacheEntries });
  const shapes = new LRUCache<string, ShapeEntry>({ max: cacheEntries });
  const describe = createDescriber(limits, cacheEntries);

  function plan(
    sql: Uint8Array,
    session: SessionFacts,
    context: EnforceContext,
  ): QueryPlan | Promise<QueryPlan> {
    const epoch = epochOf(session, context);
    const text = fromBytes(sql);
    const textKey = text.length <= cachedTextBytes ? `${epoch}\0${text}` : undefined;
    const known = textKey === undefined ? undefined : texts.get(textKey);
    if (known !== undefined) return known;
    const outcome = lex(text, limits);
    if (!outcome.ok) return problemPlan(outcome.problem, text, session, context, epoch);
    const { lexed } = outcome;
    const tags = Object.fromEntries(sqlcommenterTags(lexed.trailingComment));
    const shapeKey = `${epoch}\0${lexed.shape}`;
    const entry = shapes.get(shapeKey);
    if (entry !== undefined) {
      const plans = entry.parts.map((part) => finishPlan(part.draft, lexed, part.firstToken, part.endToken));
      const { auditText, shapeId, shapes: each } = entry;
      const hit: QueryPlan = { plans, text, auditText, shapeId, shapes: each, tags, cache: 'hit', epoch };
      // The tags were read from this very text, so the entry fits it alone, and it is a hit from now on.
      if (textKey !== undefined) texts.set(textKey, hit);
      return hit;
    }
    const keep = (result: Planned): QueryPlan => {
      const fresh: QueryPlan = {
        plans: result.plans,
        text,
        ...statementShape(lexed),
        shapes: result.parts.length > 1 ? statementShapes(lexed, result.parts) : undefined,
        tags,
        cache: 'miss',
        epoch,
      };
      const { plannedFor } = result;
      if (namesToken(lexed.text)) {
        const { awaitsToken } = result;
        const told = { auditText: TOKEN_TEXT, shapes: undefined, tags: {} };
        return { ...fresh, ...told, secret: true, plannedFor, awaitsToken };
      }
      if (plannedFor !== undefined) return { ...fresh, plannedFor };
      if (result.parts.every((part) => part.draft.reusable) && textKey !== undefined && result.sound) {
        const { auditText, shapeId, shapes: each } = fresh;
        shapes.set(shapeKey, { parts: result.parts, auditText, shapeId, shapes: each });
        texts.set(textKey, { ...fresh, cache: 'hit' });
      }
      return fresh;
    };
    const problem = (what: SqlProblem): QueryPlan => {
      const told = namesToken(lexed.text) ? { ...what, message: 'the text is not understood' } : what;
      const plan = problemPlan(told, text, session, context, epoch, lexed);
      return namesToken(lexed.text) ? { ...plan, auditText: TOKEN_TEXT, tags: {}, secret: true } : plan;
    };
    if (parser.needsWorker(lexed)) {
      return planLarge(lexed, session, context, parser).then((result) =>
        'problem' in result ? problem(result.problem) : keep(result),
      );
    }
    const parsed = parser.parse(lexed);
    if (!parsed.ok) return problem(parsed.problem);
    return keep(planSmall(parsed.statements, session, context, parser));
  }

  return {
    plan,
    epoch: epochOf,
    describe: (sql) => {
      const seen = describe(fromBytes(sql));
      return namesToken(seen.auditText) ? { ...seen, auditText: TOKEN_TEXT, tags: {} } : seen;
    },
  };
}

type Statements = Extract<ParseOutcome, { ok: true }>['statements'];

function planSmall(
  statements: Statements,
  session: SessionFacts,
  context: EnforceContext,
  parser: Parser,
): Planned {
  const run = new TextRun(session, context);
  for (const statement of statements) {
    if (run.full) return run.planned(false);
    const { plan, draft } = enforce(statement, run.session, context, parser);
    run.add(statement, plan, draft);
  }
  return run.planned();
}

/** As planSmall, with every parse of the client's or of our text awaited in the worker. */
async function planLarge(
  lexed: LexedText,
  session: SessionFacts,
  context: EnforceContext,
  parser: Parser,
): Promise<Planned | Extract<ParseOutcome, { ok: false }>> {
  const parsed = await parser.parseLarge(lexed);
  if (!parsed.ok) return parsed;
  const run = new TextRun(session, context);
  for (const statement of parsed.statements) {
    if (run.full) break;
    const draft = draftPlan(statement, run.session, context, parser);
    let plan = finishPlan(draft, lexed, statement.firstToken, statement.endToken);
    if (plan.kind !== 'refuse' && draft.kind === 'edit' && draft.intended !== undefined) {
      const outcome = await parseRewritten(plan.sql, (again) => parser.parseLarge(again));
      plan = verified(plan, outcome, draft.intended);
    }
    run.add(statement, plan, draft);
  }
  return run.planned(false);
}
