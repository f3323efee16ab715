/**
 * The statements of one text in a row: what each is planned for when those before it have run. The server skips the rest
 * of a text behind a failure, so each may take it that those before it succeed.
 */
import type { ParsedStatement } from '../sql/types.js';
import type { PlanDraft } from './enforce.js';
import { afterStatement } from './claims.js';
import { epochOf } from './epoch.js';
import { refusedText } from './problem-plan.js';
import { refuse } from './refusals.js';
import type { EnforceContext, Plan, PlannedFor, SessionEffect, SessionFacts } from './types.js';

/** One statement of a cached shape. */
export interface ShapePart {
  readonly draft: PlanDraft;
  readonly firstToken: number;
  readonly endToken: number;
}

export interface Planned {
  readonly plans: readonly Plan[];
  readonly parts: readonly ShapePart[];
  /** Undefined: each for the session as it is now, whatever its transaction has set. */
  readonly plannedFor: readonly PlannedFor[] | undefined;
  /** Every rewritten text was parsed again and read as intended. */
  readonly sound: boolean;
  readonly awaitsToken: string | undefined;
}

/** Masks and guards may add this much to one query text; each kilobyte costs about a millisecond of everybody's time. */
const maxGrowthBytes = 2 * 1024 * 1024;

export class TextRun {
  /** Whom the next statement is planned for. */
  session: SessionFacts;
  private readonly context: EnforceContext;
  private readonly plans: Plan[] = [];
  private readonly parts: ShapePart[] = [];
  private readonly sessions: SessionFacts[] = [];
  private readonly first: SessionFacts;
  private awaitsToken: string | undefined;
  private sound = true;
  private growth = 0;
  private cut = false;

  constructor(session: SessionFacts, context: EnforceContext) {
    this.session = session;
    this.first = session;
    this.context = context;
  }

  /** No statement more may be planned; the last plan says why. */
  get full(): boolean {
    if (this.growth <= maxGrowthBytes) return false;
    if (!this.cut) {
      this.cut = true;
      this.sessions.push(this.session);
      this.plans.push(tooMuch(this.session, this.context));
    }
    return true;
  }

  add(statement: ParsedStatement, plan: Plan, draft: PlanDraft): void {
    this.growth += growthOf(plan, statement);
    if (plan.kind === 'refuse' && draft.kind === 'edit') this.sound = false;
    if (draft.kind === 'refuse') this.awaitsToken ??= draft.awaitsToken;
    this.plans.push(plan);
    this.parts.push(partOf(statement, draft));
    this.sessions.push(this.session);
    this.session = afterStatement(this.session, plan.facts.effect);
  }

  planned(cacheable = true): Planned {
    const { plans, parts, sessions, first, awaitsToken } = this;
    const changed = sessions.some((one) => one !== first) || this.dependsOnTransaction();
    const plannedFor = changed
      ? sessions.map((session) => ({ session, epoch: epochOf(session, this.context) }))
      : undefined;
    return { plans, parts, plannedFor, awaitsToken, sound: this.sound && cacheable && !this.cut };
  }

  /**
   * What such a text goes back to is not part of the epoch, so it is no key of it. Only claims matter: relations are
   * written with their schema, whatever the search_path.
   */
  private dependsOnTransaction(): boolean {
    return (
      this.first.standing?.rule?.claims !== undefined &&
      this.plans.length > 1 &&
      this.plans.some(({ facts: { effect } }) => goesBack(effect))
    );
  }
}

function goesBack(effect: SessionEffect | undefined): boolean {
  if (effect?.kind === 'transaction') return effect.what !== 'begin';
  return effect?.kind === 'set' || effect?.kind === 'discard-all';
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

/** What a cache keeps of a draft. The intended tree has done its work; a cache must not hold it. */
function partOf({ firstToken, endToken }: ParsedStatement, draft: PlanDraft): ShapePart {
  return {
    draft: draft.kind === 'edit' ? { ...draft, intended: undefined } : draft,
    firstToken,
    endToken,
  };
}
