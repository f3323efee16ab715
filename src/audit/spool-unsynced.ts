/** What is written and not yet synced, kept so that it can be written again after a failed sync. Does no I/O. */
import { BatchMemory, type RecordBatch } from './spool-batch.js';
import type { SegmentHeader } from './spool-format.js';

/** The head of the chain before a batch. */
export type ChainHead = Pick<SegmentHeader, 'sequence' | 'prev'>;

interface Written {
  readonly before: ChainHead;
  readonly offset: number;
  readonly batch: RecordBatch;
}

export class UnsyncedBatches {
  readonly #memory = new BatchMemory();
  /** In the order of their offsets. */
  #written: Written[] = [];

  get bytes(): number {
    return this.#written.reduce((sum, { batch }) => sum + batch.bytes.length, 0);
  }

  get records(): number {
    return this.#written.reduce((count, { batch }) => count + batch.records, 0);
  }

  /** Where the chain was at the last synced byte; undefined: nothing is unsynced. */
  get head(): ChainHead | undefined {
    return this.#written[0]?.before;
  }

  /** An empty one, for `add`. */
  batch(): RecordBatch {
    return this.#memory.batch();
  }

  /** It is ours from now on. */
  add(batch: RecordBatch, before: ChainHead, offset: number): void {
    this.#written.push({ before, offset, batch });
  }

  chunks(): readonly Buffer[] {
    return this.#written.map(({ batch }) => batch.bytes);
  }

  /** They stand one behind the other from `offset` on now; gives the offset behind them. */
  moveTo(offset: number): number {
    let at = offset;
    this.#written = this.#written.map(({ before, batch }) => {
      const moved = { before, batch, offset: at };
      at += batch.bytes.length;
      return moved;
    });
    return at;
  }

  synced(upTo: number): void {
    const behind = this.#written.findIndex(({ offset, batch }) => offset + batch.bytes.length > upTo);
    const done = this.#written.splice(0, behind < 0 ? this.#written.length : behind);
    for (const { batch } of done) this.#memory.recycle(batch);
  }
}
