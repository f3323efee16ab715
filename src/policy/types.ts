/**
 * What a policy says of a relation, for one role and purpose, after it was bound to a catalog.
 * Decisions are data; turning them into SQL is the rewrite station's work.
 */
import type { Oid, Relation } from '../catalog/types.js';

/** A place in a policy or config file. Lines and columns count from 1. */
export interface SourcePlace {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

export interface PolicyProblem {
  readonly place: SourcePlace;
  readonly severity: 'error' | 'warning';
  /** Stable identifier, e.g. `unknown-column`. */
  readonly code: string;
  /** The offending text as written. */
  readonly text: string;
  readonly message: string;
  readonly fix: string;
}

/** SQL over one value. `value` is an SQL expression of the column's exact type; the result has the same type and typmod. */
export type MaskSql = (value: string) => string;

/** How a masked column behaves in conditions, sorting, grouping and joins (SPEC 3, `where`). */
export type WhereMode = 'masked' | 'equality' | 'deny';

/** What becomes of a value that is written to a labelled column (SPEC 3, `write`). */
export type WriteMode = 'keep' | 'reject' | 'allow';

/** What tells masks from values among what a client writes to a masked column. Absent members tell nothing. */
export interface MaskWriting {
  /** SQL, true for a value that can only be the mask's own work. Absent where ordinary values look the same. */
  readonly looksMasked?: MaskSql;
  /** SQL, true for a document that holds something at a denied path. */
  readonly holdsDenied?: MaskSql;
  /**
   * Where only places inside a value are masked: SQL for the written value, with the stored places put back wherever it
   * still holds their masks.
   */
  readonly putBack?: (written: string, stored: string) => string;
}

export type ColumnDecision =
  | {
      readonly kind: 'clear';
      readonly label: string | undefined;
      /** Only `reject` says anything of a column that is shown as it is; absent means allow. */
      readonly write?: WriteMode;
    }
  | {
      readonly kind: 'masked';
      readonly label: string;
      readonly mask: string;
      readonly sql: MaskSql;
      readonly where: WhereMode;
      readonly write: WriteMode;
      readonly writing?: MaskWriting;
    }
  | { readonly kind: 'denied'; readonly label: string | undefined };

/** Whose data the rows of a relation are. */
export interface RowSubjects {
  /** Columns that hold keys of data subjects. */
  readonly keys: readonly number[];
  /** A row is the data of those alone whose keys it holds, or that `via` leads to. */
  readonly complete: boolean;
  /** The row holds no key itself. */
  readonly via?: SubjectPath;
}

/** From a protected relation's row to the key of its data subject. */
export interface SubjectPath {
  /** Column of the protected relation. */
  readonly column: number;
  /** Hops along foreign keys: match `column` so far with `relation.match`, go on with `relation.next`. */
  readonly hops: readonly { readonly relation: Relation; readonly match: number; readonly next: number }[];
}

/**
 * A policy's own SQL condition, validated against one relation and safe to print: operators and functions are
 * qualified with pg_catalog, column references go through `column`.
 */
export interface PolicyCondition {
  readonly relation: Relation;
  /** Attributes of the actor that it reads; any that is missing means that no row passes. */
  readonly attributes: readonly string[];
  /** Boolean SQL. `alias` is the quoted alias of `relation` where it is used. Undefined when an attribute is missing. */
  sql(alias: string, actor: ReadonlyMap<string, string>): string | undefined;
}

/** One condition under which a row may be seen. All guards of a relation must hold. */
export type RowGuard =
  | {
      readonly kind: 'consent';
      readonly rule: string;
      /** opt-in: a given row is needed. opt-out: a given row (an objection) hides. */
      readonly sense: 'opt-in' | 'opt-out';
      readonly source: Relation;
      /** history: the newest row per subject and purpose decides. single: at most one row exists. */
      readonly shape: 'history' | 'single';
      readonly subject: number;
      readonly purpose: number;
      readonly status: number;
      readonly recordedAt: number | undefined;
      readonly expiresAt: number | undefined;
      readonly given: readonly string[];
      /** The value of consents.purpose. */
      readonly purposeValue: string;
      readonly path: SubjectPath;
    }
  | {
      /** A condition over the subject's own table: `when` of a purpose (expected true) or of `restricted` (expected false). */
      readonly kind: 'subject-condition';
      readonly rule: string;
      readonly condition: PolicyCondition;
      readonly expected: boolean;
      /** Undefined when the guarded relation is the subject's table itself. */
      readonly path: SubjectPath | undefined;
      /** The subject table's key column. */
      readonly key: number;
    }
  | { readonly kind: 'retention'; readonly rule: string; readonly column: number; readonly keep: string } // an interval
  | { readonly kind: 'rows'; readonly rule: string; readonly condition: PolicyCondition };

export type RelationDecision =
  /** Nothing of it is protected for this role. */
  | { readonly access: 'open' }
  | { readonly access: 'denied'; readonly rule: string; readonly reason: string; readonly hint: string }
  | {
      readonly access: 'protected';
      /** One entry per live column, by attnum. */
      readonly columns: ReadonlyMap<number, ColumnDecision>;
      readonly guards: readonly RowGuard[];
      /** Columns that stay bare although rows are guarded: subject keys and keys that lead to them, where clear. */
      readonly linkable: ReadonlySet<number>;
      readonly rules: readonly string[];
      /** Undefined: its rows are nobody's that the policy names. */
      readonly subject: RowSubjects | undefined;
    };

export interface SessionRule {
  readonly place: SourcePlace;
  readonly exempt: boolean;
  readonly audit: 'statements' | 'connections';
  readonly role: string | undefined;
  readonly purpose: string | undefined;
  /** How a role is claimed; undefined where `role` is fixed. */
  readonly claims?: ClaimRule | undefined;
}

/** Which roles a session may claim, and how (SPEC 3, `may` and `claims`). */
export interface ClaimRule {
  readonly by: ClaimSource;
  /** Role → its purposes. */
  readonly may: ReadonlyMap<string, readonly string[]>;
  /** A pool shares the connection between clients, so that a claim ends with its transaction. */
  readonly pooled?: boolean;
}

export type ClaimSource =
  | { readonly kind: 'settings' }
  | {
      readonly kind: 'token';
      readonly issuer: string;
      readonly audience: string;
      /** Public keys. The same object as long as the policy set is in force. */
      readonly keys: PublicKeySet;
    };

/** A JSON Web Key Set (RFC 7517) of asymmetric public keys. */
export interface PublicKeySet {
  readonly keys: readonly Readonly<Record<string, unknown>>[];
}

/** A purpose as the audit event reports it. */
export interface PurposeFacts {
  readonly name: string;
  readonly legalBasis: string;
  readonly consentPurpose: string | undefined;
  readonly consentSource: string | undefined;
}

/** How many rows a role is shown (SPEC 3, `limits`). */
export interface RowLimits {
  readonly rowsPerStatement: number | undefined;
  readonly rowsPerHour: number | undefined;
}

export interface RolePolicy {
  readonly purposes: readonly string[];
  /** Undefined: no limit, and no cost. */
  readonly limits?: RowLimits | undefined;
}

/** A policy set tied to one catalog. Immutable; swapped whole on reload. */
export interface BoundPolicy {
  readonly name: string;
  /** Hash over the policy files' canonical content. */
  readonly version: string;
  readonly catalogVersion: string;
  readonly mode: 'enforce' | 'observe';
  readonly roles: ReadonlyMap<string, RolePolicy>;
  readonly purposes: ReadonlyMap<string, PurposeFacts>;
  /** Fully qualified functions outside pg_catalog that governed sessions may call, e.g. `public.score`. */
  readonly allowedFunctions: ReadonlySet<string>;
  /** Memoised; the same arguments give the same object. Unknown role, purpose or relation: denied. */
  decide(role: string, purpose: string, relation: Oid): RelationDecision;
}

/** What `sessions` match on. */
export interface Connecting {
  readonly user: string;
  readonly database: string;
  readonly address: string;
  /** The common name of the client's certificate, if it has shown one that `listen.tls.client_ca` has signed. */
  readonly certificate?: string | undefined;
  /** As the startup packet claims it. */
  readonly applicationName?: string | undefined;
}

/** The policy files, validated in themselves. Binding to a catalog may still find problems. */
export interface PolicySet {
  readonly name: string;
  readonly version: string;
  matchSession(who: Connecting): SessionRule | undefined;
}
