/** Finds a client that has stopped in the middle of a message, which holds memory for nothing. It ends nobody. */

/** Of a message that is gathered in memory, between two looks. */
const LEAST_PROGRESS_BYTES = 1024;

export class StallWatch {
  private received = 0;
  private seen = -Infinity;

  came(bytes: number): void {
    this.received += bytes;
  }

  /** Called now and then. A byte now and then is no progress: it would hold the memory for good. */
  look(gathering: boolean): 'stalled' | 'well' {
    const stalled = gathering && this.received - this.seen < LEAST_PROGRESS_BYTES;
    this.seen = gathering ? this.received : -Infinity;
    return stalled ? 'stalled' : 'well';
  }
}
