/**
 * Whether a spool's limit of bytes is reached, and what may end that: shipping, age, or a person with `mv`. Knows nothing
 * of entries and of the chain.
 */
import type { SpoolRetention } from './spool-retention.js';
import type { SegmentFiles } from './spool-segments.js';

export interface SpoolRoomPorts {
  readonly directory: string;
  /** The limit. */
  readonly bytes: number;
  /** Events go to Redis from here. */
  readonly shipping: boolean;
  readonly files: SegmentFiles;
  readonly retention: SpoolRetention;
  /** The limit is reached, or no longer. */
  onState(): void;
  /** There is room again. */
  onRoom(): void;
  readonly onWarning: ((message: string) => void) | undefined;
}

const LOOK_EVERY_MS = 500;

export class SpoolRoom {
  readonly #to: SpoolRoomPorts;
  #full: Error | undefined;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(to: SpoolRoomPorts) {
    this.#to = to;
  }

  /** The limit is reached, and nothing may be deleted. */
  get full(): Error | undefined {
    return this.#full;
  }

  /** False: the limit is reached. */
  make(): boolean {
    const room = this.#to.retention.makeRoom();
    this.#set(!room);
    return room;
  }

  /** Where the limit was reached. */
  look(): void {
    if (this.#full === undefined || this.#stopped) return;
    this.forgetMissing();
    if (this.#to.retention.makeRoom()) {
      this.#set(false);
      this.#to.onRoom();
    }
  }

  /** Segments that somebody has removed take no room. */
  forgetMissing(): void {
    const { files, retention, shipping, directory, onWarning } = this.#to;
    const lost = files.forgetMissing().filter((segment) => !retention.isShipped(segment));
    if (lost.length > 0 && shipping) {
      onWarning?.(
        `audit segments ${lost.join(', ')} of "${directory}" were removed before Redis had them: their events are in no stream`,
      );
    }
  }

  stop(): void {
    this.#stopped = true;
    clearInterval(this.#timer);
  }

  #set(full: boolean): void {
    if (full === (this.#full !== undefined)) return;
    if (full) {
      const { directory, bytes, shipping } = this.#to;
      const why = shipping ? 'that Redis has not taken' : 'and is the only log';
      const remedy = shipping ? 'bring Redis back, or' : 'move old segments away, or';
      this.#full = new Error(
        `audit spool "${directory}" has reached its limit of ${bytes} bytes ${why}: ${remedy} raise audit.spool_limits.bytes`,
      );
      this.#timer = setInterval(() => {
        try {
          this.look();
        } catch {
          // The disk does not answer; Spool.keepHouse tells it, less often.
        }
      }, LOOK_EVERY_MS).unref();
    } else {
      this.#full = undefined;
      clearInterval(this.#timer);
    }
    this.#to.onState();
  }
}
