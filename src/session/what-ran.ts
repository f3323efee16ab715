/**
 * Which statement an exempt session's Execute has run. Its messages are not held back, so what a name means is a guess
 * when they are sent: behind a failure the server skips messages that would have changed it. The answers tell. It knows
 * names and records, no messages; sessions that are governed wait instead (NameTable.unsettled).
 */
import type { Answer } from './answers.js';
import type { Portal, Prepared } from './prepared.js';
import type { SessionState } from './session-state.js';
import { currentRun } from './answers.js';

/** Made by SQL's PREPARE or DECLARE, which nobody follows in an exempt session. */
export const unknownPrepared: Prepared = {
  text: { auditText: '', shapeId: '', tags: {} },
  command: 'UNKNOWN',
  decision: 'forward',
  facts: undefined,
  epoch: '',
  acting: '',
  parse: undefined,
  guard: { passed: true, asked: 0 },
};

/** The portal that the server has made, of the statement that the name stood for then. */
export function boundPortal(
  { statement, change }: Extract<Answer, { kind: 'bind' }>,
  { statements }: SessionState,
): Portal | undefined {
  return change.value && { ...change.value, prepared: statements.actual(statement) ?? unknownPrepared };
}

/**
 * INVARIANT(ran-is-named): sets the record of the Execute that is answered right before its event is written. Its intent
 * may have named a neighbour.
 */
export function nameWhatRan(head: Answer | undefined, { portals }: SessionState): void {
  const run = currentRun(head);
  if (head?.kind !== 'execute' || run === undefined || run.finished) return;
  const { text, command } = portals.actual(head.portal)?.prepared ?? unknownPrepared;
  if (run.record.auditText === text.auditText && run.record.command === command) return;
  const { auditText, shapeId, tags } = text;
  run.record = { ...run.record, auditText, shapeId, tags, command };
}
