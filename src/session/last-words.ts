/**
 * What a client is told when the proxy ends its session, and what the reports are told then. It owns the wording; that
 * the session ends, and when, is session.ts's.
 */
import { errorCatalog, type SessionErrorCode } from '../errors/catalog.js';
import { encodeErrorResponse } from '../wire/messages/error-response.js';
import { ProtocolViolation } from '../wire/protocol-violation.js';
import type { SaslProblem } from './auth/sasl-problem.js';
import { OutcomeUnwritten } from './outcome-unwritten.js';
import type { SessionReports } from './session-reports.js';
import { UpstreamTlsFailure } from './upstream-connection.js';

export interface LastWordsPorts {
  readonly reports: SessionReports;
  /** Of the client. */
  address(): string;
  /** The log-in has succeeded. */
  opened(): boolean;
  ended(): boolean;
  /** Half a message has gone to the client, and the rest has not come. */
  answerCut(): boolean;
  toClient(bytes: Buffer): void;
  end(reason: string): void;
}

export class LastWords {
  private readonly to: LastWordsPorts;

  constructor(to: LastWordsPorts) {
    this.to = to;
  }

  /** Tells the client and ends the session. */
  fatal(code: SessionErrorCode, message: string): void {
    if (this.to.ended()) return;
    const { audit, sqlstate, recovery, reason } = errorCatalog[code];
    if (!this.to.opened() && audit === 'login-failed')
      this.to.reports.refused(code, message, this.to.address());
    const text = `pgveil: ${message}`;
    // INVARIANT(whole-messages): behind half a message an error would be read as the rest of it.
    if (!this.to.answerCut())
      this.to.toClient(encodeErrorResponse({ severity: 'FATAL', sqlstate, message: text, hint: recovery }));
    this.to.end(reason);
  }

  /** INVARIANT(users-untold): whatever the reason, the client is told what the server tells of a wrong password. */
  rejected(reason: string): void {
    const { sqlstate } = errorCatalog['auth-failed'];
    const { reports } = this.to;
    const { user } = reports.who!;
    reports.passwordRejected(sqlstate, reason, this.to.address());
    this.refuse(sqlstate, `password authentication failed for user "${user}"`);
  }

  malformed({ sqlstate, message, detail }: SaslProblem): void {
    this.to.reports.passwordRejected(sqlstate, 'malformed', this.to.address());
    this.refuse(sqlstate, message, detail);
  }

  verifiersMissing(error: unknown): void {
    this.to.reports.verifiersMissing(error);
    this.fatal('verifiers-unreachable', 'the verifiers of passwords cannot be read');
  }

  /** @param connecting - no connection to the server has been made yet */
  upstreamGone(error: Error | undefined, connecting: boolean): void {
    const { reports } = this.to;
    if (error instanceof UpstreamTlsFailure) {
      reports.upstreamNotEncrypted(error.message);
      this.fatal('upstream-tls', 'no encrypted connection to the database server could be made');
    } else if (connecting) {
      reports.upstreamUnreachable(error);
      this.fatal('upstream-unreachable', 'the database server cannot be reached');
    } else {
      reports.upstreamLost(error);
      this.fatal('upstream-lost', 'the connection to the database server was lost');
    }
  }

  broken(error: unknown): void {
    if (this.to.ended()) return;
    if (error instanceof ProtocolViolation) {
      this.to.reports.protocolBroken(error.message);
      this.fatal('protocol-violation', error.message);
      return;
    }
    if (error instanceof OutcomeUnwritten) {
      this.fatal('outcome-unwritten', 'the audit log does not take the end of the statement, which has run');
      return;
    }
    this.to.reports.bug(error);
    this.fatal('internal-bug', 'the proxy met an internal error');
  }

  /** In the server's own words. */
  private refuse(sqlstate: string, message: string, detail?: string): void {
    this.to.toClient(encodeErrorResponse({ severity: 'FATAL', sqlstate, message, detail }));
    this.to.end('log-in refused');
  }
}
