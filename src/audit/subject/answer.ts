/** What `audit subject` answers, as it is printed with --format json: times in ISO 8601, names as in the events. */
import type { Doubt } from './finding.js';

export interface Span {
  readonly count: number;
  readonly first: string;
  readonly last: string;
}

/** Who. */
export interface Accessor {
  readonly user: string;
  /** What the client's sqlcommenter tag `actor` claims; nobody has checked it. */
  readonly claimed_actor: string | null;
  readonly role: string | null;
  readonly purpose: string | null;
  readonly legal_basis: string | null;
}

/** Accesses of one kind: same accessor, same statement, same columns. */
export interface Access extends Span, Accessor {
  readonly database: string;
  readonly decision: 'allowed' | 'modified' | 'observed';
  /** Also failed ones: rows may have come before the failure. */
  readonly status: string;
  readonly columns: { readonly clear: readonly string[]; readonly masked: readonly string[] };
  readonly tables: readonly string[];
  readonly statement: string;
  readonly statement_uid: string;
  readonly policies: readonly string[];
  readonly addresses: readonly string[];
  readonly applications: readonly string[];
  /** To find it in the log. */
  readonly first_event: { readonly uid: string; readonly place: string };
}

export interface PossibleAccess extends Span, Accessor {
  readonly reason: Doubt;
  /** Returned or written, where the events say. */
  readonly rows: number;
  /** Some of them; `statements` says how many kinds there are, up to a bound. */
  readonly examples: readonly string[];
  readonly statements: number;
  readonly tables: readonly string[];
}

export interface RefusedAccess extends Span, Accessor {
  readonly sqlstate: string | null;
  readonly reason: string | null;
  readonly rules: readonly string[];
  readonly tables: readonly string[];
  readonly statement: string;
  readonly statement_uid: string;
}

export interface SubjectAnswer {
  readonly source: string;
  readonly since: string | null;
  readonly until: string | null;
  /** Only when it was asked for: the key is personal data. */
  readonly key?: string;
  readonly attributed: readonly Access[];
  readonly possible: readonly PossibleAccess[];
  readonly refused: readonly RefusedAccess[];
  readonly coverage: {
    readonly events_read: number;
    readonly first_event: string | null;
    readonly last_event: string | null;
    /** Refused before it was known what they would have read. */
    readonly refused_unread: number;
    /** Events (and copies of them) that name data subjects with another key: whether this one is among them is not known. */
    readonly other_key: number;
    /** Places of the log that hold no event that can be read; the first of them. */
    readonly unreadable: { readonly count: number; readonly places: readonly string[] };
    /** Chains that begin later than with their first event: what came before is not there (trimmed, or deleted). */
    readonly begins_late: readonly { readonly instance: string; readonly sequence: number }[];
    /** Groups beyond the bound, counted together under the empty name. */
    readonly grouped_together: number;
  };
}
