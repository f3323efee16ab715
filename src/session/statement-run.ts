/**
 * One statement between its audit intent and its audit outcome. It owns the pairing of both with the metrics and
 * knows no messages.
 */
import type {
  AuditTicket,
  SessionIdentity,
  StatementOutcome,
  StatementRecord,
  SubjectsShown,
} from '../audit/types.js';
import type { NameUses, PlanFacts, QueryPlan, Refusal } from '../enforce/types.js';
import { mayHoldValues, withoutNames } from '../enforce/doubtful-text.js';
import { SubjectTally } from '../guard/subject-tally.js';
import type { IdentityBook } from './identity-book.js';
import type { NameChange } from './name-table.js';
import type { Poison } from './poison.js';
import type { Ports } from './ports.js';
import type { Portal, Prepared } from './prepared.js';

export type RunDecision = StatementRecord['decision'];

export interface StatementRun {
  record: StatementRecord;
  readonly ticket: AuditTicket;
  readonly startedAt: number;
  /** Of the statement's own text: what completing it does to the session. */
  readonly facts: PlanFacts | undefined;
  /** Of what it reads: for EXECUTE and FETCH those of the prepared statement or cursor. */
  source: PlanFacts | undefined;
  readonly poison: Poison | undefined;
  readonly statementChange: NameChange<Prepared> | undefined;
  readonly portalChange: NameChange<Portal> | undefined;
  /** Why it was stopped while it ran: any error that ends it is this refusal's. */
  stopped: Refusal | undefined;
  rows: number;
  /** Undefined: no key of a data subject stands in its rows. */
  readonly subjects: SubjectTally | undefined;
  watched: boolean;
  /** Its text has a name that may be a value: until the server has understood it, no event shows its names. */
  readonly doubtful: boolean;
  finished: boolean;
}

/** What the audit needs of a text; of an exempt one also the names in it. */
export type TextFacts = Pick<QueryPlan, 'auditText' | 'shapeId' | 'tags'> & NameUses;

export class RunLedger {
  private readonly ports: Ports;
  private readonly identities: Pick<IdentityBook, 'current'>;
  private readonly open = new Set<StatementRun>();
  /** How many statements there have been. */
  begun = 0;
  /** Told when rows have to be looked at from now on, or no more. */
  watch: ((on: boolean) => void) | undefined;
  private watching = 0;

  constructor(ports: Ports, identities: Pick<IdentityBook, 'current'>) {
    this.ports = ports;
    this.identities = identities;
  }

  /** Writes the intent. The statement may go upstream once `ticket.ready` is done. */
  begin(options: {
    /** Whom it was planned for; undefined: whoever acts now. */
    readonly identity?: SessionIdentity | undefined;
    readonly text: TextFacts;
    readonly command: string;
    readonly decision: RunDecision;
    readonly facts: PlanFacts | undefined;
    readonly source: PlanFacts | undefined;
    readonly poison?: Poison | undefined;
    readonly statementChange?: NameChange<Prepared> | undefined;
    readonly portalChange?: NameChange<Portal> | undefined;
  }): StatementRun {
    const { auditText } = options.text;
    const record: StatementRecord = {
      session: options.identity ?? this.identities.current,
      auditText: mayHoldValues(options.poison?.refusal.sqlstate) ? withoutNames(auditText) : auditText,
      shapeId: options.text.shapeId,
      command: options.command,
      tags: options.text.tags,
      decision: options.decision,
      facts: options.source,
    };
    const doubtful = options.facts?.openNames === true || options.source?.openNames === true;
    const subjects = this.tallyOf(options);
    const run: StatementRun = {
      record,
      ticket: this.ports.audit.intent(
        doubtful ? { ...record, auditText: withoutNames(record.auditText) } : record,
      ),
      startedAt: performance.now(),
      facts: options.facts,
      source: options.source,
      poison: options.poison,
      statementChange: options.statementChange,
      portalChange: options.portalChange,
      stopped: undefined,
      rows: 0,
      subjects,
      watched: subjects !== undefined,
      doubtful,
      finished: false,
    };
    this.open.add(run);
    this.begun++;
    if (run.watched && this.watching++ === 0) this.watch?.(true);
    return run;
  }

  /** Writes the outcome, once. The end of the result may be passed on once the promise, if any, is done. */
  finish(
    run: StatementRun,
    status: StatementOutcome['status'],
    sqlstate?: string,
    refusal?: Refusal,
  ): Promise<void> | undefined {
    if (run.finished) return undefined;
    run.finished = true;
    this.open.delete(run);
    if (mayHoldValues(sqlstate) || (run.doubtful && status !== 'success' && run.rows === 0))
      run.record = { ...run.record, auditText: withoutNames(run.record.auditText) };
    const durationMs = performance.now() - run.startedAt;
    const { decision } = run.record;
    this.ports.observer.statement({
      decision,
      role: run.record.session.role,
      seconds: durationMs / 1000,
      rows: run.rows,
      maskedLabels: status === 'success' ? (run.source?.maskedLabels ?? []) : [],
      refusal,
    });
    return this.ports.audit.outcome(run.ticket, run.record, {
      status,
      rows: run.rows,
      sqlstate,
      refusal,
      durationMs,
      subjects: this.subjectsOf(run, status),
    });
  }

  /** No row of it has to be looked at any more. */
  unwatch(run: StatementRun): void {
    if (run.watched) {
      run.watched = false;
      this.watching--;
      if (this.watching === 0) this.watch?.(false);
    }
  }

  private tallyOf({ source, poison }: Parameters<RunLedger['begin']>[0]): SubjectTally | undefined {
    const { subjects: marks } = this.ports;
    if (marks === undefined || source?.subjects === undefined || poison !== undefined) return undefined;
    return new SubjectTally(source.subjects, marks);
  }

  private subjectsOf(run: StatementRun, status: StatementOutcome['status']): SubjectsShown | undefined {
    const { subjects } = run;
    if (subjects === undefined) return undefined;
    this.unwatch(run);
    const found = subjects.found(status, run.rows);
    if (subjects.unread !== undefined) this.ports.observer.subjectsUnread?.(subjects.unread);
    return found;
  }

  /** The connection is gone: what was under way ends as interrupted. */
  interruptAll(): void {
    for (const run of [...this.open]) {
      this.finish(run, 'interrupted')?.catch(() => undefined);
    }
  }
}
