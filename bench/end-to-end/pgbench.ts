/** Runs pgbench for one slice and reads what it says. Knows nothing of who is measured. */
import { spawn } from 'node:child_process';
import { ensureProgram } from '../../src/cli/launch/debian-package.js';

export const protocols = ['simple', 'extended', 'prepared'] as const;
export type Protocol = (typeof protocols)[number];

export interface Slice {
  readonly port: number;
  readonly user: string;
  readonly database: string;
  /** A script in pgbench's language. */
  readonly scriptFile: string;
  readonly protocol: Protocol;
  readonly clients: number;
  readonly seconds: number;
  /** Over TLS to the contender. */
  readonly encrypted: boolean;
}

export interface SliceResult {
  /** Without the time that connecting took. */
  readonly tps: number;
  readonly transactions: number;
  readonly latencyMs: number;
}

export function ensurePgbench(): Promise<string> {
  return ensureProgram({
    executable: 'pgbench',
    package: 'postgresql-contrib',
    purpose: 'to make the load',
  });
}

/** Rejects with pgbench's own words when it fails or a transaction does. */
export async function runPgbench(slice: Slice, signal: AbortSignal): Promise<SliceResult> {
  const said = await pgbench(
    [
      ...['-n', '-M', slice.protocol, '-f', slice.scriptFile],
      ...['-c', String(slice.clients), '-j', String(Math.min(2, slice.clients)), '-T', String(slice.seconds)],
      ...['-h', '127.0.0.1', '-p', String(slice.port), '-U', slice.user, slice.database],
    ],
    signal,
    slice.encrypted ? 'require' : 'disable',
  );
  const failed = figure(said, /number of failed transactions: (\d+)/);
  if (failed > 0) throw new Error(`${failed} transactions failed on port ${slice.port}:\n${said}`);
  return {
    tps: figure(said, /tps = ([\d.]+) \(without initial connection time\)/),
    transactions: figure(said, /number of transactions actually processed: (\d+)/),
    latencyMs: figure(said, /latency average = ([\d.]+) ms/),
  };
}

/** Makes pgbench's own tables. */
export async function initialisePgbench(
  target: { readonly port: number; readonly user: string; readonly database: string },
  scale: number,
  signal: AbortSignal,
): Promise<void> {
  await pgbench(
    [
      ...['-i', '-q', '-s', String(scale)],
      ...['-h', '127.0.0.1', '-p', String(target.port), '-U', target.user, target.database],
    ],
    signal,
    'disable',
  );
}

async function pgbench(
  args: readonly string[],
  signal: AbortSignal,
  sslMode: 'disable' | 'require',
): Promise<string> {
  const program = await ensurePgbench();
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin', PGSSLMODE: sslMode, PGGSSENCMODE: 'disable' },
      stdio: ['ignore', 'pipe', 'pipe'],
      // Out of the terminal's foreground group: Ctrl-C is ours to pass on, once.
      detached: true,
      signal,
    });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => (said += text));
    }
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) resolve(said);
      else reject(new Error(`pgbench ended with exit code ${code ?? 'unknown'}:\n${said.trim()}`));
    });
  });
}

function figure(text: string, pattern: RegExp): number {
  const found = pattern.exec(text)?.[1];
  if (found === undefined) throw new Error(`pgbench did not print ${pattern.source}:\n${text}`);
  return Number(found);
}
