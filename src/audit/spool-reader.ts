/**
 * Reads records of a spool in order from a position, up to what its writer has synced. Used by whoever ships them.
 * Keeps one segment open and one chunk in memory; never writes.
 */
import { closeSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { decodeRawRecord, findRecord, HEADER_BYTES, segmentName, type RawRecord } from './spool-format.js';

export interface SpoolPosition {
  readonly segment: number;
  readonly offset: number;
}

export interface ReadBatch {
  readonly records: readonly RawRecord[];
  /** Behind the last record read. */
  readonly next: SpoolPosition;
  /** Unreadable bytes stepped over. */
  readonly damagedBytes: number;
}

const CHUNK_BYTES = 256 * 1024;

export class SpoolReader {
  readonly #directory: string;
  /** Used again for each read; views of it are what `read` gives. */
  #chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES);
  #open: { readonly segment: number; readonly fd: number } | undefined;

  constructor(directory: string) {
    this.#directory = directory;
  }

  /**
   * Up to `maxRecords` records between `from` and `limit`; the end of a closed segment leads to the next one.
   * Their JSON is valid until the next read.
   */
  read(
    from: SpoolPosition,
    limit: SpoolPosition,
    segments: readonly number[],
    maxRecords: number,
  ): ReadBatch {
    let { segment, offset } = from;
    const first = segments.find((number) => number >= segment);
    // INVARIANT(spool-before-redis): a segment that is being written a second time is read once that is synced.
    if (first === undefined || first > limit.segment) return { records: [], next: from, damagedBytes: 0 };
    if (first > segment) ({ segment, offset } = { segment: first, offset: 0 });
    const end = segment === limit.segment ? limit.offset : Number.MAX_SAFE_INTEGER;
    const { records, next, damagedBytes, atEnd } = this.#readSegment(segment, offset, end, maxRecords);
    const following = segments.find((number) => number > segment);
    if (atEnd && segment < limit.segment && following !== undefined) {
      return { records, next: { segment: following, offset: 0 }, damagedBytes };
    }
    return { records, next: { segment, offset: next }, damagedBytes };
  }

  close(): void {
    if (this.#open !== undefined) closeSync(this.#open.fd);
    this.#open = undefined;
  }

  #readSegment(segment: number, offset: number, end: number, maxRecords: number) {
    let size = CHUNK_BYTES;
    for (;;) {
      const bytes = this.#bytes(segment, offset, Math.min(size, end - offset));
      const atEnd = bytes.length < size;
      const records: RawRecord[] = [];
      let at = 0;
      let damagedBytes = 0;
      while (at < bytes.length && records.length < maxRecords) {
        const decoded = decodeRawRecord(bytes, at);
        if (decoded.kind === 'record') {
          records.push(decoded.record);
          at = decoded.next;
          continue;
        }
        if (decoded.kind === 'short' && !atEnd) break;
        const next =
          findRecord(bytes, at) ?? (atEnd ? bytes.length : Math.max(at, bytes.length - HEADER_BYTES));
        damagedBytes += next - at;
        at = next;
      }
      if (at > 0 || atEnd)
        return { records, next: offset + at, damagedBytes, atEnd: atEnd && at >= bytes.length };
      // One record larger than the chunk.
      size *= 4;
    }
  }

  #bytes(segment: number, offset: number, length: number): Buffer {
    if (this.#open?.segment !== segment) {
      this.close();
      this.#open = { segment, fd: openSync(join(this.#directory, segmentName(segment)), 'r') };
    }
    if (length > this.#chunk.length) this.#chunk = Buffer.allocUnsafeSlow(length);
    const got = readSync(this.#open.fd, this.#chunk, 0, Math.max(0, length), offset);
    return this.#chunk.subarray(0, got);
  }
}
