/**
 * Whose result a RowDescription is, so that the guard checks it against the right facts, and whether one has been checked
 * before rows come without. It knows the session's names; what is forbidden stands in the facts.
 */
import { toByteString } from '../wire/byte-string.js';
import { type Answer, currentRun } from './answers.js';
import type { Prepared } from './prepared.js';
import type { SessionState } from './session-state.js';
import type { StatementRun } from './statement-run.js';

/** A RowDescription of what the portal returns has passed the guard, or comes before its first row. */
export function isGuarded(portal: string, run: StatementRun, state: SessionState): boolean {
  const facts = run.facts!;
  if (facts.forbiddenFields.size === 0 || run.record.decision === 'observe') return true;
  // What EXECUTE and FETCH return may be another's each time.
  if (facts.effect?.kind === 'execute' || facts.effect?.kind === 'fetch') return false;
  const guard = state.portals.expected(portal)?.prepared.guard;
  return guard === undefined || guard.passed || guard.asked === state.batch;
}

/** What a Describe was about. */
export function described(
  { target, name }: Extract<Answer, { kind: 'describe' }>,
  state: SessionState,
): Prepared | undefined {
  const { statements, portals } = state;
  return target === 'statement' ? statements.actual(name) : portals.actual(name)?.prepared;
}

/** Whose result a RowDescription is: the facts and how they were decided. */
export function shownBy(
  head: Answer | undefined,
  state: SessionState,
): Pick<Prepared, 'facts' | 'decision'> | undefined {
  if (head?.kind === 'query') {
    const run = currentRun(head);
    return run === undefined ? undefined : { facts: run.source, decision: run.record.decision };
  }
  if (head?.kind !== 'describe') return undefined;
  const { statements, portals } = state;
  const prepared = described(head, state);
  const effect = prepared?.facts?.effect;
  if (effect?.kind === 'execute') return statements.actual(toByteString(effect.name));
  if (effect?.kind === 'fetch') return portals.actual(toByteString(effect.name))?.prepared;
  return prepared;
}
