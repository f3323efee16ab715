/**
 * Judges what actors do by the alert rules in force: one alert for each rule and actor within a window. A state machine over
 * counts: it reads no clock and does no I/O, and one of it judges for all workers, so that what somebody spreads over
 * them is counted together.
 *
 * INVARIANT(alerts-bounded): rules × MAX_ACTORS accounts, as many of those who have failed to log in, and MAX_SUBJECTS
 * subjects are remembered; beyond that actors are counted together with the others of their login, failed log-ins with all
 * others, and subjects twice: an alert too many, never one too few.
 */
import type { AlertRule } from '../../policy/alert-rules.js';
import { Account, type SavedAccount, type SubjectBudget } from './account.js';
import type { ActorCounts, Alert, AlertActor } from './alert.js';

/** Told apart by one rule. */
const MAX_ACTORS = 2_000;
const MAX_SUBJECTS = 1_000_000;

interface RuleState {
  readonly rule: AlertRule;
  /** The one that has been quiet for longest is first. */
  readonly accounts: Map<string, Account>;
  /** Names and addresses that only failed log-ins have shown. Anybody can make them up, so they push out nobody. */
  readonly unproven: Map<string, Account>;
}

/** The past of one actor under one `volume` rule. */
export interface SavedVolume extends SavedAccount {
  readonly rule: string;
  readonly windowMs: number;
}

export class AlertJudge {
  /** How often an actor was counted together with others because too many were told apart already. */
  overflows = 0;
  private readonly maxActors: number;
  private readonly budget: SubjectBudget;
  private states: readonly RuleState[] = [];
  private unclaimed: readonly SavedVolume[];

  /** @param saved - what a judge before this one has remembered */
  constructor(
    saved: readonly SavedVolume[] = [],
    limits: { readonly actors?: number; readonly subjects?: number } = {},
  ) {
    this.unclaimed = saved;
    this.maxActors = limits.actors ?? MAX_ACTORS;
    this.budget = { left: limits.subjects ?? MAX_SUBJECTS };
  }

  /** Rules that have not changed keep their counts; a `volume` rule keeps each actor's past as long as windows fit. */
  put(rules: readonly AlertRule[]): void {
    const before = new Map(this.states.map((state) => [state.rule.name, state]));
    const saved = [...this.unclaimed];
    for (const { rule, accounts } of this.states) {
      if (rules.some((one) => same(one, rule))) continue;
      for (const account of accounts.values()) account.forgetSubjects();
      if (rule.kind === 'volume')
        for (const account of accounts.values())
          saved.push({ ...account.save(), told: undefined, rule: rule.name, windowMs: rule.windowMs });
    }
    this.states = rules.map((rule) => {
      const known = before.get(rule.name);
      return known !== undefined && same(known.rule, rule) ? known : this.begin(rule, saved);
    });
    // A rule may come back with the next reload, but what nobody asks for cannot be kept for ever.
    this.unclaimed = saved
      .filter(({ rule }) => !rules.some(({ name }) => name === rule))
      .slice(-this.maxActors);
  }

  add(reported: readonly ActorCounts[], now: number): Alert[] {
    const alerts: Alert[] = [];
    for (const counts of reported) {
      const keys = { actor: keyOf(counts), login: keyOf(loginOf(counts)) };
      for (const state of this.states) {
        const { rule } = state;
        if (!concerns(rule, counts)) continue;
        const key = keys[rule.per];
        const account =
          counts.unproven === true
            ? this.unprovenOf(state, counts, key, now)
            : this.accountOf(state, counts, key, now);
        const alert = account.add(counts, now);
        if (alert !== undefined) alerts.push(alert);
      }
    }
    return alerts;
  }

  /** What is worth keeping over a restart. */
  *saved(): Generator<SavedVolume> {
    for (const { rule, accounts } of this.states) {
      if (rule.kind !== 'volume') continue;
      // Counting goes on between two of them, and moves accounts about.
      for (const account of [...accounts.values()])
        yield { ...account.save(), rule: rule.name, windowMs: rule.windowMs };
    }
  }

