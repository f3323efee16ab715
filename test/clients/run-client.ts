/** Runs one client's program once and collects what it says. It judges nothing. */
import { spawn } from 'node:child_process';
import { readFeatureLine, type FeatureResult } from './features.js';

export interface ProgramRun {
  readonly results: readonly FeatureResult[];
  /** Lines on stdout that are no result. */
  readonly strayLines: readonly string[];
  readonly exitCode: number | null;
  readonly timedOut: boolean;
  /** The end of stderr. */
  readonly stderr: string;
  readonly seconds: number;
}

export interface ProgramCommand {
  readonly command: readonly [program: string, ...args: readonly string[]];
  readonly env: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
}

/** No program of ours says more; a mad one must not fill our memory. */
const OUTPUT_LIMIT = 1_000_000;
const STDERR_KEPT = 4_000;

/** Resolves however the program ends; rejects never. */
export function runProgram({
  command: [program, ...args],
  env,
  timeoutMs,
}: ProgramCommand): Promise<ProgramRun> {
  const started = performance.now();
  return new Promise((resolve) => {
    // A group of its own, so that what the program starts (psql, pgbench, java) ends with it at the time-out.
    const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    let stdout = '';
    let stderr = '';
    let timedOut = false;
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      if (stdout.length < OUTPUT_LIMIT) stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr = (stderr + text).slice(-STDERR_KEPT);
    });
    const patience = setTimeout(() => {
      timedOut = true;
      killGroup(child.pid);
    }, timeoutMs);
    child.once('error', (error) => {
      stderr += `${program} could not be started: ${error.message}`;
    });
    child.once('close', (exitCode) => {
      clearTimeout(patience);
      killGroup(child.pid); // What it may have left behind.
      const lines = stdout.split('\n').filter((line) => line.trim() !== '');
      const read = lines.map((line) => ({ line, result: readFeatureLine(line) }));
      resolve({
        results: read.flatMap(({ result }) => result ?? []),
        strayLines: read.filter(({ result }) => result === undefined).map(({ line }) => line),
        exitCode,
        timedOut,
        stderr: stderr.trim(),
        seconds: (performance.now() - started) / 1000,
      });
    });
  });
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}
