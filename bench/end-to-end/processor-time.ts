/**
 * What the operating system says a process and its children have used (proc(5), /proc/PID/stat): all their threads, user
 * and kernel.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const ticksPerSecond = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));

/** Seconds since the process started, with those of the workers that it has. The resolution is a tick, 10 ms on Linux. */
export function processorSeconds(pid: number): number {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ');
  return children
    .filter((child) => child !== '')
    .reduce((sum, child) => sum + processorSeconds(Number(child)), ownSeconds(pid));
}

function ownSeconds(pid: number): number {
  const line = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The second field is the program's name in brackets and may hold anything; utime and stime are the 14th and 15th.
  const fields = line.slice(line.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

const QUIET_MS = 150;
const PATIENCE_MS = 30_000;

/**
 * Waits until the process rests, so that work it has put off (shipping its audit events) is counted with the
 * transactions that caused it, and does not disturb the next contender. Gives false when it would not rest.
 */
export async function settle(pid: number): Promise<boolean> {
  const deadline = Date.now() + PATIENCE_MS;
  let before = processorSeconds(pid);
  for (let quiet = 0; quiet < 2;) {
    if (Date.now() > deadline) return false;
    await sleep(QUIET_MS);
    const now = processorSeconds(pid);
    quiet = now - before <= 1 / ticksPerSecond ? quiet + 1 : 0;
    before = now;
  }
  return true;
}
