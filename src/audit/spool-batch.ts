/**
 * The records of one write, laid out one behind the other. The memory is used again once the write is synced: fresh
 * buffers for each event drove the garbage collector to a full collection every few thousand events.
 */
import { sealInto, sealedBytes, type EventDraft } from './chain.js';
import {
  encodeRecordInto,
  finishRecord,
  HEADER_BYTES,
  recordKind,
  type SpoolRecord,
} from './spool-format.js';

const FIRST_BYTES = 64 * 1024;
/** Larger ones, after an outage, go back to the garbage collector. */
const KEPT_BYTES = 1024 * 1024;
const MAX_SPARES = 4;

export class RecordBatch {
  #memory: Buffer;
  #length = 0;
  #records = 0;

  constructor(memory: Buffer) {
    this.#memory = memory;
  }

  /** A view: valid until the batch is recycled. */
  get bytes(): Buffer {
    return this.#memory.subarray(0, this.#length);
  }

  get records(): number {
    return this.#records;
  }

  get memory(): Buffer {
    return this.#memory;
  }

  add(record: SpoolRecord): void {
    this.#reserve(HEADER_BYTES + record.uid.length + 3 * record.json.length);
    this.#length = encodeRecordInto(this.#memory, this.#length, record);
    this.#records++;
  }

  /** Gives the event's hash, the `prev` of the next. When it throws, the batch is as before. */
  addEvent(uid: string, time: number, draft: EventDraft, sequence: number, prev: string): string {
    this.#reserve(HEADER_BYTES + uid.length + sealedBytes(draft));
    const json = this.#length + HEADER_BYTES + uid.length;
    const { end, hash } = sealInto(this.#memory, json, draft, sequence, prev);
    finishRecord(this.#memory, this.#length, end, { kind: recordKind.event, uid, sequence, time });
    this.#length = end;
    this.#records++;
    return hash;
  }

  #reserve(more: number): void {
    const needed = this.#length + more;
    if (needed <= this.#memory.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.#memory.length));
    this.#memory.copy(larger, 0, 0, this.#length);
    this.#memory = larger;
  }
}

/** Memory between two batches. */
export class BatchMemory {
  readonly #spares: Buffer[] = [];

  batch(): RecordBatch {
    return new RecordBatch(this.#spares.pop() ?? Buffer.allocUnsafeSlow(FIRST_BYTES));
  }

  /** Nobody may hold a view of the batch any more. */
  recycle(batch: RecordBatch): void {
    if (this.#spares.length < MAX_SPARES && batch.memory.length <= KEPT_BYTES)
      this.#spares.push(batch.memory);
  }
}
