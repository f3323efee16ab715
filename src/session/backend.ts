/**
 * What the server answers in a session that is logged in: ties each answer to the message it belongs to, checks and
 * scrubs it for governed clients, ends statements for the audit. Rows are never looked at. It touches no sockets.
 */
import { scrubError } from '../guard/errors.js';
import { findForbiddenField, type ForbiddenField } from '../guard/row-description.js';
import { openFrame } from '../wire/codec.js';
import { parseCommandTag } from '../wire/command-tag.js';
import type { FrameSink, Framer, Verdict } from '../wire/framer.js';
import { backendTypes } from '../wire/message-types.js';
import { parameterStatus } from '../wire/messages/parameter-status.js';
import type { TransactionStatus } from '../wire/messages/ready-for-query.js';
import type { Answer } from './answers.js';
import { changesStructure } from './ddl.js';
import { settleEffect } from './effects.js';
import type { Hold } from './hold.js';
import { isPoisonError, refusalFrame } from './poison.js';
import { severityOf } from './severity.js';
import type { SessionState } from './session-state.js';
import type { RunLedger, StatementRun } from './statement-run.js';

const type = backendTypes;

export interface BackendPorts {
  readonly governed: boolean;
  readonly state: SessionState;
  readonly ledger: RunLedger;
  readonly hold: Hold;
  readonly framer: Framer;
  forward(buffer: Buffer): void;
  guardTripped(field: ForbiddenField): void;
  /** The server has left what the lexer relies on; `what` is for the log. */
  unsafe(what: string): void;
  parameterChanged(name: string, value: string): void;
  /** The server has said that it ends the session. */
  serverEnded(): void;
  /** A statement that changes the structure has completed. */
  ddl(): void;
}

export class Backend implements FrameSink {
  private readonly to: BackendPorts;
  private readonly state: SessionState;
  /** The message that is shown again has had its outcome written. */
  private settled = false;

  constructor(to: BackendPorts) {
    this.to = to;
    this.state = to.state;
    // The proxy's own question at log-in has left its row in the count, and no statement of the client's returned it.
    this.takeRows();
  }

  bytes(buffer: Buffer): void {
    this.to.forward(buffer);
  }

  /** Nothing is in discardOversized for servers. */
  oversized(): readonly Buffer[] {
    return [];
  }

  message(messageType: number, frame: Buffer): Verdict {
    const { answers } = this.state;
    switch (messageType) {
      case type['command-complete']:
        return this.complete(frame.toString('latin1', 5, frame.length - 1));
      case type['empty-query-response']:
        return answers.head?.kind === 'execute' ? this.complete('') : 'pass';
      case type['portal-suspended']:
        return this.complete('SUSPENDED');
      case type['ready-for-query']:
        return this.ready(String.fromCharCode(frame[5]!) as TransactionStatus);
      case type['row-description']:
        return this.describes(frame);
      case type['no-data']:
        answers.shift();
        return 'pass';
      case type['parse-complete']: {
        const answer = this.expect('parse');
        if (answer.change !== undefined) this.state.statements.confirm(answer.change);
        return answer.swallow ? 'drop' : 'pass';
      }
      case type['bind-complete']: {
        this.state.portals.confirm(this.expect('bind').change);
        return 'pass';
      }
      case type['close-complete']: {
        const answer = this.expect('close');
        if (answer.statement !== undefined) this.state.statements.confirm(answer.statement);
        if (answer.portal !== undefined) this.state.portals.confirm(answer.portal);
        return answer.swallow ? 'drop' : 'pass';
      }
      case type['error-response']:
        return this.error(frame);
      case type['notice-response']:
        return this.to.governed ? [scrubError(frame)] : 'pass';
      case type['notification-response']:
        // LISTEN is refused, so a governed session has no business with these.
        return this.to.governed ? 'drop' : 'pass';
      case type['parameter-status']:
        return this.parameter(frame);
      case type['copy-in-response']:
        this.state.copyAwaited = false;
        this.state.copyIn = true;
        if (!this.to.governed) answers.dropSyncsBehindHead();
        return 'pass';
      case type['copy-out-response']:
        this.state.copyAwaited = false;
        return 'pass';
      default:
        return 'pass';
    }
  }

  private complete(tag: string): Verdict {
    const { state } = this;
    const head = state.answers.head;
    const run = currentRun(head);
    if (head === undefined || run === undefined)
      throw new Error('the server completed a statement that was not sent');
    const { command, rows } = parseCommandTag(tag);
    if (!this.settled) {
      run.rows += Math.max(this.takeRows(), rows ?? 0);
      if (head.kind !== 'query' || !head.single) {
        const wait = this.to.ledger.finish(run, 'success');
        if (wait !== undefined) return this.waitFor(wait);
      }
    }
    this.settled = false;
    state.copyAwaited = false;
    state.copyIn = false;
    if (!this.to.governed && changesStructure(command)) this.to.ddl();
    if (head.kind === 'query') {
      if (!head.single) {
        settleEffect(run, state, tag);
        head.at++;
      }
    } else {
      settleEffect(run, state, tag);
      state.answers.shift();
    }
    return 'pass';
  }

