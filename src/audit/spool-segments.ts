/**
 * The segment files under a spool: the open one and its offsets, rotation, deletion, and the bytes written but not yet
 * synced, kept so that they can be written again after a failed sync. Knows nothing of what a record means.
 */
import { closeSync, fdatasyncSync, ftruncateSync } from 'node:fs';
import type { RecordBatch } from './spool-batch.js';
import { encodeHeader, type SegmentHeader } from './spool-format.js';
import type { Recovered } from './spool-recover.js';
import type { SpoolPosition } from './spool-reader.js';
import { SegmentSizes } from './spool-sizes.js';
import { UnsyncedBatches, type ChainHead } from './spool-unsynced.js';
import {
  createSegment,
  isFile,
  readBack,
  removeSegment,
  segmentAge,
  syncDirectory,
  writeAll,
} from './spool-files.js';

export interface SegmentFilesOptions {
  readonly directory: string;
  readonly segmentBytes: number;
  readonly segmentAgeMs: number;
}

/** Room that must be there before a disk that was full is believed again. */
const PROBE_BYTES = 256 * 1024;

export class SegmentFiles {
  readonly #options: SegmentFilesOptions;
  readonly sizes: SegmentSizes;
  readonly unsynced = new UnsyncedBatches();
  #fd: number | undefined;
  #segment: number;
  #headerBytes = 0;
  #startedAt = 0;
  #written = 0;
  #synced = 0;
  #suspect = false;
  /** What the open segment begins with while it is not synced, as one that was started over. */
  #head: Buffer | undefined;
  #superseded: number | undefined;
  /** What was safe before the open segment was started over, until that one is. */
  #safe: SpoolPosition | undefined;

  constructor(options: SegmentFilesOptions, recovered: Recovered) {
    this.#options = options;
    this.sizes = new SegmentSizes(recovered.segments);
    this.#segment = recovered.last?.segment ?? 0;
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
    return this.#safe ?? { segment: this.#segment, offset: this.#synced };
  }

