/**
 * What the console shows, as plain data that may come from another process, and the one thing that it may do.
 * It knows no messages and no tables; app.ts implements it.
 */

/** Statements of one role. */
export interface RoleStats {
  /** Empty: exempt sessions. */
  readonly role: string;
  readonly forwarded: number;
  readonly rewritten: number;
  readonly denied: number;
  readonly observed: number;
  readonly rows: number;
}

/** One sample of /metrics, without the prefix `pgveil_`. */
export interface TotalFact {
  readonly name: string;
  /** `direction=from_client`; empty where there is but one. */
  readonly labels: string;
  readonly value: number;
}

export interface ConsoleStats {
  readonly roles: readonly RoleStats[];
  readonly totals: readonly TotalFact[];
}

export type ClientState = 'log-in' | 'idle' | 'active' | 'in transaction';

/** One client connection. Never the text of a statement, never a value. */
export interface ClientFacts {
  /** As in the audit's events; empty before the log-in. */
  readonly id: string;
  readonly user: string;
  readonly database: string;
  readonly role: string | undefined;
  readonly purpose: string | undefined;
  readonly exempt: boolean | undefined;
  readonly address: string;
  readonly port: number;
  readonly state: ClientState;
  /** ISO 8601. */
  readonly connectedSince: string;
  readonly applicationName: string;
  /** `TLSv1.3`; undefined: not encrypted. */
  readonly clientTls: string | undefined;
  readonly upstreamTls: string | undefined;
  readonly statements: number;
  /** Which process serves it. */
  readonly worker: number;
}

export interface PolicyFacts {
  readonly name: string;
  readonly version: string;
  readonly mode: string;
  /** ISO 8601. */
  readonly loadedAt: string;
  readonly files: readonly string[];
  readonly roles: readonly string[];
  readonly warnings: number;
  /** Roles whose review is due. */
  readonly overdueReviews: readonly string[];
  /** Databases whose statements it decides about. */
  readonly databases: readonly string[];
  /** Databases that it does not fit. */
  readonly unfit: readonly string[];
}

export interface ConfigFact {
  readonly name: string;
  /** Secrets hidden. */
  readonly value: string;
  readonly origin: string;
}

export interface VersionFacts {
  readonly pgveil: string;
  readonly node: string;
  readonly postgresql: string | undefined;
}

/** `problems` empty: what is in the files is in force. */
export interface ReloadOutcome {
  readonly policy: string;
  readonly version: string;
  readonly problems: readonly string[];
}

export interface ConsoleSource {
  stats(): Promise<ConsoleStats>;
  clients(): Promise<readonly ClientFacts[]>;
  policies(): Promise<readonly PolicyFacts[]>;
  config(): Promise<readonly ConfigFact[]>;
  version(): Promise<VersionFacts>;
  reload(): Promise<ReloadOutcome>;
}

/** The virtual database's name. A real database of this name cannot be reached through pgveil. */
export const CONSOLE_DATABASE = 'pgveil';
