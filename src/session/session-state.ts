/** What both directions of one session share after log-in. Plain state; the rules stand in frontend and backend files. */
import {
  afterCommit,
  afterRollback,
  isDirty,
  loginSettings,
  type SessionSettings,
  type SettingValues,
} from '../enforce/session-settings.js';
import type { TransactionStatus } from '../wire/messages/ready-for-query.js';
import { type Answer, AnswerQueue } from './answers.js';
import { NameTable } from './name-table.js';
import type { Portal, Prepared } from './prepared.js';

/** Bounds the memory of a session; a Parse beyond it is refused. */
const MAX_PREPARED_BYTES = 32 * 1024 * 1024;
/** Cursors WITH HOLD that are remembered; beyond it all are forgotten, and a FETCH from one is refused. */
const MAX_PORTALS = 10_000;

/** Roughly what a prepared statement takes, its plan included. */
function weightOf({ text, parse }: Prepared): number {
  return 1024 + 2 * text.auditText.length + 3 * (parse?.sql.length ?? 0);
}

export class SessionState {
  readonly answers = new AnswerQueue();
  readonly statements = new NameTable<Prepared>(weightOf);
  readonly portals = new NameTable<Portal>();
  /** What the server has completed so far; a statement sent now may find more. */
  settings: SessionSettings;
  transactionStatus: TransactionStatus = 'I';
  /** Counts transactions, so that a cursor knows whether its own is still open. */
  transaction = 0;
  /** An error came since the last ReadyForQuery: an implicit transaction ends in a rollback. */
  failed = false;
  /** Statements on their way that change settings when they succeed. */
  settingsUnderWay = 0;
  /** Statements on their way that end a transaction or go back in it. */
  transactionsUnderWay = 0;
  /**
   * Counts the stretches between Syncs and Queries: behind a failure the server skips the rest of its own stretch, and
   * reads the next.
   */
  batch = 1;
  /**
   * A COPY was sent, and the server has not said yet whether data may come, or how it ended. What the client sends
   * meanwhile waits, since a server that reads COPY data ignores a Sync that one that does not would answer.
   */
  copyAwaited: Answer | undefined;
  /** The server reads COPY data. */
  copyIn = false;

  /** Between transactions the server's session is somebody else's (a pooler in transaction mode). */
  readonly sharedServer: boolean;

  constructor(login: SettingValues, sharedServer = false) {
    this.sharedServer = sharedServer;
    this.settings = loginSettings(login);
  }

  /** What the client has prepared takes as much of the proxy's memory as one session may have. */
  get preparedFull(): boolean {
    return this.statements.weight > MAX_PREPARED_BYTES;
  }

  /** A transaction has ended, and portals with it, save those that DECLARE made WITH HOLD. */
  endPortals(): void {
    // FAIL-CLOSED: on the next server session the name may be somebody else's cursor WITH HOLD.
    const all = this.sharedServer || this.portals.size > MAX_PORTALS;
    this.portals.forget((portal) => all || !portal.declared);
  }

  /** A COPY comes behind the statement under way in the same text. */
  copiesAgain(head: Answer | undefined): boolean {
    return (
      head !== undefined &&
      head === this.copyAwaited &&
      head.kind === 'query' &&
      head.runs.some((run, index) => index > head.at && run.record.command === 'COPY')
    );
  }

  /** The answer is the last of a COPY that was awaited, or will not come. */
  copyEnded(answer: Answer | undefined): void {
    if (answer !== undefined && answer === this.copyAwaited) this.copyAwaited = undefined;
  }

  /**
   * Whom a statement sent now acts for, and what its names mean, may still change by answers under way. Those of the same
   * stretch that touch neither settings nor the transaction cannot: if one fails, the server skips what is sent now.
   */
  get settingsUnsettled(): boolean {
    if (this.settingsUnderWay > 0) return true;
    return isDirty(this.settings) && (this.transactionsUnderWay > 0 || this.answers.endsPending);
  }

  /** The transaction under way has failed: the server takes nothing but its end. */
  get transactionFailed(): boolean {
    return this.failed || this.transactionStatus === 'E';
  }

  /** A transaction has ended, and settings with it. */
  endTransaction(): void {
    this.settings = this.failed ? afterRollback(this.settings) : afterCommit(this.settings);
    this.transaction++;
  }

  /** Nothing is under way and no transaction is open. */
  get idle(): boolean {
    return this.answers.pending === 0 && this.transactionStatus === 'I' && !this.copyIn;
  }
}
