/**
 * One writer per spool directory. The lock file names the process that holds it by pid and start time, so that a lock
 * left behind by a crash (or by the previous pid 1 of a container) does not keep the next process out.
 */
import { randomUUID } from 'node:crypto';
import { linkSync, readFileSync, renameSync, unlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const heldHere = new Set<string>();
const ATTEMPTS = 5;

export interface SpoolLock {
  /** Throws when another process has the directory; makes the lock again where somebody has removed it. */
  hold(): void;
  release(): void;
}

/** Takes the lock or throws an error that says who has it. */
export function lockSpool(directory: string): SpoolLock {
  const path = join(resolve(directory), 'lock');
  if (heldHere.has(path)) throw lockError(directory, process.pid);
  // The last word tells apart two locks of one process.
  const mine = `${process.pid} ${startTime(process.pid)} ${randomUUID()}\n`;
  take(directory, path, mine);
  heldHere.add(path);
  return {
    hold: () => {
      if (contentOf(path) !== mine) take(directory, path, mine);
    },
    release: () => {
      heldHere.delete(path);
      // Somebody else's is theirs; a directory that was removed took the lock with it.
      if (contentOf(path) === mine) remove(path);
    },
  };
}

function take(directory: string, path: string, mine: string): void {
  const draft = `${path}.${process.pid}.${randomUUID().slice(0, 8)}`;
  writeFileSync(draft, mine, { flag: 'wx', mode: 0o600 });
  try {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      // INVARIANT(one-writer): link(2) makes the lock with all that stands in it, or not at all; a file that is made empty
      // and then filled looks in between as if nobody had it.
      if (linked(draft, path)) return;
      const found = contentOf(path);
      if (found === undefined) continue;
      const holder = livingHolder(found);
      if (holder !== undefined) throw lockError(directory, holder);
      removeStale(directory, path, found);
    }
  } finally {
    remove(draft);
  }
  throw new Error(
    `audit spool "${directory}" cannot be locked: other processes are taking it; start one alone`,
  );
}

/** By rename: of several processes that find the same stale lock one moves it, and the others see what they moved. */
function removeStale(directory: string, path: string, stale: string): void {
  const aside = `${path}.${process.pid}.${randomUUID().slice(0, 8)}`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  const moved = contentOf(aside);
  // It was taken over between the look and the move: that one goes back to its place.
  if (moved !== undefined && moved !== stale) linked(aside, path);
  remove(aside);
  const holder = moved === undefined ? undefined : livingHolder(moved);
  if (moved !== stale && holder !== undefined) throw lockError(directory, holder);
}

/** False: there is one. */
function linked(from: string, path: string): boolean {
  try {
    linkSync(from, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

function contentOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function remove(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // Whoever removed the directory removed the file with it.
  }
}

/** The pid in a lock if that very process still runs and is not this one. */
function livingHolder(content: string): number | undefined {
  const [pidText, started] = content.trim().split(' ');
  const pid = Number(pidText);
  if (!Number.isInteger(pid) || pid <= 0 || pid === process.pid) return undefined;
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: it lives and belongs to someone else.
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return undefined;
  }
  // A zombie has ended and written its last; only its parent has not asked after it yet.
  return startTime(pid) === started && !ENDED.includes(statOf(pid)[0] ?? '-') ? pid : undefined;
}

/** Zombie and dead (proc_pid_stat(5), field 3). */
const ENDED = ['Z', 'X'];

/** Field 22 of /proc/<pid>/stat; elsewhere the pid alone must do. */
function startTime(pid: number): string {
  return statOf(pid)[19] ?? '-';
}

/** The fields of /proc/<pid>/stat from the third on (proc_pid_stat(5)); none where there is no such file. */
function statOf(pid: number): readonly string[] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch {
    return [];
  }
}

function lockError(directory: string, pid: number): Error {
  return new Error(
    `audit spool "${directory}" is in use by process ${pid}: each pgveil process needs a spool directory of its own; stop that process or set audit.spool`,
  );
}
