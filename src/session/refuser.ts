/**
 * Refuses a message at its place in the order (DESIGN 5.9): begins its audit event, announces its answer, and gives the
 * frames that go upstream instead. It knows no reasons.
 */
import { emptyFacts } from '../enforce/empty-facts.js';
import type { PlanFacts, Refusal } from '../enforce/types.js';
import { poisonParseFrame, queryFrame } from './messages.js';
import { makePoison, type Poison, poisonSql } from './poison.js';
import type { SessionState } from './session-state.js';
import type { RunLedger, StatementRun, TextFacts } from './statement-run.js';

/** Of a text that was not looked at. */
export const ignoredText: TextFacts = { auditText: '', shapeId: '', tags: {} };

export class Refuser {
  private readonly state: SessionState;
  private readonly ledger: RunLedger;

  constructor(state: SessionState, ledger: RunLedger) {
    this.state = state;
    this.ledger = ledger;
  }

  private refusedRun(refusal: Refusal, text: TextFacts, facts: PlanFacts): StatementRun {
    const poison = makePoison(refusal);
    const run = this.ledger.begin({
      text,
      command: facts.command,
      decision: 'deny',
      facts,
      source: facts,
      poison,
    });
    // A refusal is no access, so it waits for no disk.
    run.ticket.ready?.catch(() => undefined);
    return run;
  }

  /** In the place of a Query or FunctionCall. */
  query(refusal: Refusal): readonly Buffer[] {
    return this.queryOf(this.refusedRun(refusal, ignoredText, emptyFacts('UNKNOWN')));
  }

  /** The same, for a statement that has its poison. */
  queryOf(run: StatementRun): readonly Buffer[] {
    this.state.answers.push({ kind: 'query', runs: [run], single: false, at: 0 });
    this.state.batch++;
    return [queryFrame(poisonSql(run.poison!))];
  }

  /** In the place of any message of the extended protocol. */
  extended(refusal: Refusal, text: TextFacts, facts: PlanFacts, statement?: string): readonly Buffer[] {
    const run = this.refusedRun(refusal, text, facts);
    return this.poison(run.poison!, run, statement);
  }

  poison(poison: Poison, run: StatementRun, statement?: string): readonly Buffer[] {
    const { answers } = this.state;
    answers.push({ kind: 'parse', change: undefined, swallow: false, poison, run });
    // It fails at the latest here, so the server ignores what comes until the next Sync: nothing of it needs an event.
    answers.skipping = true;
    return [poisonParseFrame(poison, statement)];
  }
}
