/** What enforce() takes and gives. The session, explain, the policy tests and the benches share these. */
import type { BoundPolicy, SessionRule } from '../policy/types.js';
import type { SearchPath } from '../resolve/types.js';
import type { Catalog } from '../catalog/types.js';
import type { NameUses } from '../sql/name-uses.js';
import type { StatementShape } from '../sql/shape.js';
import type { ByteString } from '../sql/types.js';
import type { SessionSettings, TokenClaims } from './session-settings.js';

export type { NameUse, NameUses } from '../sql/name-uses.js';

declare const enforcedBrand: unique symbol;

/** SQL that may go upstream for a governed session. Only the enforce station makes one. */
export type EnforcedSql = ByteString & { readonly [enforcedBrand]: 'EnforcedSql' };

/** Who asks, as far as a decision depends on it. */
export interface SessionFacts {
  readonly user: string;
  readonly database: string;
  readonly role: string;
  readonly purpose: string;
  readonly actor: ReadonlyMap<string, string>;
  readonly searchPath: SearchPath;
  /** What a live session's facts come from, and how they may change; undefined for explain and the policy tests. */
  readonly standing?: Standing | undefined;
}

/** Why nobody acts: the session has not claimed what it has to, or may not keep it. `role` and `purpose` are empty then. */
export type ClaimGap =
  | 'nothing-claimed'
  | 'role-not-open'
  | 'purpose-missing'
  | 'purpose-not-of-role'
  | 'actor-unreadable'
  | 'token-expired'
  | 'no-rule';

/** What a verified token came to. */
export type TokenOutcome =
  | { readonly ok: true; readonly claims: TokenClaims }
  /** In words, without anything that the token holds. */
  | { readonly ok: false; readonly reason: string };

export interface Standing {
  /** Of the policy in force; undefined: it has none for this session any more. */
  readonly rule: Pick<SessionRule, 'role' | 'purpose' | 'claims'> | undefined;
  readonly settings: SessionSettings;
  readonly gap: ClaimGap | undefined;
  /** The transaction under way has failed, so COMMIT will roll it back. */
  readonly failed: boolean;
  /** Tokens of the text under way that were verified. */
  readonly tokens: ReadonlyMap<string, TokenOutcome>;
  /** Milliseconds since 1970, so that nothing here reads a clock. */
  readonly now: number;
  /** Between transactions the server's session is somebody else's (a pooler in transaction mode). */
  readonly sharedServer?: boolean;
}

/** Why a statement is refused; expected, so a value and not an exception. */
export interface Refusal {
  /** Key into errors/catalog.ts. */
  readonly code: RefusalCode;
  readonly sqlstate: string;
  /** Without the `pgveil: ` prefix; lower case, no full stop, never a value or literal. */
  readonly message: string;
  readonly detail: string;
  readonly hint: string;
  /** The policy rule, or the fixed rule of pgveil, that decided. */
  readonly rule: string;
  /** Where in the client's own text, in characters from 1, as the server counts them. */
  readonly position?: number;
}

export type RefusalCode =
  | 'statement-not-allowed'
  | 'function-not-allowed'
  | 'operator-not-allowed'
  | 'relation-denied'
  | 'column-denied'
  | 'catalog-denied'
  | 'write-not-supported'
  | 'shape-not-supported'
  | 'setting-not-allowed'
  | 'claim-missing'
  | 'claim-refused'
  | 'server-session'
  | 'unknown-relation'
  | 'sql-problem'
  | 'statement-too-large'
  | 'unknown-prepared-statement'
  | 'catalog-stale'
  | 'audit-unavailable'
  | 'row-limit'
  | 'rewrite-mismatch';

/** How an output column leaves the proxy. */
export type OutputExposure =
  | { readonly name: string; readonly exposure: 'clear' }
  | { readonly name: string; readonly exposure: 'masked'; readonly mask: string; readonly label: string }
  | { readonly name: string; readonly exposure: 'unknown' };

/** One setting that the proxy follows. A value of undefined goes back to the log-in's. */
export type SettingChange =
  | { readonly setting: 'path'; readonly value: SearchPath | undefined; readonly local: boolean }
  | {
      readonly setting: 'role' | 'purpose' | 'actor';
      readonly value: string | undefined;
      readonly local: boolean;
    }
  | { readonly setting: 'token'; readonly value: TokenClaims | undefined; readonly local: boolean }
  /** RESET ALL */
  | { readonly setting: 'all' };

/** What a statement does to the session once the server has completed it. */
export type SessionEffect =
  | { readonly kind: 'set'; readonly changes: readonly SettingChange[] }
  | { readonly kind: 'prepare'; readonly name: string }
  | { readonly kind: 'execute'; readonly name: string }
  | { readonly kind: 'deallocate'; readonly name: string | undefined } // undefined: all
  | { readonly kind: 'declare-cursor'; readonly name: string }
  | { readonly kind: 'fetch'; readonly name: string }
  | { readonly kind: 'close-cursor'; readonly name: string | undefined }
  | { readonly kind: 'discard-all' }
  | {
      readonly kind: 'transaction';
      readonly what: 'begin' | 'commit' | 'rollback' | 'savepoint' | 'release' | 'rollback-to';
      /** Of the savepoint, where the statement names one. */
      readonly name?: string | undefined;
    };

/** How keys of a column are spelled. */
export type KeyKind = 'number' | 'uuid' | 'text' | 'bpchar' | 'bytea' | 'other';

/** An output column that carries the key of a data subject. */
export interface SubjectOutput {
  /** From 0. */
  readonly position: number;
  readonly kind: KeyKind;
  /** Of the output column; undefined where the server chooses it among several. */
  readonly typeOid: number | undefined;
}

