/**
 * Who holds a spool's lock: the line that a process writes into it about itself, and what can be told of the process that
 * wrote another one. Knows no files but those of /proc.
 */
import { randomUUID } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';

/** `elsewhere`: its pid means nothing here, so that only what it does to the lock can tell whether it lives. */
export type Holder =
  | { readonly kind: 'living'; readonly pid: number }
  | { readonly kind: 'ended' }
  | { readonly kind: 'elsewhere' };

/**
 * Pid and start time (a pid is used again), a word that tells apart two locks of one process, and where the pid means
 * something: two containers, or two machines, may each have their own process of that number.
 */
export function ownLine(): string {
  return `${process.pid} ${startTime(process.pid)} ${randomUUID()} ${boot()} ${pidNamespace()}\n`;
}

export function holderOf(line: string): Holder {
  const [pidText, started, , itsBoot, itsNamespace] = line.trim().split(' ');
  const pid = Number(pidText);
  if (!Number.isInteger(pid) || pid <= 0) return { kind: 'ended' };
  // Until November 2026 the line ended before them: such a lock was always looked at as one from here.
  const here = itsBoot === undefined || (itsBoot === boot() && itsNamespace === pidNamespace());
  if (!here) return { kind: 'elsewhere' };
  return pid !== process.pid && lives(pid, started) ? { kind: 'living', pid } : { kind: 'ended' };
}

function lives(pid: number, started: string | undefined): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: it lives and belongs to someone else.
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  // A zombie has ended and written its last; only its parent has not asked after it yet.
  return startTime(pid) === started && !ENDED.includes(statOf(pid)[0] ?? '-');
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

/** Another one with each start of the machine's kernel (proc_sys_kernel(5)). */
function boot(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
  } catch {
    return '-';
  }
}

/** As pid_namespaces(7) shows it: `pid:[4026531836]`. */
function pidNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    return '-';
  }
}
