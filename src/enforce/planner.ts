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
import { auditText, shapeId } from '../sql/shape.js';
import { sqlcommenterTags } from '../sql/sqlcommenter.js';
import type { LexedText, ParsedStatement, ParseOutcome, SqlLimits } from '../sql/types.js';
import { createDescriber } from './describe.js';
import { draftPlan, enforce, finishPlan, parseRewritten, type PlanDraft, verified } from './enforce.js';
import { epochOf } from './epoch.js';
import { problemPlan, refusedText } from './problem-plan.js';
import { refuse } from './refusals.js';
import type { EnforceContext, Plan, Planner, QueryPlan, SessionFacts } from './types.js';

export interface PlannerOptions {
  readonly parser: Parser;
  readonly limits: SqlLimits;
  /** Entries of each cache. */
  readonly cacheEntries?: number;
}

/** One statement of a cached shape. */
interface ShapePart {
  readonly draft: PlanDraft;
  readonly firstToken: number;
  readonly endToken: number;
}

interface ShapeEntry {
  readonly parts: readonly ShapePart[];
  readonly auditText: string;
  readonly shapeId: string;
}

/** Texts beyond this length are planned each time: they would fill the cache and are rarely sent twice. */
const cachedTextBytes = 16 * 1024;

/** Masks and guards may add this much to one query text; each kilobyte costs about a millisecond of everybody's time. */
const maxGrowthBytes = 2 * 1024 * 1024;

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
    if (!outcome.ok) return problemPlan(outcome.problem, session, context, epoch);
    const { lexed } = outcome;
    const tags = Object.fromEntries(sqlcommenterTags(lexed.trailingComment));
    const shapeKey = `${epoch}\0${lexed.shape}`;
    const entry = shapes.get(shapeKey);
    if (entry !== undefined) {
      const plans = entry.parts.map((part) => finishPlan(part.draft, lexed, part.firstToken, part.endToken));
      const { auditText: audited, shapeId: shape } = entry;
      const hit: QueryPlan = { plans, auditText: audited, shapeId: shape, tags, cache: 'hit', epoch };
      // The tags were read from this very text, so the entry fits it alone, and it is a hit from now on.
      if (textKey !== undefined) texts.set(textKey, hit);
      return hit;
    }
    const keep = (result: Planned): QueryPlan => {
      const fresh: QueryPlan = {
        plans: result.plans,
        auditText: auditText(lexed),
        shapeId: shapeId(lexed),
        tags,
        cache: 'miss',
        epoch,
      };
      if (result.parts.every((part) => part.draft.reusable) && textKey !== undefined && result.sound) {
        shapes.set(shapeKey, { parts: result.parts, auditText: fresh.auditText, shapeId: fresh.shapeId });
        texts.set(textKey, { ...fresh, cache: 'hit' });
      }
      return fresh;
    };
    if (parser.needsWorker(lexed)) {
      return planLarge(lexed, session, context, parser).then((result) =>
        'problem' in result ? problemPlan(result.problem, session, context, epoch, lexed) : keep(result),
      );
    }
    const parsed = parser.parse(lexed);
    if (!parsed.ok) return problemPlan(parsed.problem, session, context, epoch, lexed);
    return keep(planSmall(parsed.statements, session, context, parser));
  }

  return {
    plan,
    epoch: epochOf,
    describe: (sql) => describe(fromBytes(sql)),
  };
}

interface Planned {
  readonly plans: readonly Plan[];
  readonly parts: readonly ShapePart[];
  /** Every rewritten text was parsed again and read as intended. */
  readonly sound: boolean;
}

type Statements = Extract<ParseOutcome, { ok: true }>['statements'];

function planSmall(
  statements: Statements,
  session: SessionFacts,
  context: EnforceContext,
  parser: Parser,
): Planned {
  const plans: Plan[] = [];
  const parts: ShapePart[] = [];
  let facts = session;
  let sound = true;
  let growth = 0;
  for (const statement of statements) {
    if (growth > maxGrowthBytes) {
      plans.push(tooMuch(facts, context));
      return { plans, parts, sound: false };
    }
    const { plan, draft } = enforce(statement, facts, context, parser);
    growth += growthOf(plan, statement);
    if (plan.kind === 'refuse' && draft.kind === 'edit') sound = false;
    plans.push(plan);
    parts.push(partOf(statement, draft));
    facts = after(facts, draft);
  }
  return { plans, parts, sound };
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
  const plans: Plan[] = [];
  const parts: ShapePart[] = [];
  let facts = session;
  let growth = 0;
  for (const statement of parsed.statements) {
    if (growth > maxGrowthBytes) {
      plans.push(tooMuch(facts, context));
      break;
    }
    const draft = draftPlan(statement, facts, context, parser);
    let plan = finishPlan(draft, lexed, statement.firstToken, statement.endToken);
    if (plan.kind !== 'refuse' && draft.kind === 'edit' && draft.intended !== undefined) {
      const outcome = await parseRewritten(plan.sql, (again) => parser.parseLarge(again));
      plan = verified(plan, outcome, draft.intended);
    }
    growth += growthOf(plan, statement);
    plans.push(plan);
    parts.push(partOf(statement, draft));
    facts = after(facts, draft);
  }
  return { plans, parts, sound: false };
}

/** What the masks and guards added to the client's text. */
function growthOf(plan: Plan, { lexed, firstToken, endToken }: ParsedStatement): number {
  if (plan.kind !== 'rewrite' || endToken <= firstToken) return 0;
  return plan.sql.length - (lexed.tokens.end(endToken - 1) - lexed.tokens.start(firstToken));
}

/** FAIL-CLOSED: the statements behind this one are not planned, and the first refusal ends a query text anyway. */
function tooMuch(session: SessionFacts, context: EnforceContext): Plan {
  const refusal = refuse('statement-too-large', {
    message: 'the statements of this query text read protected tables too often',
    detail: 'masking and filtering them would make the text too large',
    hint: 'send the statements in several query texts',
    rule: 'pgveil:sql',
  });
  return refusedText(refusal, session, context);
}

/** A SET search_path counts for the statements behind it in the same text. */
function after(session: SessionFacts, draft: PlanDraft): SessionFacts {
  const { effect } = draft.facts;
  if (effect?.kind !== 'set-search-path' || effect.path === undefined) return session;
  return { ...session, searchPath: effect.path };
}

/** What a cache keeps of a draft. The intended tree has done its work; a cache must not hold it. */
function partOf({ firstToken, endToken }: ParsedStatement, draft: PlanDraft): ShapePart {
  return {
    draft: draft.kind === 'edit' ? { ...draft, intended: undefined } : draft,
    firstToken,
    endToken,
  };
}
