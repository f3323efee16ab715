/** What is counted of an actor, and what an alert says. Names and numbers alone: both cross the border between processes. */
import type { AlertKind, AlertSeverity } from '../../policy/alert-rules.js';

export interface AlertActor {
  readonly user: string;
  /** Undefined: an exempt session, or nobody has claimed a role. A rule per login says no role. */
  readonly role: string | undefined;
  /** As the claim names whoever acts. */
  readonly name: string | undefined;
  /** Log-ins failed from here, under whatever names; `user` is empty then. */
  readonly address?: string | undefined;
  /** More actors came than are told apart: these are the others of the login, together; of nobody's, where it is empty. */
  readonly others?: boolean;
}

/** What one actor has done since the last report. */
export interface ActorCounts {
  readonly user: string;
  readonly role: string | undefined;
  readonly name: string | undefined;
  readonly address?: string | undefined;
  /** Log-ins that failed: nobody has proven to be this user. */
  readonly unproven?: boolean;
  readonly rows: number;
  readonly refusals: number;
  readonly lookups: number;
  /** Minutes since 1970 in which statements began that reached protected data, with how many. */
  readonly minutes: ReadonlyMap<number, number>;
  /** The beginning of each data subject's HMAC. */
  readonly subjects: ReadonlySet<string>;
  /** Rows whose subjects nobody told apart, because there were too many. */
  readonly moreSubjects: number;
}

export interface Alert {
  readonly rule: string;
  readonly kind: AlertKind;
  readonly severity: AlertSeverity;
  readonly actor: AlertActor;
  /** What was counted, in milliseconds since 1970: from `since` on, before `until`. */
  readonly window: { readonly since: number; readonly until: number };
  readonly observed: number;
  /** The alert came because more than this, or for `volume` as much as this, was observed. */
  readonly threshold: number;
  /** Of `volume` alone: what the actor's own windows have been like. */
  readonly usual?: { readonly median: number; readonly windows: number };
}
