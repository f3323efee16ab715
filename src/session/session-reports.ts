/**
 * What one session tells the audit, the metrics and the log. It owns the wording and the identity they share; when to
 * tell, and what becomes of the session, is session.ts's.
 */
import { errorCatalog, type SessionErrorCode } from '../errors/catalog.js';
import type { ForbiddenField } from '../guard/row-description.js';
import type { SearchPath } from '../resolve/types.js';
import { fromByteString } from '../wire/byte-string.js';
import type { IdentityBook } from './identity-book.js';
import { type Claimant, failureReason } from './identity.js';
import type { ConnectionState, Ports } from './ports.js';
import { parseSearchPath } from '../enforce/search-path.js';

export class SessionReports {
  /** Known from the startup packet on. */
  who: Claimant | undefined;
  /** Known once the policy has admitted the session. */
  identities: Pick<IdentityBook, 'current'> | undefined;
  private readonly ports: Ports;
  private readonly startedAt = performance.now();
  private state: ConnectionState = 'handshake';

  constructor(ports: Ports) {
    this.ports = ports;
    ports.observer.connection(undefined, 'handshake');
  }

  /** The log-in has succeeded. */
  opened(): void {
    this.changeState('active');
    this.ports.audit.lifecycle({ kind: 'session-open', session: this.identities!.current });
  }

  /** @param wasOpened - there is a session-open event for this one to answer */
  closed(reason: string, wasOpened: boolean): void {
    if (wasOpened)
      this.ports.audit.lifecycle({
        kind: 'session-close',
        session: this.identities!.current,
        reason,
        durationMs: performance.now() - this.startedAt,
      });
    this.changeState('closed');
  }

  /** The proxy has refused the log-in. */
  refused(code: SessionErrorCode, message: string, address: string): void {
    const entry = errorCatalog[code];
    this.ports.observer.authFailure(failureReason(code));
    this.loginFailed(entry.sqlstate, message);
    this.logRefusal({ reason: entry.reason, client: address });
  }

  /** Nobody has said yet who it is. */
  handshakeFailed(reason: string, client: Claimant['client']): void {
    const { sqlstate, reason: label } = errorCatalog['tls-handshake'];
    this.ports.observer.authFailure(label);
    this.ports.audit.lifecycle({
      kind: 'login-failed',
      user: '',
      database: '',
      client,
      sqlstate,
      reason: `TLS: ${reason}`,
    });
    this.ports.logger.info({ reason, client: client.address }, 'a TLS handshake with a client failed');
  }

  /** The proxy has refused the password; `reason` is for the log, the audit and the metrics alone. */
  passwordRejected(sqlstate: string, reason: string, address: string): void {
    this.ports.observer.authFailure(reason);
    this.loginFailed(sqlstate, reason);
    this.logRefusal({ reason, client: address });
  }

  verifiersMissing(error: unknown): void {
    this.ports.logger.error(
      { err: error },
      'the verifiers of auth.verifiers cannot be read: "pgveil check" asks for one and says what fails',
    );
  }

  upstreamLoginFailed(why: string): void {
    this.ports.observer.upstreamError();
    this.ports.logger.error(
      { upstream: this.ports.upstream, why },
      'pgveil cannot log in at the database server',
    );
  }

  /** The server has refused it. */
  rejected(sqlstate: string): void {
    this.ports.observer.authFailure(failureReason('auth-failed'));
    this.loginFailed(sqlstate, 'refused by the database server');
    this.logRefusal({ reason: 'rejected', sqlstate, client: this.who?.client.address });
  }

  guardTripped(field: ForbiddenField): void {
    this.ports.observer.guardTrip();
    this.ports.audit.lifecycle({ kind: 'guard-trip', session: this.identities!.current, ...field });
    this.ports.logger.error(
      { session: this.identities!.current.id, ...field },
      'the guard found a protected base column in a result and cut the connection',
    );
  }

  /** PostgreSQL always sends one. */
  serverUnknown(): void {
    if (this.ports.upstream.pooler !== undefined && this.ports.upstream.pooler !== 'none') return;
    this.ports.logger.warn(
      { upstream: this.ports.upstream },
      'the server sent no BackendKeyData, so a pooler before it would not be noticed: if there is one, write upstream.pooler',
    );
  }

  leftSettings(setting: string): void {
    this.ports.logger.error(
      { session: this.identities!.current.id, setting },
      'a governed session left the settings that its safety rests on',
    );
  }

  /** From PostgreSQL 18 on. A tripwire: relations go upstream schema-qualified, so nothing leaks by it. */
  searchPathReported(value: string, planned: SearchPath): void {
    const reported = parseSearchPath(fromByteString(value), this.who!.user);
    if (reported?.join('\0') !== planned.join('\0'))
      this.ports.logger.warn(
        { session: this.identities!.current.id },
        "the server's search_path is not the one that statements are planned with",
      );
  }

  upstreamUnreachable(error: Error | undefined): void {
    this.ports.observer.upstreamError();
    this.ports.logger.error(
      { err: error, upstream: this.ports.upstream },
      'the database server cannot be reached',
    );
  }

  upstreamNotEncrypted(reason: string): void {
    this.ports.observer.upstreamError();
    this.ports.logger.error(
      { reason, upstream: this.ports.upstream },
      'no encrypted connection to the database server could be made',
    );
  }

  upstreamLost(error: Error | undefined): void {
    this.ports.observer.upstreamError();
    this.ports.logger.warn(
      { err: error, session: this.identities?.current.id },
      'the database server closed a connection',
    );
  }

  protocolBroken(reason: string): void {
    this.ports.logger.warn({ reason, session: this.identities?.current.id }, 'a peer broke the protocol');
  }

  consoleFailed(error: unknown): void {
    this.ports.logger.error(
      { err: error, session: this.identities?.current.id },
      'a command of the console failed',
    );
  }

  bug(error: unknown): void {
    this.ports.logger.error({ err: error, session: this.identities?.current.id }, 'a session ended on a bug');
  }

  /** With the names that the client gave itself, as the server's own log has them; they are cut to 63 bytes by now. */
  private logRefusal(fields: Readonly<Record<string, unknown>>): void {
    const named = this.who === undefined ? {} : { user: this.who.user, database: this.who.database };
    this.ports.logger.info({ ...fields, ...named }, 'a log-in was refused');
  }

  private loginFailed(sqlstate: string, reason: string): void {
    if (this.who === undefined) return;
    const { user, database, client } = this.who;
    this.ports.audit.lifecycle({ kind: 'login-failed', user, database, client, sqlstate, reason });
  }

  private changeState(to: ConnectionState): void {
    this.ports.observer.connection(this.state, to);
    this.state = to;
  }
}
