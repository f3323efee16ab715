/**
 * One actor under one alert rule: what it has done in the window that slides with the time, and for `volume` what it did
 * in the whole windows before. Knows no clock: whoever counts says when it is.
 */
import type { AlertRule } from '../../policy/alert-rules.js';
import type { ActorCounts, Alert, AlertActor } from './alert.js';
import { sliceOf, SLICES, SlidingCount } from './sliding-count.js';
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
  /** The whole window that is open, from 1970 on, and what was counted in it. */
  readonly window: number;
  readonly count: number;
  /** Slice of the last alert, while it speaks for what happens. */
  readonly told?: number | undefined;
  /** What slides: slices and their counts, oldest first. */
  readonly slices: readonly (readonly [number, number])[];
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
  private slice: number;
  private readonly recent = new SlidingCount();
  /** The slice in which each subject was seen last; that one is at the end. */
  private seen = new Map<string, number>();
  private told: number | undefined;
  private lastActive = -Infinity;
  private window: number;
  private count = 0;
  private past: (readonly [number, number])[] = [];

  constructor(rule: AlertRule, actor: AlertActor, now: number, budget: SubjectBudget) {
    this.rule = rule;
    this.actor = actor;
    this.budget = budget;
    this.slice = sliceOf(now, rule.windowMs);
    this.window = Math.floor(this.slice / SLICES);
  }

  /** Whether it has done anything in the window up to now. */
  isActive(now: number): boolean {
    return this.lastActive >= sliceOf(now, this.rule.windowMs) - SLICES;
  }

  /** The alert, if this is what makes it; it speaks for all that comes within a window. */
  add(counts: ActorCounts, now: number): Alert | undefined {
    this.moveTo(sliceOf(now, this.rule.windowMs));
    const { slice } = this;
    const counted = this.counted(counts);
    if (counted === 0 && this.rule.kind !== 'subjects') return undefined;
    this.recent.add(slice, counted);
    this.count += counted;
    this.lastActive = slice;
    if (this.told !== undefined && slice < this.told + SLICES) return undefined;
    const observed = this.recent.sum + this.seen.size;
    const verdict = this.verdict(observed);
    if (verdict === undefined) return undefined;
    const { name: rule, kind, severity, windowMs } = this.rule;
    const sliceMs = windowMs / SLICES;
    const window = { since: this.oldest * sliceMs, until: (slice + 1) * sliceMs };
    this.told = slice;
    this.forgetSubjects();
    return { rule, kind, severity, actor: this.actor, window, observed, ...verdict };
  }

  save(): SavedAccount {
    const { actor, window, count, told, past } = this;
    return { actor, window, count, told, slices: this.recent.save(), past: [...past] };
  }

  restore({ window, count, told, slices, past }: SavedAccount): void {
    this.window = window;
    this.count = count;
    this.told = told;
    this.recent.restore(slices);
    this.lastActive = Math.max(this.recent.newest ?? -Infinity, told ?? -Infinity);
    this.slice = Math.max(window * SLICES, this.lastActive);
    this.past = [...past];
  }

  /** Gives back what it holds of the budget. */
  forgetSubjects(): void {
    this.budget.left += this.seen.size;
    this.seen = new Map();
  }

  /** The first slice that counts: what an alert has told counts no more. */
  private get oldest(): number {
    return Math.max(this.slice - SLICES, this.told === undefined ? -Infinity : this.told + 1);
  }

  private moveTo(slice: number): void {
    // Reports come a moment late, and what is a little before this one is taken for it. Further back the clock has been
    // set, and waiting for it to come round again would let everything pass until then.
    const setBack = slice < this.slice - SLICES;
    if (setBack) {
      this.told = undefined;
      this.recent.restore([]);
      this.forgetSubjects();
    }
    if (slice <= this.slice && !setBack) return;
    this.slice = slice;
    this.openWindow(Math.floor(slice / SLICES));
    this.recent.forgetBefore(this.oldest);
    for (const [subject, last] of this.seen) {
      if (last >= this.oldest) break;
      this.seen.delete(subject);
      this.budget.left += 1;
    }
  }

  private openWindow(window: number): void {
    if (window === this.window) return;
    if (this.rule.kind === 'volume' && this.count > 0) this.past.push([this.window, this.count]);
    this.window = window;
    this.count = 0;
    this.expirePast();
  }

  private expirePast(): void {
    const oldest = this.window - HISTORY_MS / this.rule.windowMs;
    // A window in the future was counted before the clock was set back.
    this.past = this.past.filter(([index]) => index >= oldest && index <= this.window).slice(-MAX_WINDOWS);
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
        return this.unremembered(counts);
      case 'hours': {
        let outside = 0;
        for (const [minute, statements] of counts.minutes)
          if (isOutside(rule.outside, minute)) outside += statements;
        return outside;
      }
    }
  }

  /** Remembers them; gives how many it could not. */
  private unremembered({ subjects, moreSubjects }: ActorCounts): number {
    // The alert of this slice has told them.
    if (this.told === this.slice) return 0;
    let unremembered = moreSubjects;
    for (const subject of subjects) {
      // To the end, as those seen last are forgotten last.
      if (!this.seen.delete(subject)) {
        if (this.budget.left === 0) {
          unremembered += 1;
          continue;
        }
        this.budget.left -= 1;
      }
      this.seen.set(subject, this.slice);
    }
    return unremembered;
  }

  private verdict(observed: number): Pick<Alert, 'threshold' | 'usual'> | undefined {
    const { rule } = this;
    switch (rule.kind) {
      case 'volume': {
        if (observed < rule.atLeast) return undefined;
        this.expirePast();
        const known = this.past.length >= LEAST_WINDOWS ? this.past.map(([, rows]) => rows) : [];
        const median = medianOf(known);
        const threshold = Math.max(rule.atLeast, Math.ceil(rule.times * median));
        return observed < threshold ? undefined : { threshold, usual: { median, windows: known.length } };
      }
      case 'hours':
        return { threshold: 0 };
      default:
        return observed > rule.over ? { threshold: rule.over } : undefined;
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
