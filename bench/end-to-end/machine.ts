/** What a reader of the figures has to know about where they were taken. */
import { execFile } from 'node:child_process';
import { cpus, loadavg } from 'node:os';
import { promisify } from 'node:util';
import { ensurePgbench } from './pgbench.js';
import { ensurePgbouncer } from './pgbouncer.js';

export interface Machine {
  readonly date: string;
  readonly cpu: string;
  readonly cores: number;
  readonly node: string;
  readonly pgbench: string;
  readonly pgbouncer: string;
  /** Over one minute, before anything was started. */
  readonly loadAverage: number;
}

/** Above this somebody else works on the machine. */
export const QUIET_LOAD = 0.5;

export async function describeMachine(): Promise<Machine> {
  const processors = cpus();
  return {
    date: new Date().toISOString(),
    cpu: processors[0]?.model ?? 'unknown',
    cores: processors.length,
    node: process.version,
    pgbench: await versionOf(await ensurePgbench()),
    pgbouncer: await versionOf(await ensurePgbouncer()),
    loadAverage: loadavg()[0]!,
  };
}

async function versionOf(program: string): Promise<string> {
  const { stdout } = await promisify(execFile)(program, ['--version']);
  return stdout.split('\n', 1)[0]!.trim();
}
