/**
 * The start of governed statements: what each reads and changes, its audit intent, and the wait until that is safe.
 * It knows plans and the session's state, no messages.
 */
import type { SessionIdentity } from '../audit/types.js';
import { withoutNames } from '../enforce/doubtful-text.js';
import { unfollowed } from '../enforce/empty-facts.js';
import type { PlanFacts, QueryPlan, Refusal } from '../enforce/types.js';
import { announceEffect, readsOn, settleEffect, sourceOf } from './effects.js';
import type { Hold } from './hold.js';
import { isOwnName } from './own-names.js';
import { makePoison } from './poison.js';
import type { Portal, Prepared } from './prepared.js';
import { newMark } from './prepared-from-plan.js';
import { refusals } from './refusals.js';
import type { SessionState } from './session-state.js';
import type { RunDecision, RunLedger, StatementRun, TextFacts } from './statement-run.js';

/** A message whose statements have their intents, while the audit makes them safe. */
export interface Begun {
  readonly plan: QueryPlan | undefined;
  readonly runs: StatementRun[];
  /** It could not: the first of them, to be answered with the refusal. */
  refused: StatementRun | undefined;
}

/** Under what a statement is started. */
export interface Stance extends Pick<Prepared, 'epoch' | 'acting'> {
  readonly identity: SessionIdentity;
}

/** Of one statement of a plan, by its index. */
export type StanceOf = (plan: QueryPlan, index: number) => Stance;

export class StatementStarts {
  private readonly state: SessionState;
  private readonly ledger: RunLedger;
  private readonly hold: Hold;
  /** No row may be shown any more. */
  private readonly limits: (facts: PlanFacts, source: PlanFacts) => Refusal | undefined;
  private waiting: Begun | undefined;

  constructor(
    state: SessionState,
    ledger: RunLedger,
    hold: Hold,
    limits: (facts: PlanFacts, source: PlanFacts) => Refusal | undefined,
  ) {
    this.state = state;
    this.ledger = ledger;
    this.hold = hold;
    this.limits = limits;
  }

  /** What the message under way has begun before it had to wait; it is kept no longer. */
  take(): Begun | undefined {
    const begun = this.waiting;
    this.waiting = undefined;
    return begun;
  }

  /** The statements up to the first that is refused, each with its intent written. */
  ofPlan(plan: QueryPlan, observing: boolean, stanceOf: StanceOf): StatementRun[] {
    const runs: StatementRun[] = [];
    for (const one of plan.plans) {
      const refusal = one.kind === 'refuse' ? one.refusal : undefined;
      const decision: RunDecision = observing ? 'observe' : one.kind === 'refuse' ? 'deny' : one.kind;
      const why = observing ? undefined : refusal;
      const facts = observing && refusal !== undefined ? unfollowed(one.facts) : one.facts;
      const shape = plan.shapes?.[runs.length];
      const text = shape === undefined ? plan : { ...shape, tags: plan.tags };
      const run = this.begin(text, facts, decision, why, stanceOf(plan, runs.length));
      runs.push(run);
      if (run.poison !== undefined) break;
    }
    return runs;
  }

  begin(
    text: TextFacts,
    facts: PlanFacts,
    decision: RunDecision,
    refusal: Refusal | undefined,
    stance: Stance,
    portal?: Portal,
  ): StatementRun {
    const source = sourceOf(facts, this.state, stance);
    const own = source.ok
      ? ((portal === undefined ? undefined : readsOn(portal, source.of)) ??
        this.nameProblem(facts) ??
        this.limits(facts, source.facts))
      : source.refusal;
    const why = refusal ?? (decision === 'observe' ? undefined : own);
    const poison = why === undefined ? undefined : makePoison(why);
    const prepared: Prepared = {
      text,
      command: facts.command,
      decision,
      facts,
      epoch: stance.epoch,
      acting: stance.acting,
      parse: undefined,
      guard: newMark(),
    };
    const changes = poison === undefined ? announceEffect(facts.effect, prepared, this.state) : undefined;
    return this.ledger.begin({
      identity: stance.identity,
      text: source.ok ? textOfSource(text, source.of) : text,
      command: facts.command,
      decision: poison === undefined ? decision : 'deny',
      facts,
      source: source.ok ? source.facts : poison === undefined ? unfollowed(facts) : facts,
      poison,
      statementChange: changes?.statementChange,
      portalChange: changes?.portalChange,
    });
  }

  /** Why the name that the statement makes may not be. */
  private nameProblem({ effect }: PlanFacts): Refusal | undefined {
    if (effect?.kind !== 'prepare' && effect?.kind !== 'declare-cursor') return undefined;
    if (isOwnName(effect.name)) return refusals.ownName();
    return effect.kind === 'prepare' && this.state.preparedFull ? refusals.preparedFull() : undefined;
  }

  /** Strict durability: the message waits until the intents are on disk; when they cannot be, it is refused. */
  wait(begun: Begun): 'hold' | undefined {
    const waits: Promise<void>[] = [];
    for (const run of begun.runs) if (run.ticket.ready !== undefined) waits.push(run.ticket.ready);
    if (waits.length === 0) return undefined;
    this.waiting = begun;
    return this.hold.until(
      Promise.all(waits),
      () => undefined,
      () => {
        const refusal = refusals.auditUnavailable();
        for (const run of begun.runs) this.abandon(run, refusal);
        begun.refused = refusedAlready(begun.runs[0]!, refusal);
      },
    );
  }

  /**
   * INVARIANT(nothing-left-over): what was kept for a message that waited is for that message alone. An error that came
   * meanwhile may have had it dropped, and the next message must not run under its plan or its audit event.
   */
  release(): void {
    const begun = this.take();
    if (begun === undefined || begun.refused !== undefined) return;
    for (const run of begun.runs) {
      settleEffect(run, this.state, undefined);
      // It has not run, and the error may have been that its own text was not understood.
      run.record = { ...run.record, auditText: withoutNames(run.record.auditText) };
      this.ledger.finish(run, 'failure')?.catch(() => undefined);
    }
  }

  private abandon(run: StatementRun, refusal: Refusal): void {
    settleEffect(run, this.state, undefined);
    this.ledger.finish(run, 'refused', refusal.sqlstate, refusal)?.catch(() => undefined);
  }
}

/** INVARIANT(one-event): its event is written, and the answer to it makes no second one. */
function refusedAlready(run: StatementRun, refusal: Refusal): StatementRun {
  return { ...run, poison: makePoison(refusal), statementChange: undefined, portalChange: undefined };
}

/** EXECUTE and FETCH say nothing of what they run: their events name the text behind the name, with their own tags. */
function textOfSource(own: TextFacts, source: Prepared | Portal | undefined): TextFacts {
  if (source === undefined) return own;
  const { auditText, shapeId } = ('prepared' in source ? source.prepared : source).text;
  return { auditText, shapeId, tags: own.tags };
}
