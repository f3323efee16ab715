/**
 * What the server answers in a session that is logged in: ties each answer to the message it belongs to, checks and
 * scrubs it for governed clients, ends statements for the audit. Of rows the statement's tally alone sees the keys that it
 * looks for. It touches no sockets.
 */
import { scrubError, scrubNotice } from '../guard/errors.js';
import { findForbiddenField, type ForbiddenField } from '../guard/row-description.js';
import { valueRefusal } from '../guard/value-refusals.js';
import { openFrame } from '../wire/codec.js';
import { parseCommandTag } from '../wire/command-tag.js';
import type { FrameSink, Framer, Verdict } from '../wire/framer.js';
import { backendTypes } from '../wire/message-types.js';
import { parameterStatus } from '../wire/messages/parameter-status.js';
import { rowDescription, type RowField } from '../wire/messages/row-description.js';
import type { TransactionStatus } from '../wire/messages/ready-for-query.js';
import { ProtocolViolation } from '../wire/protocol-violation.js';
import { type Answer, currentRun } from './answers.js';
import { failedRuns, withdraw } from './failed-answers.js';
import { described, shownBy } from './result-guard.js';
import { changesStructure } from './ddl.js';
import { doubtEffect, settleEffect } from './effects.js';
import { positionsOf } from './error-position.js';
import type { Hold } from './hold.js';
import { isPoisonError, refusalFrame } from './poison.js';
import { OutcomeUnwritten } from './outcome-unwritten.js';
import { severityOf } from './severity.js';
import type { SessionState } from './session-state.js';
import type { RunLedger } from './statement-run.js';
import { boundPortal, nameWhatRan } from './what-ran.js';

const type = backendTypes;

