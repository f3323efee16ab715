/** From the plan of a Parse's text to the prepared statement and what is sent for it. It knows no names and no order. */
import { emptyFacts, unfollowed } from '../enforce/empty-facts.js';
import type { EnforcedSql, PlanFacts, QueryPlan, Refusal } from '../enforce/types.js';
import type { GuardMark, Prepared } from './prepared.js';

/** The server refuses two commands in one Parse with 42601; so it does for these. */
const twoCommands = 'SELECT 1;SELECT 1' as unknown as EnforcedSql;

export type PreparedOutcome =
  | { readonly ok: true; readonly value: Prepared; readonly sql: EnforcedSql }
  | { readonly ok: false; readonly refusal: Refusal; readonly facts: PlanFacts };

/** The mark of a statement that the guard has not seen. */
export function newMark(): GuardMark {
  return { passed: false, asked: 0 };
}

export function preparedFromPlan(
  plan: QueryPlan,
  sql: Buffer,
  parameterTypes: readonly number[],
  observing: boolean,
  acting: string,
): PreparedOutcome {
  const one = plan.plans[0];
  if (one?.kind === 'refuse' && !observing && plan.plans.length === 1)
    return { ok: false, refusal: one.refusal, facts: one.facts };
  const known = one?.facts ?? emptyFacts('EMPTY');
  const followed = observing && one?.kind === 'refuse' ? unfollowed(known) : known;
  // Its text is that of all of them.
  const open = plan.plans.length > 1 && plan.plans.some((each) => each.facts.openNames === true);
  const facts = open ? { ...followed, openNames: true } : followed;
  const value: Prepared = {
    text: plan,
    command: facts.command,
    decision: observing ? 'observe' : one === undefined || one.kind === 'refuse' ? 'forward' : one.kind,
    facts,
    epoch: plan.epoch,
    acting,
    parse: { sql: Buffer.from(sql), parameterTypes },
    guard: newMark(),
  };
  if (plan.plans.length > 1) return { ok: true, value, sql: twoCommands };
  return {
    ok: true,
    value,
    sql: one === undefined || one.kind === 'refuse' ? ('' as EnforcedSql) : one.sql,
  };
}