  private ready(status: TransactionStatus): Verdict {
    const { state } = this;
    const head = state.answers.head;
    if (head?.kind !== 'query' && head?.kind !== 'sync') throw new Error('the server is ready out of turn');
    if (head.kind === 'query' && !this.settled) {
      // An exempt text ends here; of a governed one nothing is left, unless it was empty.
      const waits = head.runs
        .map((run) => this.to.ledger.finish(run, 'success'))
        .filter((wait) => wait !== undefined);
      if (waits.length > 0) return this.waitFor(Promise.all(waits));
    }
    this.settled = false;
    state.answers.shift();
    state.copyAwaited = false;
    state.copyIn = false;
    if (status === 'I') {
      if (state.failed) state.path.rollback();
      else state.path.commit();
      state.transaction++;
    }
    state.failed = false;
    state.transactionStatus = status;
    return 'pass';
  }

  private describes(frame: Buffer): Verdict {
    const { state } = this;
    const head = state.answers.head;
    if (this.to.governed) {
      const facts = this.factsOf(head);
      // FAIL-CLOSED: a result that belongs to no planned statement is not shown.
      if (facts === undefined) throw new Error('the server described a result that was not asked for');
      const field = findForbiddenField(frame, facts);
      if (field !== undefined) {
        this.to.guardTripped(field);
        return 'stop';
      }
    }
    if (head?.kind === 'describe') state.answers.shift();
    return 'pass';
  }

  private factsOf(head: Answer | undefined): StatementRun['source'] {
    if (head?.kind !== 'describe') return currentRun(head)?.source;
    const { statements, portals } = this.state;
    const prepared =
      head.target === 'statement' ? statements.actual(head.name) : portals.actual(head.name)?.prepared;
    const effect = prepared?.facts?.effect;
    if (effect?.kind === 'execute') return statements.actual(effect.name)?.facts;
    if (effect?.kind === 'fetch') return portals.actual(effect.name)?.prepared.facts;
    return prepared?.facts;
  }

  private error(frame: Buffer): Verdict {
    const { state } = this;
    const head = state.answers.head;
    const { sqlstate, fatal } = severityOf(frame);
    if (fatal) this.to.serverEnded();
    const run = head?.kind === 'parse' ? head.run : currentRun(head);
    const poison = run?.poison !== undefined && isPoisonError(frame, run.poison) ? run.poison : undefined;
    if (!this.settled) {
      if (run !== undefined) run.rows += this.takeRows();
      const waits = this.failedRuns(head, run, sqlstate).filter((wait) => wait !== undefined);
      if (waits.length > 0) return this.waitFor(Promise.all(waits));
    }
    this.settled = false;
    state.failed = true;
    state.copyAwaited = false;
    state.copyIn = false;
    if (head?.kind === 'query')
      for (const one of head.runs.slice(head.at)) settleEffect(one, state, undefined);
    else for (const answer of state.answers.fail()) this.withdraw(answer);
    if (poison !== undefined) return [refusalFrame(poison.refusal)];
    return this.to.governed ? [scrubError(frame)] : 'pass';
  }

  /** Ends the statement that failed, and those behind it that will not run. */
  private failedRuns(
    head: Answer | undefined,
    run: StatementRun | undefined,
    sqlstate: string,
  ): (Promise<void> | undefined)[] {
    const { ledger } = this.to;
    const runs = head?.kind === 'query' ? head.runs.slice(head.at) : run === undefined ? [] : [run];
    return runs.map((one) =>
      one.poison === undefined
        ? ledger.finish(one, 'failure', sqlstate)
        : ledger.finish(one, 'refused', one.poison.refusal.sqlstate, one.poison.refusal),
    );
  }

  /** An answer that will not come: the server skips its message. */
  private withdraw(answer: Answer): void {
    const { state } = this;
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
      // Already ended for the statement that failed itself; the rest was skipped and nobody waits for its answer.
      this.to.ledger.finish(run, run.poison === undefined ? 'failure' : 'refused')?.catch(() => undefined);
    }
  }

  private parameter(frame: Buffer): Verdict {
    const { name, value } = parameterStatus.decode(openFrame(frame, 'parameter-status'));
    if (this.to.governed) {
      const unsafe =
        (name === 'client_encoding' && value !== 'UTF8') ||
        (name === 'standard_conforming_strings' && value !== 'on');
      if (unsafe) {
        this.to.unsafe(name);
        return 'stop';
      }
    }
    this.to.parameterChanged(name, value);
    return 'pass';
  }

  private takeRows(): number {
    return this.to.framer.takeCount(type['data-row']);
  }

  private waitFor(promise: Promise<unknown>): 'hold' {
    const goOn = (): void => {
      this.settled = true;
    };
    // The statement has run and its intent is on disk: a lost outcome is closed as interrupted by the audit itself.
    return this.to.hold.until(promise, goOn, goOn);
  }

  private expect<K extends Answer['kind']>(kind: K): Extract<Answer, { kind: K }> {
    const answer = this.state.answers.shift();
    if (answer?.kind !== kind) throw new Error(`the server answered a ${kind} that was not sent`);
    return answer as Extract<Answer, { kind: K }>;
  }
}

function currentRun(answer: Answer | undefined): StatementRun | undefined {
  if (answer?.kind === 'execute') return answer.run;
  return answer?.kind === 'query' ? (answer.runs[answer.at] ?? undefined) : undefined;
}
