/** The statements under way: whose intents stand in which segment, and which of them stand for no statement. Does no I/O. */
import type { RecordBatch } from './spool-batch.js';
import { recordKind } from './spool-format.js';
import type { OpenIntent } from './spool-recover.js';

export class OpenIntents {
  readonly #segments = new Map<string, number>();
  /** Refused after they had been written; closed with the next good write. */
  readonly #cancels: string[] = [];

  constructor(recovered: readonly OpenIntent[]) {
    for (const { uid, segment } of recovered) this.#segments.set(uid, segment);
  }

  has(uid: string): boolean {
    return this.#segments.has(uid);
  }

  opened(uid: string, segment: number): void {
    this.#segments.set(uid, segment);
  }

  /** Its outcome is written. */
  closed(uid: string): void {
    this.#segments.delete(uid);
  }

  /** Its statement is refused, so it must not be found open after a crash. */
  refused(uid: string): void {
    if (this.#segments.delete(uid)) this.#cancels.push(uid);
  }

  /** Those may not be deleted. */
  segments(): Iterable<number> {
    return this.#segments.values();
  }

  /** For a segment's header. */
  bySegment(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#segments);
  }

  get cancels(): number {
    return this.#cancels.length;
  }

  addCancels(records: RecordBatch): void {
    for (const uid of this.#cancels)
      records.add({ kind: recordKind.cancel, uid, sequence: 0, time: Date.now(), json: '{}' });
  }

  cancelsWritten(): void {
    this.#cancels.length = 0;
  }
}
