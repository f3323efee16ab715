/** What a spool does to the files of its segments, one call each. Knows no offsets and no chain. */
import {
  closeSync,
  fdatasyncSync,
  fstatSync,
  fsyncSync,
  openSync,
  readFileSync,
  readSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { decodeRawRecord, segmentName } from './spool-format.js';

/**
 * A new file with these bytes, not yet synced.
 * INVARIANT(own-segments): never one that is there already, so that two writers could not write one file even if both
 * believed that the directory is theirs.
 */
export function createSegment(directory: string, number: number, chunks: readonly Buffer[]): number {
  const path = join(directory, segmentName(number));
  let fd: number;
  try {
    fd = openSync(path, 'wx+', 0o600);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause;
    throw new Error(
      `"${path}" is there already: another process writes in the directory, or a file was put there by hand`,
      { cause },
    );
  }
  try {
    let at = 0;
    for (const chunk of chunks) {
      writeAll(fd, chunk, at);
      at += chunk.length;
    }
  } catch (error) {
    closeSync(fd);
    removeSegment(directory, number);
    throw error;
  }
  return fd;
}

/** One that is not there is removed already. */
export function removeSegment(directory: string, number: number): void {
  try {
    unlinkSync(join(directory, segmentName(number)));
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}

/** Whether the segment is there; with a descriptor, whether it is that very file. */
export function isFile(directory: string, number: number, fd?: number): boolean {
  try {
    const { dev, ino } = statSync(join(directory, segmentName(number)));
    if (fd === undefined) return true;
    const open = fstatSync(fd);
    return open.dev === dev && open.ino === ino;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

/** In ms since its last write; negative where the clock has been set back. */
export function segmentAge(directory: string, number: number): number {
  return Date.now() - statSync(join(directory, segmentName(number))).mtimeMs;
}

export function writeAll(fd: number, bytes: Buffer, position: number): void {
  let done = 0;
  while (done < bytes.length) done += writeSync(fd, bytes, done, bytes.length - done, position + done);
}

/** The first `length` bytes, where they are whole records all of them. */
export function readBack(fd: number, length: number): Buffer | undefined {
  const bytes = Buffer.allocUnsafe(length);
  try {
    for (let done = 0; done < length;) {
      const got = readSync(fd, bytes, done, length - done, done);
      if (got === 0) return undefined;
      done += got;
    }
  } catch {
    return undefined;
  }
  for (let at = 0; at < length;) {
    const decoded = decodeRawRecord(bytes, at);
    if (decoded.kind !== 'record') return undefined;
    at = decoded.next;
  }
  return bytes;
}

/**
 * Makes sure of what a process that has ended may have written without a sync. Its bytes are written once more, since a
 * sync that failed there would be reported to nobody here.
 */
export function rewriteSegment(directory: string, number: number): void {
  const path = join(directory, segmentName(number));
  const fd = openSync(path, 'r+');
  try {
    writeAll(fd, readFileSync(path), 0);
    fdatasyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** A new file's name is safe only once its directory is synced (fsync(2)). */
export function syncDirectory(directory: string): void {
  const fd = openSync(directory, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function isMissing(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' || code === 'ENOTDIR';
}
