/** How many workers `workers: auto` means: as many as there are processors to run them. */
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';

/** Each takes some 100 MB; a machine with more processors than this says what it wants. */
const MOST = 16;

/** 1: one process, without a primary. */
export function workerCount(setting: 'auto' | number): number {
  if (setting !== 'auto') return setting;
  const processors = Math.min(availableParallelism(), processorQuota(readQuota()) ?? Infinity);
  return Math.max(1, Math.min(MOST, processors));
}

/**
 * A container's share of processors, rounded up, from cgroup v2's cpu.max: `QUOTA PERIOD`, or `max` for none
 * (Documentation/admin-guide/cgroup-v2.rst of the kernel). Node counts the machine's processors instead.
 */
export function processorQuota(cpuMax: string | undefined): number | undefined {
  const [quota, period] = (cpuMax ?? '').trim().split(' ').map(Number);
  if (quota === undefined || period === undefined || !(quota > 0) || !(period > 0)) return undefined;
  return Math.ceil(quota / period);
}

function readQuota(): string | undefined {
  try {
    return readFileSync('/sys/fs/cgroup/cpu.max', 'utf8');
  } catch {
    return undefined;
  }
}
