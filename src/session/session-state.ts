/** What both directions of one session share after log-in. Plain state; the rules stand in frontend and backend files. */
import type { SearchPath } from '../resolve/types.js';
import type { TransactionStatus } from '../wire/messages/ready-for-query.js';
import { AnswerQueue } from './answers.js';
import { NameTable } from './name-table.js';
import { PathSettings } from './path-settings.js';
import type { Portal, Prepared } from './prepared.js';

export class SessionState {
  readonly answers = new AnswerQueue();
  readonly statements = new NameTable<Prepared>();
  readonly portals = new NameTable<Portal>();
  readonly path: PathSettings;
  transactionStatus: TransactionStatus = 'I';
  /** Counts transactions, so that a cursor knows whether its own is still open. */
  transaction = 0;
  /** An error came since the last ReadyForQuery: an implicit transaction ends in a rollback. */
  failed = false;
  /** Statements on their way that change the search path when they succeed. */
  unsettledPath = 0;
  /** A COPY was sent and the server has not said yet whether data may come. */
  copyAwaited = false;
  /** The server reads COPY data. */
  copyIn = false;

  constructor(path: SearchPath) {
    this.path = new PathSettings(path);
  }

  /** What a statement sent now is resolved against may still change by answers under way. */
  get pathUnsettled(): boolean {
    return this.unsettledPath > 0 || (this.path.dirty && this.answers.pending > 0);
  }

  /** Nothing is under way and no transaction is open. */
  get idle(): boolean {
    return this.answers.pending === 0 && this.transactionStatus === 'I' && !this.copyIn;
  }
}
