/**
 * The segment files under a spool: the open one and its offsets, rotation, deletion, and the bytes written but not yet
 * synced, kept so that they can be written again after a failed sync. Knows nothing of what a record means.
 */
import { closeSync, fdatasyncSync, fsyncSync, ftruncateSync, openSync, unlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { BatchMemory, type RecordBatch } from './spool-batch.js';
import { encodeRecord, segmentName, type SpoolRecord } from './spool-format.js';
import type { Recovered } from './spool-recover.js';
import type { SpoolPosition } from './spool-reader.js';

export class SegmentFiles {
  /** Intents whose statement was refused after they had been written; closed with the next good write. */
  readonly pendingCancels: string[] = [];
  readonly #directory: string;
  readonly #segmentBytes: number;
  readonly #sizes: Map<number, number>;
  #fd: number | undefined;
  #segment: number;
  #written: number;
  #synced: number;
  readonly #memory = new BatchMemory();
  #unsynced: { readonly offset: number; readonly batch: RecordBatch }[] = [];

  constructor(directory: string, segmentBytes: number, recovered: Recovered, goOn: boolean) {
    this.#directory = directory;
    this.#segmentBytes = segmentBytes;
    this.#sizes = new Map(recovered.segments);
    this.#segment = recovered.last?.segment ?? 0;
    this.#written = this.#synced = recovered.last?.bytes ?? 0;
    if (goOn && recovered.last !== undefined) {
      this.#fd = openSync(join(directory, segmentName(this.#segment)), 'r+');
      // What a crashed process wrote without syncing it is about to be built on.
      fdatasyncSync(this.#fd);
    }
  }

  get fd(): number {
    if (this.#fd === undefined) throw new Error('bug: no segment is open');
    return this.#fd;
  }

  get current(): number {
    return this.#segment;
  }

  get written(): number {
    return this.#written;
  }

  get dirty(): boolean {
    return this.#synced < this.#written;
  }

  get durable(): SpoolPosition {
    return { segment: this.#segment, offset: this.#synced };
  }

  get unsyncedRecords(): number {
    return this.#unsynced.reduce((sum, { batch }) => sum + batch.records, 0);
  }

  numbers(): readonly number[] {
    return [...this.#sizes.keys()];
  }

  bytesBehind(position: SpoolPosition | undefined): number {
    let sum = 0;
    for (const [number, size] of this.#sizes) {
      if (position === undefined || number > position.segment) sum += size;
      else if (number === position.segment) sum += Math.max(0, size - position.offset);
    }
    return sum;
  }

  needsSegment(): boolean {
    return this.#fd === undefined || this.#written >= this.#segmentBytes;
  }

  /** Syncs and closes the open segment and starts the next one. No sync may be running. */
  rotate(header: SpoolRecord): void {
    if (this.#fd !== undefined) {
      if (this.dirty) fdatasyncSync(this.#fd);
      this.synced(this.#written);
    }
    const number = this.#segment + 1;
    const path = join(this.#directory, segmentName(number));
    const bytes = encodeRecord(header);
    // 'w': a file left by a rotation that failed half-way holds nothing.
    const fd = openSync(path, 'w+', 0o600);
    try {
      writeAll(fd, bytes, 0);
      fdatasyncSync(fd);
      syncDirectory(this.#directory);
    } catch (error) {
      closeSync(fd);
      throw error;
    }
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = fd;
    this.#segment = number;
    this.#written = this.#synced = bytes.length;
    this.#sizes.set(number, bytes.length);
  }

  /** An empty batch, for `write`. */
  batch(): RecordBatch {
    return this.#memory.batch();
  }

  /** All of the records or none of them. The batch is ours from now on. */
  write(batch: RecordBatch): void {
    const { bytes } = batch;
    try {
      writeAll(this.fd, bytes, this.#written);
    } catch (error) {
      // A part may stand behind the last record: recovery would cut it, and the next write goes over it.
      try {
        ftruncateSync(this.fd, this.#written);
      } catch {
        // The disk that refused the write may refuse this too.
      }
      throw error;
    }
    this.#unsynced.push({ offset: this.#written, batch });
    this.#written += bytes.length;
    this.#sizes.set(this.#segment, this.#written);
  }

  /** The unsynced bytes again, at their places. */
  rewrite(): void {
    for (const { batch, offset } of this.#unsynced) writeAll(this.fd, batch.bytes, offset);
  }

  synced(upTo: number): void {
    this.#synced = Math.max(this.#synced, upTo);
    // In the order of their offsets.
    const behind = this.#unsynced.findIndex(
      ({ offset, batch }) => offset + batch.bytes.length > this.#synced,
    );
    const done = this.#unsynced.splice(0, behind < 0 ? this.#unsynced.length : behind);
    for (const { batch } of done) this.#memory.recycle(batch);
  }

  deleteBelow(number: number): void {
    for (const segment of this.numbers()) {
      if (segment >= number || segment === this.#segment) continue;
      unlinkSync(join(this.#directory, segmentName(segment)));
      this.#sizes.delete(segment);
    }
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }
}

function writeAll(fd: number, bytes: Buffer, position: number): void {
  let done = 0;
  while (done < bytes.length) done += writeSync(fd, bytes, done, bytes.length - done, position + done);
}

/** A new file's name is safe only once its directory is synced (fsync(2)). */
function syncDirectory(directory: string): void {
  const fd = openSync(directory, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
