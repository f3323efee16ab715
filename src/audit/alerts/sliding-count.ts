/**
 * A count over a window that slides by twelfths of its length: what was added in the present twelfth and in the twelve
 * before. So it covers the whole window wherever a burst lies, and at most a twelfth more: an alert too many, never one too
 * few. It remembers thirteen numbers, however much is added.
 */
export const SLICES = 12;

/** Since 1970. */
export function sliceOf(time: number, windowMs: number): number {
  return Math.floor((time * SLICES) / windowMs);
}

export class SlidingCount {
  /** Slices and what was added in each, oldest first. */
  private slices: (readonly [number, number])[] = [];

  /** @param slice - never before that of an earlier call */
  add(slice: number, count: number): void {
    if (count === 0) return;
    const last = this.slices.at(-1);
    if (last?.[0] === slice) this.slices[this.slices.length - 1] = [slice, last[1] + count];
    else this.slices.push([slice, count]);
  }

  get sum(): number {
    return this.slices.reduce((sum, [, count]) => sum + count, 0);
  }

  /** Of the last thing added. */
  get newest(): number | undefined {
    return this.slices.at(-1)?.[0];
  }

  /** Forgets what was added in slices before `oldest`. */
  forgetBefore(oldest: number): void {
    const kept = this.slices.findIndex(([slice]) => slice >= oldest);
    if (kept !== 0) this.slices = kept < 0 ? [] : this.slices.slice(kept);
  }

  save(): readonly (readonly [number, number])[] {
    return [...this.slices];
  }

  restore(slices: readonly (readonly [number, number])[]): void {
    this.slices = [...slices];
  }
}