  private begin(rule: AlertRule, saved: readonly SavedVolume[]): RuleState {
    const accounts = new Map<string, Account>();
    if (rule.kind === 'volume')
      for (const one of saved) {
        if (one.rule !== rule.name || one.windowMs !== rule.windowMs) continue;
        const actor = actorOf(rule, one.actor);
        const account = new Account(rule, actor, 0, this.budget);
        account.restore(one);
        accounts.set(keyOf(actor), account);
      }
    return { rule, accounts, unproven: new Map() };
  }

  private accountOf(
    { rule, accounts, unproven }: RuleState,
    counts: ActorCounts,
    ownKey: string,
    now: number,
  ): Account {
    const known = accounts.get(ownKey) ?? this.proven(accounts, unproven, ownKey);
    if (known !== undefined) {
      accounts.delete(ownKey);
      accounts.set(ownKey, known);
      return known;
    }
    let key = ownKey;
    let actor = actorOf(rule, counts);
    if (accounts.size >= this.maxActors) {
      const [quietest] = accounts;
      if (quietest !== undefined && !quietest[1].isActive(now)) {
        quietest[1].forgetSubjects();
        accounts.delete(quietest[0]);
      } else {
        // Whoever makes up names would push out what counts against the real one.
        actor = { user: counts.user, role: actor.role, name: undefined, others: true };
        key = keyOf(actor);
        this.overflows += 1;
      }
    }
    const account = accounts.get(key) ?? new Account(rule, actor, now, this.budget);
    accounts.set(key, account);
    return account;
  }

  /** Whoever has failed to log in and now has: the same account, where there is room for it. */
  private proven(
    accounts: Map<string, Account>,
    unproven: Map<string, Account>,
    key: string,
  ): Account | undefined {
    const account = unproven.get(key);
    if (account === undefined || accounts.size >= this.maxActors) return undefined;
    unproven.delete(key);
    return account;
  }

  private unprovenOf(
    { rule, accounts, unproven }: RuleState,
    counts: ActorCounts,
    ownKey: string,
    now: number,
  ): Account {
    const proven = accounts.get(ownKey);
    if (proven !== undefined) return proven;
    let key = ownKey;
    let actor = actorOf(rule, counts);
    const known = unproven.get(key);
    if (known === undefined && unproven.size >= this.maxActors) {
      const [quietest] = unproven;
      if (quietest !== undefined && !quietest[1].isActive(now)) unproven.delete(quietest[0]);
      else {
        actor = { user: '', role: undefined, name: undefined, others: true };
        key = keyOf(actor);
        this.overflows += 1;
      }
    }
    const account = unproven.get(key) ?? new Account(rule, actor, now, this.budget);
    unproven.delete(key);
    unproven.set(key, account);
    return account;
  }
}

function concerns({ roles, kind }: AlertRule, counts: ActorCounts): boolean {
  if (roles !== undefined && (counts.role === undefined || !roles.includes(counts.role))) return false;
  switch (kind) {
    case 'volume':
      return counts.rows > 0;
    case 'subjects':
      return counts.subjects.size > 0 || counts.moreSubjects > 0;
    case 'refusals':
      return counts.refusals > 0;
    case 'equality_lookups':
      return counts.lookups > 0;
    case 'hours':
      return counts.minutes.size > 0;
  }
}

function loginOf({ user, address }: Pick<AlertActor, 'user' | 'address'>): AlertActor {
  return { user, role: undefined, name: undefined, ...(address === undefined ? {} : { address }) };
}

function actorOf({ per }: AlertRule, actor: AlertActor): AlertActor {
  const { user, role, name, address, others } = actor;
  if (per === 'login' || address !== undefined) return loginOf(actor);
  return others === true ? { user, role, name: undefined, others } : { user, role, name };
}

function keyOf({ user, role, name, address, others }: AlertActor): string {
  return JSON.stringify([user, role ?? null, name ?? null, address ?? null, others === true]);
}

/** Rules are data without order of their own. */
function same(a: AlertRule, b: AlertRule): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
