/**
 * Which statement an exempt session's Execute has run. Its messages are not held back, so what a name means is a guess
 * when they are sent: behind a failure the server skips messages that would have changed it. The answers tell. It knows
 * names and records, no messages; sessions that are governed wait instead (NameTable.unsettled).
 */
import type { Answer } from './answers.js';
import type { Portal } from './prepared.js';
import type { SessionState } from './session-state.js';
import type { TextFacts } from './statement-run.js';
import { currentRun } from './answers.js';
import { actualTarget, textThatRuns, unknownPrepared } from './exempt-names.js';

/** The portal that the server has made, of the statement that the name stood for then. */
export function boundPortal(
  { statement, change }: Extract<Answer, { kind: 'bind' }>,
  { statements }: SessionState,
): Portal | undefined {
  return change.value && { ...change.value, prepared: statements.actual(statement) ?? unknownPrepared };
}

/**
 * INVARIANT(ran-is-named): sets the record of the Execute or EXECUTE that is answered right before its event is written. Its
 * intent may have named a neighbour.
 */
export function nameWhatRan(head: Answer | undefined, state: SessionState): void {
  const run = currentRun(head);
  if (head === undefined || run === undefined || run.finished) return;
  const own = ownText(head, state);
  if (own === undefined) return;
  const { auditText, shapeId, tags } = textThatRuns(own.text, (use) => actualTarget(use, state));
  if (run.record.auditText === auditText && run.record.command === own.command) return;
  run.record = { ...run.record, auditText, shapeId, tags, command: own.command };
}

function ownText(
  head: Answer,
  { portals }: SessionState,
): { readonly text: TextFacts; readonly command: string } | undefined {
  if (head.kind === 'execute') return portals.actual(head.portal)?.prepared ?? unknownPrepared;
  if (head.kind !== 'query' || head.text?.runs === undefined) return undefined;
  return { text: head.text, command: currentRun(head)!.record.command };
}
