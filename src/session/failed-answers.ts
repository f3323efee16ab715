/** What becomes of statements that failed, and of those behind them that the server skips. It reads no messages. */
import { mayHoldValues, withoutNames } from '../enforce/doubtful-text.js';
import type { Refusal } from '../enforce/types.js';
import type { Answer } from './answers.js';
import { settleEffect } from './effects.js';
import type { SessionState } from './session-state.js';
import type { RunLedger, StatementRun } from './statement-run.js';

/** Ends the statement that failed, and those behind it that will not run. */
export function failedRuns(
  head: Answer | undefined,
  run: StatementRun | undefined,
  sqlstate: string,
  ledger: RunLedger,
  /** What the error of the first of them stands for. */
  why: Refusal | undefined,
): (Promise<void> | undefined)[] {
  const runs = head?.kind === 'query' ? head.runs.slice(head.at) : run === undefined ? [] : [run];
  return runs.map((one, index) => {
    const refusal = (index === 0 ? why : undefined) ?? one.stopped ?? one.poison?.refusal;
    return refusal === undefined
      ? ledger.finish(one, 'failure', sqlstate)
      : ledger.finish(one, 'refused', refusal.sqlstate, refusal);
  });
}

/** An answer that will not come: the server skips its message. */
export function withdraw(answer: Answer, state: SessionState, ledger: RunLedger, sqlstate?: string): void {
  state.copyEnded(answer);
  if (answer.kind === 'parse' && answer.change !== undefined) state.statements.withdraw(answer.change);
  if (answer.kind === 'bind') state.portals.withdraw(answer.change);
  if (answer.kind === 'close') {
    if (answer.statement !== undefined) state.statements.withdraw(answer.statement);
    if (answer.portal !== undefined) state.portals.withdraw(answer.portal);
  }
  const runs =
    answer.kind === 'query'
      ? answer.runs
      : answer.kind === 'execute' || answer.kind === 'parse'
        ? [answer.run]
        : [];
  for (const run of runs) {
    if (run === undefined) continue;
    settleEffect(run, state, undefined);
    // The error was that of its own Parse, or may have been.
    if (mayHoldValues(sqlstate) && !run.finished)
      run.record = { ...run.record, auditText: withoutNames(run.record.auditText) };
    // Already ended for the statement that failed itself; the rest was skipped and nobody waits for its answer.
    ledger.finish(run, run.poison === undefined ? 'failure' : 'refused')?.catch(() => undefined);
  }
}
