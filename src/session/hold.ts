/**
 * Waiting inside a message: the framer holds it, reading stops, and the same message is shown again when the promise
 * is done. So nothing is ever awaited inside a data listener, and order is kept.
 */
export class Hold {
  private waiting = false;
  private readonly resume: () => void;
  private readonly broken: (error: unknown) => void;

  constructor(resume: () => void, broken: (error: unknown) => void) {
    this.resume = resume;
    this.broken = broken;
  }

  /** `store` keeps the result for when the message is shown again; a rejection must be handled by `failed`. */
  until<T>(promise: Promise<T>, store: (value: T) => void, failed?: (error: unknown) => void): 'hold' {
    this.waiting = true;
    promise
      .then(store, (error: unknown) => {
        if (failed === undefined) throw error;
        failed(error);
      })
      .then(
        () => {
          this.waiting = false;
          this.resume();
        },
        (error: unknown) => this.broken(error),
      );
    return 'hold';
  }

  /** Until answers have come: whoever reads them calls `resume` of the session after each event. */
  get isWaiting(): boolean {
    return this.waiting;
  }
}
