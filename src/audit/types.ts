/** The audit port: what the session tells, and what it may wait for. */
import type { Checkpoint } from './checkpoint.js';
import type { PlanFacts, Refusal } from '../enforce/types.js';
import type { Alert } from './alerts/alert.js';

export interface SessionIdentity {
  /** Unique per connection. */
  readonly id: string;
  readonly user: string;
  readonly database: string;
  readonly applicationName: string;
  /** The common name of the client's certificate, if it has shown one that is valid. */
  readonly certificateName?: string | undefined;
  readonly client: { readonly address: string; readonly port: number };
  readonly upstream: { readonly host: string; readonly port: number };
  readonly exempt: boolean;
  readonly role: string | undefined;
  readonly purpose: string | undefined;
  /** `name` of the claimed actor: who acts behind the login, in the words of whoever claims it. */
  readonly actorName?: string | undefined;
  readonly legalBasis: string | undefined;
  readonly policy: { readonly name: string; readonly version: string };
  /** Known once the log-in has succeeded. */
  readonly encryption?: SessionEncryption;
}

/** TLS versions, such as `TLSv1.3`; undefined: that leg is in the clear. */
export interface SessionEncryption {
  readonly client: string | undefined;
  readonly upstream: string | undefined;
  /** SHA-256 of the client's certificate, if it has shown one that is valid. */
  readonly certificate: string | undefined;
}

export interface StatementRecord {
  readonly session: SessionIdentity;
  readonly auditText: string;
  readonly shapeId: string;
  readonly command: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly decision: 'forward' | 'rewrite' | 'deny' | 'observe';
  /** Undefined for exempt sessions. */
  readonly facts: PlanFacts | undefined;
}

export interface StatementOutcome {
  readonly status: 'success' | 'failure' | 'refused' | 'interrupted';
  readonly rows: number;
  readonly sqlstate: string | undefined;
  readonly refusal: Refusal | undefined;
  readonly durationMs: number;
  /** Undefined: the rows that it returned, if any, cannot be attributed to data subjects. */
  readonly subjects?: SubjectsShown | undefined;
}

/** Whose data a result carried: the keyed HMACs (subject-hmac.ts) of the keys that stood in its rows. */
export interface SubjectsShown {
  /** Distinct, in the order of the rows; empty: no row came. */
  readonly hmacs: readonly string[];
  /**
   * The list is not complete: it has reached its limit, or the rows also carry data of subjects whose keys do not stand
   * in them (a join without the other side's key), so anybody's may be among it.
   */
  readonly truncated: boolean;
}

/** Opaque to the session; carried from intent to outcome. */
export interface AuditTicket {
  readonly uid: string;
  /** Undefined: go ahead. A promise: wait; a rejection means the statement must be refused (57P03). */
  readonly ready: Promise<void> | undefined;
}

/** The last removed event of each instance. */
export type TrimmedHeads = Readonly<Record<string, { readonly sequence: number; readonly hash: string }>>;

export type LifecycleEvent =
  | {
      readonly kind: 'alert';
      readonly alert: Alert;
      readonly policy: { readonly name: string; readonly version: string };
    }
  | { readonly kind: 'session-open'; readonly session: SessionIdentity }
  | {
      readonly kind: 'session-close';
      readonly session: SessionIdentity;
      readonly reason: string;
      readonly durationMs: number;
    }
  | {
      readonly kind: 'login-failed';
      readonly user: string;
      readonly database: string;
      readonly client: { readonly address: string; readonly port: number };
      readonly sqlstate: string;
      readonly reason: string;
    }
  | {
      readonly kind: 'guard-trip';
      readonly session: SessionIdentity;
      readonly table: number;
      readonly column: number;
    }
  | {
      readonly kind: 'policy-load';
      readonly result: 'loaded' | 'kept-last-good';
      readonly name: string;
      readonly version: string;
      readonly problems: number;
      /** What the set says, rule by rule, without any constant or key: path → short text. With `loaded` only. */
      readonly rules?: Readonly<Record<string, string>> | undefined;
    }
  | {
      /** Events that were kept nowhere: the spool took none and the memory for those that wait was used up. */
      readonly kind: 'dropped';
      readonly events: number;
      /** Of the first and of the last of them, in ms since 1970. */
      readonly since: number;
      readonly until: number;
      readonly reason: DropReason;
    }
  | {
      /** What was found and cut when the spool was opened behind a crash or damage. */
      readonly kind: 'recovered';
      readonly tornBytes: number;
      readonly damage: readonly {
        readonly segment: number;
        readonly offset: number;
        readonly bytes: number;
      }[];
      /** Statements without an outcome, which are recorded as interrupted. */
      readonly interrupted: number;
    }
  | {
      /** Entries are about to be removed from the stream. */
      readonly kind: 'trim';
      readonly stream: string;
      readonly entries: number;
      readonly instances: TrimmedHeads;
    }
  | {
      /** Segments of a spool that is the only log are about to be deleted by their age. */
      readonly kind: 'expiry';
      readonly segments: number;
      readonly instances: TrimmedHeads;
    }
  | { readonly kind: 'checkpoint'; readonly checkpoint: Checkpoint };

/** `disk`: it failed; `limit`: audit.spool_limits.bytes was reached; `bug`: the event could not be built. */
export type DropReason = 'disk' | 'limit' | 'bug';

export interface AuditPort {
  /** Before the statement goes upstream. */
  intent(record: StatementRecord): AuditTicket;
  /**
   * Before the client gets the end of the result. A promise must be awaited before the end is sent on; where it rejects,
   * the end may not be sent. Of a refused statement, which shows nothing, it never rejects.
   */
  outcome(ticket: AuditTicket, record: StatementRecord, outcome: StatementOutcome): Promise<void> | undefined;
  lifecycle(event: LifecycleEvent): void;
}
