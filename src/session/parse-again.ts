/**
 * Sends a prepared statement's text to the server once more, because policy or catalog have changed since its Parse, or
 * because the server session is another one. It knows one name at a time, and no portals.
 */
import { emptyFacts } from '../enforce/empty-facts.js';
import type { PlanFacts, QueryPlan, Refusal } from '../enforce/types.js';
import type { Verdict } from '../wire/framer.js';
import { type LentStatements, unnamedParse } from './lent-statements.js';
import { closeStatementFrame, parseFrame } from './messages.js';
import type { Prepared } from './prepared.js';
import { preparedFromPlan } from './prepared-from-plan.js';
import { refusals } from './refusals.js';
import type { Refuser } from './refuser.js';
import type { SessionState } from './session-state.js';
import type { TextFacts } from './statement-run.js';
import type { TextPlanner } from './text-planner.js';

export type ParsedAgain =
  | { readonly ok: true; readonly value: Prepared; readonly frames: readonly Buffer[] }
  /** The message that needed it is held, or refused. */
  | { readonly ok: false; readonly verdict: Verdict };

export interface ParseAgainPorts {
  readonly state: SessionState;
  readonly planner: TextPlanner;
  readonly refuse: Refuser;
  readonly lent: LentStatements;
  observes(plan: QueryPlan): boolean;
}

/** The client's own text is planned again and takes the old one's place. */
export function parseAgain(name: string, old: Prepared, to: ParseAgainPorts): ParsedAgain {
  const refused = (refusal: Refusal, text: TextFacts, facts: PlanFacts): ParsedAgain => ({
    ok: false,
    verdict: to.refuse.extended(refusal, text, facts),
  });
  const { parse } = old;
  if (parse === undefined)
    return refused(refusals.stalePrepared(), old.text, old.facts ?? emptyFacts(old.command));
  const plan = to.planner.plan(parse.sql);
  if (plan === 'hold') return { ok: false, verdict: 'hold' };
  const { acting } = to.planner.stance();
  const observed = to.observes(plan);
  const again = preparedFromPlan(plan, parse.sql, parse.parameterTypes, observed, acting);
  if (!again.ok) return refused(again.refusal, plan, again.facts);
  const closed = to.planner.closedParameter(parse.parameterTypes, again.value.facts!);
  if (closed !== undefined) return refused(closed, plan, again.value.facts!);
  // The same plan again: what the guard has seen of it holds.
  const value = again.value.epoch === old.epoch && again.value.acting === old.acting ? old : again.value;
  const { answers, statements, batch, sharedServer } = to.state;
  const frames: Buffer[] = [];
  // An unnamed statement gives way by itself.
  if (!sharedServer) {
    const gone = statements.announce(name, undefined, batch);
    answers.push({ kind: 'close', statement: gone, portal: undefined, swallow: true });
    frames.push(closeStatementFrame(name));
  }
  const change = statements.announce(name, value, batch);
  answers.push({ kind: 'parse', change, swallow: true, poison: undefined, run: undefined });
  to.lent.parsed(value);
  frames.push(
    observed
      ? unnamedParse(parse.sql, parse.parameterTypes)
      : parseFrame(to.lent.nameOf(name), again.sql, parse.parameterTypes),
  );
  return { ok: true, value, frames };
}
