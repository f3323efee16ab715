/** The lock file of a spool as a file: made whole, looked at, renewed, moved away. Knows nothing of who may have it. */
import { randomUUID } from 'node:crypto';
import {
  closeSync,
  fstatSync,
  linkSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';

/** A lock file at one moment. */
export interface Seen {
  readonly line: string;
  readonly changed: bigint;
}

/**
 * By writing the same bytes once more: nobody ever reads others, it needs no room on a full disk, and the file gets the
 * time of the file system, as a taker's draft does.
 */
export function renew(path: string, mine: string): 'mine' | 'none' | 'other' {
  const fd = opened(path, 'r+');
  if (fd === undefined) return 'none';
  try {
    if (readFileSync(fd, 'utf8') !== mine) return 'other';
    writeSync(fd, mine, 0);
  } finally {
    closeSync(fd);
  }
  // INVARIANT(one-writer): who has moved it away before this look is seen here; who does so later sees that it was renewed.
  const line = look(path)?.line;
  return line === mine ? 'mine' : line === undefined ? 'none' : 'other';
}

export function withDraft<T>(path: string, mine: string, use: (draft: string) => T): T {
  const draft = besides(path);
  try {
    // On a full disk an empty one would stay.
    writeFileSync(draft, mine, { flag: 'wx', mode: 0o600 });
    return use(draft);
  } finally {
    remove(draft);
  }
}

export function same(one: Seen, other: Seen): boolean {
  return one.line === other.line && one.changed === other.changed;
}

function besides(path: string): string {
  return `${path}.${process.pid}.${randomUUID().slice(0, 8)}`;
}

/** False: there is one. */
export function linked(from: string, path: string): boolean {
  try {
    linkSync(from, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** Through a descriptor: NFS asks its server when a file is opened, and believes its cache when it is looked up. */
export function look(path: string): Seen | undefined {
  const fd = opened(path, 'r');
  if (fd === undefined) return undefined;
  try {
    return { line: readFileSync(fd, 'utf8'), changed: fstatSync(fd, { bigint: true }).mtimeNs };
  } finally {
    closeSync(fd);
  }
}

function opened(path: string, flags: 'r' | 'r+'): number | undefined {
  try {
    return openSync(path, flags);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

export function remove(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // Whoever removed the directory removed the file with it.
  }
}

/** By rename, so that what was moved can be looked at once more. */
export function removeStale(path: string, stale: Seen): void {
  const aside = besides(path);
  try {
    renameSync(path, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  const moved = look(aside);
  // It was renewed or taken over between the look and the move: that one goes back to its place.
  if (moved !== undefined && !same(moved, stale)) linked(aside, path);
  remove(aside);
}

/** How long a lock has not been renewed, by the file system's own clock: a draft was written just now. */
export function ageMs(draft: string, seen: Seen): number {
  return Number((statSync(draft, { bigint: true }).mtimeNs - seen.changed) / 1_000_000n);
}
