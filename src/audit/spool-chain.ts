/** Makes records of entries: gives each event its sequence and its place in the hash chain. Does no I/O. */
import type { RecordBatch } from './spool-batch.js';
import type { AppendEntry } from './spool-entry.js';
import { recordKind } from './spool-format.js';
import type { ChainHead } from './spool-unsynced.js';

export class SpoolChain {
  #head: ChainHead;
  readonly #onLost: ((cause: unknown) => void) | undefined;

  /** @param onLost - an event could not be turned into bytes */
  constructor(head: ChainHead, onLost: ((cause: unknown) => void) | undefined) {
    this.#head = head;
    this.#onLost = onLost;
  }

  /** Of the newest event encoded. */
  get head(): ChainHead {
    return this.#head;
  }

  /** Nothing that was encoded since then has been written. */
  goBack(head: ChainHead): void {
    this.#head = head;
  }

  /** False: it could not be turned into bytes. */
  encode({ content, uid, time, done }: AppendEntry, records: RecordBatch): boolean {
    try {
      if (content.kind === 'intent') {
        records.add({ kind: recordKind.intent, uid, sequence: 0, time, json: content.json() });
      } else {
        // INVARIANT(audit-sequence): assigned here alone, in the order of the file, without gaps.
        const sequence = this.#head.sequence + 1;
        const { prev } = this.#head;
        const draft = content.draft({ sequence, prev });
        this.#head = { sequence, prev: records.addEvent(uid, time, draft, sequence, prev) };
      }
      return true;
    } catch (cause) {
      // One entry that cannot be rendered must not stop all the others; whoever waits for it is refused.
      done?.(new Error('bug: audit event could not be built', { cause }));
      // The statement of such an intent is refused, and that has an event of its own.
      if (content.kind === 'event') this.#onLost?.(cause);
      return false;
    }
  }
}
