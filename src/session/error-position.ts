/** Which text an error's position counts in: that of the message it answers. It computes nothing itself. */
import type { Plan, QueryPlan } from '../enforce/types.js';
import type { PositionMap } from '../guard/errors.js';
import { characters, clientPosition } from '../guard/position.js';
import type { Answer } from './answers.js';

/** Undefined where the position counts in no text that the client has sent. */
export function positionsOf(head: Answer | undefined): PositionMap | undefined {
  if (head?.kind !== 'query' && head?.kind !== 'parse') return undefined;
  const { plan } = head;
  if (plan === undefined) return undefined;
  if (head.kind === 'parse')
    return (position) => (plan.plans.length === 1 ? inStatement(position, plan.plans[0], plan) : undefined);
  if (head.counted === true) return (position) => inStatement(position, plan.plans[head.at], plan);
  return (position) => inJoined(position, plan, head.runs.length);
}

/** The statements of a Query went as one text, with semicolons between them. */
function inJoined(position: number, plan: QueryPlan, sent: number): number | undefined {
  let left = position;
  for (const one of plan.plans.slice(0, sent)) {
    // A refused statement went as another text, and it is the last.
    if (one.kind === 'refuse') return undefined;
    const length = characters(one.sql);
    if (left <= length) return inStatement(left, one, plan);
    left -= length + 1;
  }
  return undefined;
}

function inStatement(position: number, one: Plan | undefined, plan: QueryPlan): number | undefined {
  if (one === undefined || one.kind === 'refuse' || one.kept === undefined || plan.text === undefined)
    return undefined;
  return clientPosition(position, one.sql, plan.text, one.kept);
}