function fieldsOf(frame: Buffer): readonly RowField[] {
  return rowDescription.decode(openFrame(frame, 'row-description')).fields;
}

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

  /** A piece of a row, where a statement under way is watched. */
  tap(rowType: number, chunk: Buffer, from: number, to: number, begins: boolean, ends: boolean): void {
    const run = currentRun(this.state.answers.head);
    if (run?.subjects === undefined || run.subjects.closed) return;
    const tally = run.subjects;
    tally.row(rowType, chunk, from, to, begins, ends);
    if (tally.closed) this.to.ledger.unwatch(run);
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
        return this.noData();
      case type['parse-complete']: {
        const answer = this.expect('parse');
        if (answer === undefined) return 'pass';
        if (answer.change !== undefined) this.state.statements.confirm(answer.change);
        return answer.swallow ? 'drop' : 'pass';
      }
      case type['bind-complete']: {
        const answer = this.expect('bind');
        if (answer === undefined) return 'pass';
        if (this.to.governed) this.state.portals.confirm(answer.change);
        else this.state.portals.confirm(answer.change, boundPortal(answer, this.state));
        return 'pass';
      }
      case type['close-complete']: {
        const answer = this.expect('close');
        if (answer === undefined) return 'pass';
        if (answer.statement !== undefined) this.state.statements.confirm(answer.statement);
        if (answer.portal !== undefined) this.state.portals.confirm(answer.portal);
        return answer.swallow ? 'drop' : 'pass';
      }
      case type['error-response']:
        return this.error(frame);
      case type['notice-response']: {
        if (!this.to.governed) return 'pass';
        const notice = scrubNotice(frame);
        return notice === undefined ? 'drop' : [notice];
      }
      case type['notification-response']:
        // LISTEN is refused, so a governed session has no business with these.
        return this.to.governed ? 'drop' : 'pass';
      case type['parameter-status']:
        return this.parameter(frame);
      case type['copy-in-response']:
        this.state.copyAwaited = undefined;
        this.state.copyIn = true;
        if (!this.to.governed) answers.dropSyncsBehindHead();
        return 'pass';
      case type['copy-out-response']:
        // Of a text with two, the next may take data.
        if (!this.state.copiesAgain(answers.head)) this.state.copyAwaited = undefined;
        return 'pass';
      default:
        return 'pass';
    }
  }

  private complete(tag: string): Verdict {
    const { state } = this;
    this.findTurn((one) => one.kind === 'query' || one.kind === 'execute');
    const head = state.answers.head;
    const run = currentRun(head);
    if (!this.to.governed) nameWhatRan(head, state);
    if (head === undefined || run === undefined)
      return this.outOfTurn('the server completed a statement that was not sent');
    const { command, rows } = parseCommandTag(tag);
    if (!this.settled) {
      this.takeCopied();
      run.rows += Math.max(this.takeRows(), rows ?? 0);
      if (head.kind !== 'query' || !head.single) {
        const wait = this.to.ledger.finish(run, 'success');
        if (wait !== undefined) return this.waitFor(wait);
      }
    }
    this.settled = false;
    if (!state.copiesAgain(head)) state.copyEnded(head);
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
    let head = state.answers.head;
    while (head !== undefined && head.kind !== 'query' && head.kind !== 'sync') {
      this.outOfTurn('the server is ready before it has answered');
      withdraw(head, state, this.to.ledger);
      state.answers.shift();
      head = state.answers.head;
    }
    if (head === undefined) {
      state.transactionStatus = status;
      return this.outOfTurn('the server is ready out of turn');
    }
    // INVARIANT(answers-in-order): a Query ends with an error or with its last statement.
    if (head.kind === 'query' && !head.single && !state.failed && head.at < head.runs.length)
      return this.outOfTurn('the server is ready before a Query has ended');
    if (head.kind === 'query' && !this.settled) {
      // An exempt text ends here; of a governed one nothing is left, unless it was empty.
      const waits = head.runs
        .map((run) => this.to.ledger.finish(run, 'success'))
        .filter((wait) => wait !== undefined);
      if (waits.length > 0) return this.waitFor(Promise.all(waits));
    }
    this.settled = false;
    // A text that is not parsed tells at its end alone which names its statements have left.
    if (head.kind === 'query' && head.single && !state.failed)
      for (const run of head.runs) settleEffect(run, state, '');
    state.answers.shift();
    state.copyEnded(head);
    state.copyIn = false;
    if (status === 'I') {
      if (state.portals.size > 1 || state.sharedServer) state.endPortals();
      state.endTransaction();
    }
    state.failed = false;
    state.transactionStatus = status;
    return 'pass';
  }

  private describes(frame: Buffer): Verdict {
    const { state } = this;
    const head = state.answers.head;
    if (this.to.governed) {
      const shown = shownBy(head, state);
      // FAIL-CLOSED: a result that belongs to no planned statement is not shown.
      if (shown?.facts === undefined)
        throw new ProtocolViolation('the server described a result that was not asked for');
      const field = shown.decision === 'observe' ? undefined : findForbiddenField(frame, shown.facts);
      if (field !== undefined) {
        this.to.guardTripped(field);
        return 'stop';
      }
    }
    if (head?.kind === 'query') currentRun(head)?.subjects?.described(fieldsOf(frame));
    if (head?.kind !== 'describe') return 'pass';
    state.answers.shift();
    const prepared = described(head, state);
    if (prepared !== undefined) prepared.guard.passed = true;
    return head.swallow ? 'drop' : 'pass';
  }

  private noData(): Verdict {
    const answer = this.expect('describe');
    if (answer === undefined) return 'pass';
    const prepared = described(answer, this.state);
    if (prepared !== undefined) prepared.guard.passed = true;
    return answer.swallow ? 'drop' : 'pass';
  }

  private error(frame: Buffer): Verdict {
    const { state } = this;
    const head = state.answers.head;
    const { sqlstate, fatal } = severityOf(frame);
    if (fatal) this.to.serverEnded();
    // FAIL-CLOSED: such an error would leave the server skipping messages that the queue expects answers for.
    else if (head === undefined && this.to.governed)
      throw new ProtocolViolation('the server reported an error that belongs to no message');
    const run = head?.kind === 'parse' ? head.run : currentRun(head);
    if (!this.to.governed) nameWhatRan(head, state);
    const poison = run?.poison !== undefined && isPoisonError(frame, run.poison) ? run.poison : undefined;
    const refusal = this.to.governed ? valueRefusal(frame) : undefined;
    if (!this.settled) {
      if (run !== undefined) run.rows += this.takeRows() + this.takeCopied();
      const waits = failedRuns(head, run, sqlstate, this.to.ledger, refusal).filter(
        (wait) => wait !== undefined,
      );
      if (waits.length > 0) return this.waitFor(Promise.all(waits));
    }
    this.settled = false;
    state.failed = true;
    state.copyEnded(head);
    state.copyIn = false;
    if (run !== undefined && head?.kind !== 'parse') doubtEffect(run, state, sqlstate);
    if (head?.kind === 'query')
      for (const one of head.runs.slice(head.at)) settleEffect(one, state, undefined);
    else for (const answer of state.answers.fail()) withdraw(answer, state, this.to.ledger, sqlstate);
    if (run?.stopped !== undefined && !fatal) return [refusalFrame(run.stopped)];
    if (poison !== undefined) return [refusalFrame(poison.refusal)];
    if (refusal !== undefined) return [refusalFrame(refusal)];
    return this.to.governed ? [scrubError(frame, positionsOf(head))] : 'pass';
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

  /** The session ends in the middle: what has left by now has been shown. */
  interrupted(): void {
    const run = currentRun(this.state.answers.head);
    if (run !== undefined && !run.finished) run.rows += this.takeRows() + this.takeCopied();
  }

  private takeRows(): number {
    return this.to.framer.takeCount(type['data-row']);
  }

  /** Of a COPY that did not come to its end, which its tag would have counted; a message is a row (54.2.6 of the manual). */
  private takeCopied(): number {
    return this.to.framer.takeCount(type['copy-data']);
  }

  private waitFor(promise: Promise<unknown>): 'hold' {
    const goOn = (): void => {
      this.settled = true;
    };
    return this.to.hold.until(promise, goOn, (cause) => {
      // FAIL-CLOSED: who is told of the end of a result is in the audit with all that is known of it.
      throw new OutcomeUnwritten('the outcome of a statement is not written', { cause });
    });
  }

  /** Undefined only where it does no harm, in an exempt session. */
  private expect<K extends Answer['kind']>(kind: K): Extract<Answer, { kind: K }> | undefined {
    const { answers } = this.state;
    this.findTurn((head) => head.kind === kind);
    if (answers.head?.kind === kind) return answers.shift() as Extract<Answer, { kind: K }>;
    this.outOfTurn(`the server answered a ${kind} that was not sent`);
    return undefined;
  }

  /**
   * An exempt client is never held back, so the queue may hold a Sync that the server ignored, because it read COPY data
   * then, or messages that it skipped: they have no answer, and the next that fits is the one.
   */
  private findTurn(fits: (answer: Answer) => boolean): void {
    const { answers } = this.state;
    if (this.to.governed || (answers.head !== undefined && fits(answers.head))) return;
    for (const passed of answers.takeUntil(fits)) withdraw(passed, this.state, this.to.ledger);
  }

  /**
   * FAIL-CLOSED: a governed session that is out of step with its server ends, because its statements could be taken for
   * one another. An exempt one is only followed for its audit, so it goes on.
   */
  private outOfTurn(what: string): 'pass' {
    if (this.to.governed) throw new ProtocolViolation(what);
    return 'pass';
  }
}
