/**
 * How many rows each user was shown in a role within the last hour, over all connections of the process
 * (SPEC 3, `limits.rows_per_hour`). It knows no sessions; the clock is given.
 *
 * The window slides in steps of a minute: a row leaves the count between 60 and 61 minutes after it was shown, so no
 * stretch of sixty minutes ever holds more rows than the limit.
 */

import type { RowAllowance, RowAllowances } from './row-allowance.js';

const STEP_MS = 60_000;
const STEPS = 61;
/** Windows kept before those without rows are thrown away. */
const KEPT_WINDOWS = 1_000;

export class RowWindow implements RowAllowance {
  private readonly counts = new Float64Array(STEPS);
  /** The step that `counts[newest % STEPS]` belongs to. */
  private newest = 0;
  private sum = 0;

  /** The rows that still count. */
  shown(now: number): number {
    this.advance(now);
    return this.sum;
  }

  add(now: number, rows = 1): void {
    this.advance(now);
    this.counts[this.newest % STEPS]! += rows;
    this.sum += rows;
  }

  spent(limit: number, now: number): boolean {
    return this.shown(now) >= limit;
  }

  take(limit: number | undefined, now: number): boolean {
    if (limit !== undefined && this.spent(limit, now)) return false;
    this.add(now);
    return true;
  }

  more(): Promise<void> {
    return Promise.resolve();
  }

  begin(): void {
    // Nothing is set aside for a statement here.
  }

  end(): void {
    // As above.
  }

  /** When the oldest rows will have left the count; `now` when there are none. */
  freesAt(now: number): number {
    this.advance(now);
    for (let step = this.newest - STEPS + 1; step <= this.newest; step++) {
      if (step >= 0 && this.counts[step % STEPS]! > 0) return (step + STEPS) * STEP_MS;
    }
    return now;
  }

  private advance(now: number): void {
    // A clock that was set back counts on in the step it had reached: it must not free rows early.
    const step = Math.max(this.newest, Math.floor(now / STEP_MS));
    const passed = step - this.newest;
    if (passed === 0) return;
    for (let gone = 0; gone < Math.min(passed, STEPS); gone++) {
      const index = (this.newest + 1 + gone) % STEPS;
      this.sum -= this.counts[index]!;
      this.counts[index] = 0;
    }
    this.newest = step;
  }
}

export class RowWindows implements RowAllowances {
  readonly now: () => number;
  private readonly windows = new Map<string, RowWindow>();

  constructor(now: () => number = Date.now) {
    this.now = now;
  }

  /** The same object until it has been empty for a while; ask again for each statement. */
  of(user: string, role: string): RowWindow {
    const key = JSON.stringify([user, role]);
    const known = this.windows.get(key);
    if (known !== undefined) return known;
    if (this.windows.size >= KEPT_WINDOWS) this.forgetEmpty();
    const window = new RowWindow();
    this.windows.set(key, window);
    return window;
  }

  private forgetEmpty(): void {
    for (const [key, window] of this.windows) {
      if (window.shown(this.now()) === 0) this.windows.delete(key);
    }
  }
}