/** How the rows of a COPY TO are written. */
export interface CopyLayout {
  readonly format: 'text' | 'csv' | 'binary';
  readonly header: boolean;
  readonly delimiter: string;
  readonly null: string;
  readonly quote: string;
  readonly escape: string;
}

/** Whose data the rows of a statement carry, and where the keys stand in them. */
export interface SubjectPlan {
  /** By position; at least one. */
  readonly outputs: readonly SubjectOutput[];
  /** How many a row has. */
  readonly fields: number;
  /** A row is nobody's data but those whose keys stand in it. */
  readonly complete: boolean;
  /** FETCH in a Query brings binary rows. */
  readonly binaryCursor?: boolean;
  readonly copy?: CopyLayout;
}

/** What the audit, the guard and the metrics need to know of a planned statement. */
export interface PlanFacts {
  /** PostgreSQL's word: SELECT, INSERT, COPY, SET, … */
  readonly command: string;
  /** It reads or writes protected data, so strict durability wants its intent on disk first. */
  readonly protectedData: boolean;
  /** Schema-qualified names. */
  readonly tables: readonly string[];
  /** `schema.table.column` → how it was shown. Only columns of protected relations that the statement reads. */
  readonly columns: Readonly<Record<string, 'clear' | 'masked' | 'denied'>>;
  readonly maskedLabels: readonly string[];
  /** With how many values real ones are compared under `where: equality`; absent: none. */
  readonly lookups?: number;
  /** Those of `tables` whose rows are data subjects' data. */
  readonly subjectTables?: readonly string[];
  /** Undefined: its rows carry no key of a data subject in the clear. */
  readonly subjects?: SubjectPlan;
  readonly rules: readonly string[];
  readonly outputs: readonly OutputExposure[] | undefined;
  /** It cannot return a row. */
  readonly silent?: boolean;
  /** It has a name that was not found. Unless the server finds it, it may be a value without quotes. */
  readonly openNames?: boolean;
  /**
   * `tableOid:attnum` of base columns that must not stand in a RowDescription of this statement:
   * a field that claims to be one is a bug of ours, and the guard cuts the connection.
   */
  readonly forbiddenFields: ReadonlySet<string>;
  readonly consent: { readonly purpose: string; readonly source: string } | undefined;
  readonly effect: SessionEffect | undefined;
  /** Cursors whose rows it writes (WHERE CURRENT OF). */
  readonly cursors?: readonly string[];
  /** Parameters, by number, that a Parse message may declare as numbers alone (rewrite/hoist.ts). */
  readonly bigintParameters?: readonly number[];
}

/**
 * Where the client's own bytes stand in an enforced text, so that a position in an error can be told in the client's
 * text: three numbers for each stretch, its offset in the enforced text, in the client's, and its length.
 */
export type KeptSpans = readonly number[];

export type Plan =
  /** Sent as it came (comments blanked): nothing protected is touched, names were already qualified or are none. */
  | {
      readonly kind: 'forward';
      readonly sql: EnforcedSql;
      readonly facts: PlanFacts;
      readonly kept?: KeptSpans;
    }
  | {
      readonly kind: 'rewrite';
      readonly sql: EnforcedSql;
      readonly facts: PlanFacts;
      readonly kept?: KeptSpans;
    }
  | { readonly kind: 'refuse'; readonly refusal: Refusal; readonly facts: PlanFacts };

/** Catalog and policy that belong together: `policy.catalogVersion === catalog.version`. */
export interface EnforceContext {
  readonly catalog: Catalog;
  readonly policy: BoundPolicy;
}

export interface PlannedFor {
  readonly session: SessionFacts;
  readonly epoch: string;
}

/** A whole query text (one Query or Parse message) after enforcement. */
export interface QueryPlan {
  /** One per statement, in order; empty for an empty query. */
  readonly plans: readonly Plan[];
  /** The client's bytes; absent when nothing was planned. */
  readonly text?: ByteString;
  /** Literals removed, comments dropped; for the audit and the logs. */
  readonly auditText: string;
  /** Hex, equal for equal shapes. */
  readonly shapeId: string;
  /** Of each statement by itself, where there are several. */
  readonly shapes?: readonly StatementShape[] | undefined;
  /** sqlcommenter tags, decoded. */
  readonly tags: Readonly<Record<string, string>>;
  readonly cache: 'hit' | 'miss';
  /** Where the text itself changes who asks or its search_path: for each statement what it was planned for. */
  readonly plannedFor?: readonly PlannedFor[] | undefined;
  /** This token has to be verified, and the text planned again with the outcome. Never to be logged. */
  readonly awaitsToken?: string | undefined;
  /** The text names a token, so it may never go anywhere as the client wrote it. */
  readonly secret?: boolean | undefined;
  /** Changes with policy, catalog, role or purpose; a prepared statement of another epoch must be planned again. */
  readonly epoch: string;
}

/** Lex, look up, parse, enforce. A promise only when a large statement has to be parsed in a worker. */
export interface Planner {
  plan(sql: Uint8Array, session: SessionFacts, context: EnforceContext): QueryPlan | Promise<QueryPlan>;
  /** What QueryPlan.epoch would be for this session now; memoised, so cheap enough for every Bind. */
  epoch(session: SessionFacts, context: EnforceContext): string;
  /** For exempt sessions: audit text and shape only; never fails, never refuses, never parses. */
  describe(sql: Uint8Array): {
    readonly auditText: string;
    readonly shapeId: string;
    readonly command: string;
    readonly tags: Readonly<Record<string, string>>;
  } & NameUses;
}
