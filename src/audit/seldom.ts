/** A clock for what is tried again and again and told once in a while. Knows nothing of what is told. */
export class Seldom {
  readonly #everyMs: number;
  #last: number | undefined;

  constructor(everyMs: number) {
    this.#everyMs = everyMs;
  }

  /** True the first time, and then where the last time that it was true is long enough ago. */
  due(): boolean {
    const now = performance.now();
    if (this.#last !== undefined && now - this.#last < this.#everyMs) return false;
    this.#last = now;
    return true;
  }
}