  /** By size or by age. A clock that is set says nothing about how long a segment has been open. */
  needsSegment(): boolean {
    if (this.#fd === undefined || this.#written >= this.#options.segmentBytes) return true;
    return (
      this.#written > this.#headerBytes && performance.now() - this.#startedAt >= this.#options.segmentAgeMs
    );
  }

  /** Syncs and closes the open segment and starts the next one. No sync may be running. */
  rotate(header: SegmentHeader): void {
    if (this.#fd !== undefined) {
      if (this.dirty) this.#syncNow(this.#fd);
      if (this.gone) {
        this.distrust();
        throw removedError();
      }
      this.synced(this.#written);
    }
    const { directory } = this.#options;
    const bytes = encodeHeader(header);
    const fd = createSegment(directory, this.#segment + 1, [bytes]);
    try {
      fdatasyncSync(fd);
      syncDirectory(directory);
    } catch (error) {
      // Never synced again: the next attempt makes a new file.
      closeSync(fd);
      removeSegment(directory, this.#segment + 1);
      throw error;
    }
    this.#adopt(fd, this.#segment + 1, bytes.length, bytes.length);
    this.#synced = bytes.length;
  }

  /** The last sync of the open segment failed, so no later one of it is believed. */
  distrust(): void {
    this.#suspect = true;
  }

  get suspect(): boolean {
    return this.#suspect;
  }

  /** The open segment is no longer where it was: what goes into it reaches nobody, though each write and sync succeeds. */
  get gone(): boolean {
    return this.#fd !== undefined && !isFile(this.#options.directory, this.#segment, this.#fd);
  }

  /**
   * INVARIANT(failed-sync-is-final): after a failed fdatasync the kernel may call pages clean that never reached the disk,
   * and the next one reports success (wiki.postgresql.org/wiki/Fsync_Errors). So the file is never synced again, and all
   * that it should hold is written to a new one, which is not yet synced: also what earlier syncs have called safe, as a
   * disk that fails now may have lied before (a loop device on a full disk did). Of a file that somebody has removed the
   * open descriptor is all there is.
   *
   * @param header - for the case that the file cannot be read back: of a segment that begins with what is not synced
   */
  startOver(header: SegmentHeader): void {
    const { directory } = this.#options;
    const good = this.#synced;
    // One that was started over and never synced holds nothing that is not in memory or in the one before.
    const again = good === 0;
    const number = again ? this.#segment : this.#segment + 1;
    const voided = { segment: this.#segment, from: good };
    const head = (again ? this.#head : readBack(this.fd, good)) ?? encodeHeader({ ...header, void: voided });
    if (again) removeSegment(directory, number);
    else if (head.length === good) this.#superseded = this.#segment;
    this.#head = head;
    const made = createSegment(directory, number, [head, ...this.unsynced.chunks()]);
    const written = this.unsynced.moveTo(head.length);
    this.#safe ??= { segment: this.#segment, offset: good };
    this.#adopt(made, number, head.length, written);
    this.#synced = 0;
    this.#suspect = false;
  }

  /** The segment that was started over is synced: the one before it has nothing more to tell. */
  startedOver(): void {
    const copy = this.#superseded;
    this.#superseded = undefined;
    this.#safe = undefined;
    this.#head = undefined;
    try {
      if (copy !== undefined) this.delete(copy);
    } catch {
      // A copy harms nobody (spool-copies.ts): it goes with the other old segments.
    }
  }

  /** Throws while there is no room; leaves nothing. */
  probe(): void {
    try {
      writeAll(this.fd, Buffer.alloc(PROBE_BYTES), this.#written);
    } finally {
      this.#cutBack();
    }
  }

  /** All of the records or none of them. The batch is ours from now on. */
  write(batch: RecordBatch, before: ChainHead): void {
    const { bytes } = batch;
    try {
      writeAll(this.fd, bytes, this.#written);
    } catch (error) {
      // A part may stand behind the last record: recovery would cut it, and the next write goes over it.
      this.#cutBack();
      throw error;
    }
    this.unsynced.add(batch, before, this.#written);
    this.#written += bytes.length;
    this.sizes.set(this.#segment, this.#written);
  }

  synced(upTo: number): void {
    this.#synced = Math.max(this.#synced, upTo);
    this.unsynced.synced(this.#synced);
  }

  /** A closed segment. */
  delete(number: number): void {
    if (number === this.#segment) throw new Error('bug: the open segment is never deleted');
    removeSegment(this.#options.directory, number);
    this.sizes.set(number, undefined);
  }

  /** How long ago a segment was last written. */
  ageMs(number: number): number {
    return segmentAge(this.#options.directory, number);
  }

  /** Closed segments that somebody else has removed count no longer; gives their numbers. */
  forgetMissing(): readonly number[] {
    const missing = this.sizes
      .numbers()
      .filter((number) => number !== this.#segment && !isFile(this.#options.directory, number));
    for (const number of missing) this.sizes.set(number, undefined);
    // All of that one stands in the open segment.
    return missing.filter((number) => number !== this.#superseded);
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }

  #adopt(fd: number, number: number, headerBytes: number, written: number): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = fd;
    this.#segment = number;
    this.#headerBytes = headerBytes;
    this.#startedAt = performance.now();
    this.#written = written;
    this.sizes.set(number, written);
  }

  #syncNow(fd: number): void {
    try {
      fdatasyncSync(fd);
    } catch (error) {
      this.distrust();
      throw error;
    }
  }

  #cutBack(): void {
    try {
      ftruncateSync(this.fd, this.#written);
    } catch {
      // The disk that refused the write may refuse this too.
    }
  }
}

/** Each write and sync succeeds, into a file that has no name any more. */
export function removedError(): Error {
  return new Error('the segment was removed or replaced while it was written');
}
