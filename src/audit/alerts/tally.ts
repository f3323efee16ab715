/**
 * Counts what each actor does, for the judge of alerts: a few additions per statement, nothing that waits and nothing
 * that grows beyond its bounds. What was counted is taken once a moment; it judges nothing.
 */
import type { AlertRule } from '../../policy/alert-rules.js';
import type { LifecycleEvent, SessionIdentity, StatementOutcome, StatementRecord } from '../types.js';
import type { ActorCounts } from './alert.js';

/** Between two takings; beyond that names are not told apart. */
const MAX_ACTORS = 2_000;
const MAX_SUBJECTS = 200_000;
/** Names and addresses of failed log-ins, which anybody can make up. */
const MAX_UNPROVEN = 1_000;
/** 48 bits of each HMAC: among 100,000 two are alike once in 50,000 times. */
const SUBJECT_CHARS = 8;
const MINUTE_MS = 60_000;
const MAX_NAME_CHARS = 128;

/** Their statement has been counted where it began, or is counted where it runs. */
const NO_LOOKUP: ReadonlySet<string> = new Set(['FETCH', 'MOVE', 'PREPARE']);
/** Their rows are nobody's: a count of rows, and a plan's lines. */
const NO_PEOPLE: ReadonlySet<string> = new Set(['MOVE', 'EXPLAIN']);
/** What pgveil could not decide is no probe, however often somebody tries. */
const NO_PROBE: ReadonlySet<string> = new Set(['audit-unavailable', 'catalog-stale', 'server-session']);
/** insufficient_privilege, from pgveil and from the server alike. */
const REFUSED = '42501';
/** invalid_authorization_specification: the password, the certificate, the place. A server that is down is no probe. */
const NOT_AUTHORISED = /^28/;

type FailedLogin = Extract<LifecycleEvent, { readonly kind: 'login-failed' }>;

interface Counts extends ActorCounts {
  rows: number;
  refusals: number;
  lookups: number;
  readonly minutes: Map<number, number>;
  readonly subjects: Set<string>;
  moreSubjects: number;
}

interface Asked {
  readonly minutes: boolean;
  readonly refusals: boolean;
  /** As many subjects as any rule needs to see; 0: none. */
  readonly subjects: number;
}

export class AlertTally {
  private asked: Asked | undefined;
  private counts = new Map<string, Counts>();
  private unproven = new Map<string, Counts>();
  private subjects = 0;
  private readonly keys = new WeakMap<SessionIdentity, string>();

  get isEmpty(): boolean {
    return this.counts.size === 0 && this.unproven.size === 0;
  }

  /** Without rules nothing is counted. */
  put(rules: readonly AlertRule[]): void {
    const limits = rules.flatMap((rule) => (rule.kind === 'subjects' ? [rule.over + 1] : []));
    this.asked =
      rules.length === 0
        ? undefined
        : {
            minutes: rules.some(({ kind }) => kind === 'hours'),
            refusals: rules.some(({ kind }) => kind === 'refusals'),
            subjects: Math.max(0, ...limits),
          };
  }

  /** Counts for the name and for the address: one is guessed at from many places, or many from one. */
  addFailedLogin({ user, client: { address }, sqlstate }: FailedLogin): void {
    if (this.asked?.refusals !== true || !(NOT_AUTHORISED.test(sqlstate) || sqlstate === REFUSED)) return;
    if (user !== '') this.unprovenOf(user, undefined).refusals += 1;
    this.unprovenOf('', address).refusals += 1;
  }

  add(record: StatementRecord, outcome: StatementOutcome, now: number): void {
    const { asked } = this;
    if (asked === undefined) return;
    const { session, facts } = record;
    const reached = facts === undefined ? session.exempt : facts.protectedData;
    const refused = isRefusal(outcome);
    if (!reached && !refused) return;
    const counts = this.countsOf(session);
    if (refused) counts.refusals += 1;
    if (!reached) return;
    counts.rows += outcome.rows;
    // Whatever becomes of a look-up, an error too may tell what was found.
    if (facts?.lookups !== undefined && outcome.status !== 'refused' && !NO_LOOKUP.has(record.command))
      counts.lookups += facts.lookups;
    if (asked.minutes) {
      const minute = Math.floor((now - outcome.durationMs) / MINUTE_MS);
      counts.minutes.set(minute, (counts.minutes.get(minute) ?? 0) + 1);
    }
    if (asked.subjects === 0 || facts === undefined) return;
    if (outcome.subjects !== undefined) this.addSubjects(counts, outcome, asked.subjects);
    // Whose rows they are nobody has written down. Whoever leaves out the key would else be counted as nothing.
    else if (facts.subjectTables?.length && facts.silent !== true && !NO_PEOPLE.has(record.command))
      counts.moreSubjects += outcome.rows;
  }

  /** Hands over what was counted, and begins anew. */
  take(): readonly ActorCounts[] {
    const taken = [...this.counts.values(), ...this.unproven.values()];
    this.counts = new Map();
    this.unproven = new Map();
    this.subjects = 0;
    return taken;
  }

  private addSubjects(counts: Counts, { subjects, rows }: StatementOutcome, most: number): void {
    if (subjects === undefined) return;
    const { hmacs, truncated } = subjects;
    for (const hmac of hmacs) {
      // More than any rule allows: it fires, and needs no more of them.
      if (counts.subjects.size >= most) return;
      if (this.subjects >= MAX_SUBJECTS) {
        counts.moreSubjects += 1;
        continue;
      }
      const before = counts.subjects.size;
      counts.subjects.add(hmac.slice(0, SUBJECT_CHARS));
      this.subjects += counts.subjects.size - before;
    }
    // Whose the other rows are nobody has written down: as if each were somebody else's.
    if (truncated) counts.moreSubjects += Math.max(1, rows - hmacs.length);
  }

  private countsOf(session: SessionIdentity): Counts {
    const { user, role } = session;
    let key = this.keys.get(session);
    if (key === undefined) {
      key = JSON.stringify([user, role ?? null, nameOf(session) ?? null]);
      this.keys.set(session, key);
    }
    const known = this.counts.get(key);
    if (known !== undefined) return known;
    let name = nameOf(session);
    if (this.counts.size >= MAX_ACTORS) {
      name = undefined;
      key = JSON.stringify([user, role ?? null, null]);
    }
    const counts = this.counts.get(key) ?? { user, role, name, ...nothing() };
    this.counts.set(key, counts);
    return counts;
  }

  private unprovenOf(user: string, address: string | undefined): Counts {
    let key = JSON.stringify([user, address ?? null]);
    let who = { user, address };
    if (!this.unproven.has(key) && this.unproven.size >= MAX_UNPROVEN) {
      key = '';
      who = { user: '', address: undefined };
    }
    const counts = this.unproven.get(key) ?? {
      ...who,
      role: undefined,
      name: undefined,
      unproven: true,
      ...nothing(),
    };
    this.unproven.set(key, counts);
    return counts;
  }
}

function nothing() {
  return {
    rows: 0,
    refusals: 0,
    lookups: 0,
    minutes: new Map<number, number>(),
    subjects: new Set<string>(),
    moreSubjects: 0,
  };
}

function isRefusal({ status, refusal, sqlstate }: StatementOutcome): boolean {
  if (refusal !== undefined) return !NO_PROBE.has(refusal.code);
  return status === 'failure' && sqlstate === REFUSED;
}

function nameOf({ actorName }: SessionIdentity): string | undefined {
  return actorName?.slice(0, MAX_NAME_CHARS);
}
