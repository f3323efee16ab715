/**
 * One writer per spool directory. The lock file names the process that holds it by pid and start time, so that a lock
 * left behind by a crash (or by the previous pid 1 of a container) does not keep the next process out.
 */
import { readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const heldHere = new Set<string>();

export interface SpoolLock {
  release(): void;
}

/** Takes the lock or throws an error that says who has it. */
export function lockSpool(directory: string): SpoolLock {
  const path = join(resolve(directory), 'lock');
  if (heldHere.has(path)) throw lockError(directory, process.pid);
  const mine = `${process.pid} ${startTime(process.pid)}\n`;
  for (let attempt = 0; ; attempt++) {
    try {
      writeFileSync(path, mine, { flag: 'wx' });
      break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || attempt === 3) throw error;
      const holder = livingHolder(path);
      if (holder !== undefined) throw lockError(directory, holder);
      unlinkSync(path);
    }
  }
  heldHere.add(path);
  return {
    release: () => {
      heldHere.delete(path);
      try {
        unlinkSync(path);
      } catch {
        // Whoever removed the directory removed the lock with it.
      }
    },
  };
}

/** The pid in the lock file if that very process still runs. */
function livingHolder(path: string): number | undefined {
  const [pidText, started] = readFileSync(path, 'utf8').trim().split(' ');
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
