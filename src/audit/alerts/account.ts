/**
 * One actor under one alert rule: what it has done in the window that is open, and for `volume` what it did in those
 * before. Knows no clock: whoever counts says which window it is.
 */
import type { AlertRule } from '../../policy/alert-rules.js';
import type { ActorCounts, Alert, AlertActor } from './alert.js';
import { isOutside } from './zone-clock.js';

/** How long an actor's own past counts. */
const HISTORY_MS = 14 * 24 * 3_600_000;
/** Two weeks of hours. With shorter windows the past is that of the last so many in which there was anything. */
const MAX_WINDOWS = 336;
/** Fewer are no past: one large window would make the next one look usual. */
const LEAST_WINDOWS = 5;

/** What survives a restart. */
export interface SavedAccount {
  readonly actor: AlertActor;
  readonly window: number;
  readonly count: number;
  readonly alerted: boolean;
  /** Windows and their counts, oldest first. */
  readonly past: readonly (readonly [number, number])[];
}

/** How many subjects are remembered over all accounts; beyond it each one counts anew, so that alerts come too early. */
export interface SubjectBudget {
  left: number;
}

export class Account {
  readonly actor: AlertActor;
  private readonly rule: AlertRule;
  private readonly budget: SubjectBudget;
  private window: number;
  private count = 0;
  private alerted = false;
  private seen = new Set<string>();
  private past: (readonly [number, number])[] = [];

  constructor(rule: AlertRule, actor: AlertActor, window: number, budget: SubjectBudget) {
    this.rule = rule;
    this.actor = actor;
    this.window = window;
    this.budget = budget;
  }

  /** Whether it has done anything in this window. */
  isActive(window: number): boolean {
    return this.window === window && this.count > 0;
  }

  /** The alert, if this is what makes it: one in a window. */
  add(counts: ActorCounts, window: number): Alert | undefined {
    this.open(window);
    this.count += this.counted(counts);
    if (this.alerted || this.count === 0) return undefined;
    const verdict = this.verdict(window);
    if (verdict === undefined) return undefined;
    this.alerted = true;
    this.forgetSubjects();
    const { name: rule, kind, severity, windowMs } = this.rule;
    const since = this.window * windowMs;
    return {
      rule,
      kind,
      severity,
      actor: this.actor,
      window: { since, until: since + windowMs },
      observed: this.count,
      ...verdict,
    };
  }

  save(): SavedAccount {
    const { actor, count, alerted, past } = this;
    return { actor, window: this.window, count, alerted, past: [...past] };
  }

  restore({ window, count, alerted, past }: SavedAccount): void {
    this.window = window;
    this.count = count;
    this.alerted = alerted;
    this.past = [...past];
  }

  /** Gives back what it holds of the budget. */
  forgetSubjects(): void {
    this.budget.left += this.seen.size;
    this.seen = new Set();
  }

  private open(window: number): void {
    // Reports come a moment late, so the window before is taken for this one. Further back the clock has been set, and
    // waiting for it to come round again would let everything pass until then.
    if (window === this.window || window === this.window - 1) return;
    if (this.rule.kind === 'volume' && this.count > 0) this.past.push([this.window, this.count]);
    this.window = window;
    this.count = 0;
    this.alerted = false;
    this.forgetSubjects();
    this.expire(window);
  }

  private expire(window: number): void {
    const oldest = window - HISTORY_MS / this.rule.windowMs;
    // A window in the future was counted before the clock was set back.
    this.past = this.past.filter(([index]) => index >= oldest && index <= window).slice(-MAX_WINDOWS);
  }

  private counted(counts: ActorCounts): number {
    const { rule } = this;
    switch (rule.kind) {
      case 'volume':
        return counts.rows;
      case 'refusals':
        return counts.refusals;
      case 'equality_lookups':
        return counts.lookups;
      case 'subjects':
        return this.newSubjects(counts);
      case 'hours': {
        let outside = 0;
        for (const [minute, statements] of counts.minutes)
          if (isOutside(rule.outside, minute)) outside += statements;
        return outside;
      }
    }
  }

  private newSubjects({ subjects, moreSubjects }: ActorCounts): number {
    if (this.alerted) return subjects.size + moreSubjects;
    let fresh = moreSubjects;
    for (const subject of subjects) {
      if (this.seen.has(subject)) continue;
      fresh += 1;
      if (this.budget.left === 0) continue;
      this.budget.left -= 1;
      this.seen.add(subject);
    }
    return fresh;
  }

  private verdict(window: number): Pick<Alert, 'threshold' | 'usual'> | undefined {
    const { rule, count } = this;
    switch (rule.kind) {
      case 'volume': {
        if (count < rule.atLeast) return undefined;
        this.expire(window);
        const known = this.past.length >= LEAST_WINDOWS ? this.past.map(([, rows]) => rows) : [];
        const median = medianOf(known);
        const threshold = Math.max(rule.atLeast, Math.ceil(rule.times * median));
        return count < threshold ? undefined : { threshold, usual: { median, windows: known.length } };
      }
      case 'hours':
        return { threshold: 0 };
      default:
        return count > rule.over ? { threshold: rule.over } : undefined;
    }
  }
}

/** 0 without any: an actor that is new has no past to be measured by. */
function medianOf(counts: readonly number[]): number {
  const sorted = [...counts].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length === 0) return 0;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
