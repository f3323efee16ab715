/**
 * Everything the session station needs from outside, as plain interfaces: app.ts implements them, the tests too.
 * It must not know who implements them.
 */
import type { AuditPort } from '../audit/types.js';
import type { EnforceContext, Planner, Refusal } from '../enforce/types.js';
import type { SubjectMarks, UnreadReason } from '../guard/subject-tally.js';
import type { Connecting, SessionRule } from '../policy/types.js';
import type { AuthenticationPort } from './auth/port.js';
import type { UpstreamTls } from './tls/client-handshake.js';
import type { ServerTls } from './tls/server-handshake.js';
import type { ConsolePort } from './console/admission.js';

export interface SessionLimits {
  /** Client connections at a time; one more gets 53300. */
  readonly connections: number;
  /** Undefined: no limit of their own. */
  readonly connectionsPerUser: number | undefined;
  readonly connectionsPerAddress: number | undefined;
  /** Connections that have not said yet why they came; the oldest gives way to one more. */
  readonly handshakes: number;
  /** The longest Query or Parse message of a governed session; a longer one is refused, and the session lives on. */
  readonly statementBytes: number;
  /** The longest message of a client at all. */
  readonly messageBytes: number;
  /** From the accepted connection to the first ReadyForQuery. */
  readonly authTimeoutMs: number;
  /** From the accepted connection to a whole startup packet. */
  readonly startupTimeoutMs: number;
  readonly cancelRequests: number;
  /** After log-in, how long the rest of a message may be quiet that is being gathered in memory. */
  readonly stalledMessageMs: number;
  /** How long the server may take to finish what a client sent before its Terminate. */
  readonly farewellMs: number;
}

export const defaultLimits: SessionLimits = {
  connections: 2000,
  connectionsPerUser: undefined,
  connectionsPerAddress: undefined,
  handshakes: 500,
  statementBytes: 1024 * 1024,
  messageBytes: 0x3ffffffe,
  authTimeoutMs: 10_000,
  startupTimeoutMs: 10_000,
  cancelRequests: 100,
  stalledMessageMs: 60_000,
  farewellMs: 60_000,
};

/** One statement as the metrics see it. No text, no user, no value. */
export interface StatementObservation {
  readonly decision: 'forward' | 'rewrite' | 'deny' | 'observe';
  readonly role: string | undefined;
  readonly seconds: number;
  readonly rows: number;
  readonly maskedLabels: readonly string[];
  readonly refusal: Refusal | undefined;
}

export type ConnectionState = 'handshake' | 'active' | 'closed';

/** Callbacks for metrics. They must not throw and must not wait. */
export interface SessionObserver {
  statement(observation: StatementObservation): void;
  /** Time spent in the planner for one message. */
  planned(seconds: number, cache: 'hit' | 'miss'): void;
  connection(from: ConnectionState | undefined, to: ConnectionState): void;
  bytes(direction: 'from-client' | 'from-upstream', count: number): void;
  upstreamError(): void;
  guardTrip(): void;
  /** `reason` is the label of errors/catalog.ts. */
  authFailure(reason: string): void;
  /** Keys of data subjects could not be read from a result. */
  subjectsUnread?(reason: UnreadReason): void;
}

/** Structured log lines. Never a value, a literal or a statement text in `fields`. */
export interface SessionLogger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** Undefined: that leg is not encrypted. */
export interface EncryptionPort {
  client(): ServerTls | undefined;
  upstream(): UpstreamTls | undefined;
}

/**
 * What stands between pgveil and PostgreSQL: nothing, a pooler that gives each connection a server session of its own, or
 * one that lends it a server session for each transaction.
 */
export type Pooler = 'none' | 'session' | 'transaction';

export interface Ports {
  readonly planner: Planner;
  readonly audit: AuditPort;
  readonly observer: SessionObserver;
  readonly logger: SessionLogger;
  readonly upstream: {
    readonly host: string;
    readonly port: number;
    /** Undefined: none. */
    readonly pooler?: Pooler | undefined;
  };
  /** Asked for each connection, since a reload brings other certificates. Absent: no leg is encrypted. */
  readonly encryption?: EncryptionPort | undefined;
  readonly limits: SessionLimits;
  /** Ends log-ins at the proxy (auth.mode scram). Absent: the server's own exchange is relayed. */
  readonly authentication?: AuthenticationPort | undefined;
  /** Makes HMACs of the keys of data subjects. Absent: no event names any. */
  readonly subjects?: SubjectMarks | undefined;
  /** Name and version of the policy set in force, for the audit. */
  policyIdentity(): { readonly name: string; readonly version: string };
  /** The first entry of `sessions` that matches; undefined: the log-in is refused. */
  matchSession(who: Connecting): SessionRule | undefined;
  /**
   * Catalog and policy in force for a database; the same object until either changes. Undefined: not ready, so
   * governed statements are refused. A promise only for a database that is met for the first time.
   */
  contextFor(database: string): EnforceContext | undefined | Promise<EnforceContext | undefined>;
  /** A statement that changes the structure has passed (from an exempt session). */
  noteDdl(database: string): void;
  /** The virtual database `pgveil`; undefined: it is a database like any other. */
  readonly console?: ConsolePort;
  /** Loads the catalog again, now. Rejects when that is not possible. */
  refreshCatalog(database: string): Promise<void>;
}
