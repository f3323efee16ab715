/** When a chain's head is signed: at the start, every so often when there is anything new, behind what tells of events removed, and at an orderly end. */
import { randomUUID, type KeyObject } from 'node:crypto';
import { keyName, signCheckpoint } from './checkpoint.js';
import type { EventSource } from './event.js';
import { lifecycleEvent } from './lifecycle-event.js';
import type { AppendEntry } from './spool-entry.js';
import type { Spool } from './spool.js';

export interface CheckpointOptions {
  /** Ed25519, private. */
  readonly key: KeyObject;
  readonly everyMs: number;
}

export class CheckpointWriter {
  readonly #spool: Spool;
  readonly #source: EventSource;
  readonly #key: KeyObject;
  readonly #name: string;
  readonly #timer: NodeJS.Timeout;
  /** Sequence of the last checkpoint that this process has written. */
  #last = 0;

  constructor(spool: Spool, source: EventSource, { key, everyMs }: CheckpointOptions) {
    this.#spool = spool;
    this.#source = source;
    this.#key = key;
    this.#name = keyName(key);
    this.signNews();
    this.#timer = setInterval(() => this.signNews(), everyMs).unref();
  }

  /** The last one, over all that was given to the spool. */
  close(): void {
    clearInterval(this.#timer);
    this.#spool.flush();
    this.signNews();
  }

  /** Unless the newest event is a checkpoint of ours. A spool that takes nothing gets its checkpoint with the next round. */
  signNews(): void {
    if (this.#spool.sequence <= this.#last || this.#spool.failure !== undefined) return;
    this.#spool.append(this.#entry());
  }

  /** Now, for what nobody is to believe unsigned. Resolves once it is on disk, behind all that was given to the spool. */
  sign(): Promise<void> {
    return new Promise((resolve, reject) => {
      const done = (failure: Error | undefined): void => {
        if (failure === undefined) resolve();
        else reject(failure);
      };
      const entry = { ...this.#entry(), until: 'synced', beyondLimit: true, done } as const;
      if (!this.#spool.append(entry))
        reject(this.#spool.failure ?? new Error('the audit spool takes no events'));
    });
  }

  #entry(): AppendEntry {
    const uid = randomUUID();
    const time = Date.now();
    return {
      uid,
      time,
      content: {
        kind: 'event',
        // What it signs is known when it is written: the link behind everything that was queued before.
        draft: (link) => {
          this.#last = link.sequence;
          const covered = { sequence: link.sequence - 1, hash: link.prev };
          const facts = { instance: this.#source.instance, ...covered, time };
          const checkpoint = signCheckpoint(this.#key, this.#name, facts);
          return lifecycleEvent(this.#source, uid, time, { kind: 'checkpoint', checkpoint });
        },
      },
      until: 'queued',
    };
  }
}
