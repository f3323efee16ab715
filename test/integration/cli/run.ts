/** Runs bin/pgveil.js as a person would, in a folder of its own. */
import { spawn, type ChildProcess } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  readonly child: ChildProcess;
  readonly stderr: () => string;
  readonly stdout: () => string;
  readonly finished: Promise<Finished>;
  /** Resolves when standard error or output holds the text. */
  until(text: string, deadlineMs?: number): Promise<void>;
}

const bin = resolve('bin/pgveil.js');

export function start(
  args: readonly string[],
  options: { cwd?: string; env?: Record<string, string> } = {},
): Running {
  // Nothing of the caller's PGVEIL_ variables may change a test; FORCE_COLOR would paint what must be plain.
  const inherited = Object.entries(process.env).filter(
    ([name]) => !name.startsWith('PGVEIL_') && name !== 'FORCE_COLOR',
  );
  const child = spawn(process.execPath, [bin, ...args], {
    cwd: options.cwd,
    env: { ...Object.fromEntries(inherited), ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const finished = new Promise<Finished>((done) => {
    child.once('close', (code) => done({ code, stdout, stderr }));
  });
  return {
    child,
    stdout: () => stdout,
    stderr: () => stderr,
    finished,
    async until(text, deadlineMs = 20_000) {
      const deadline = Date.now() + deadlineMs;
      while (!stderr.includes(text) && !stdout.includes(text)) {
        if (Date.now() > deadline || child.exitCode !== null) {
          throw new Error(`"${text}" did not come; stderr:\n${stderr}\nstdout:\n${stdout}`);
        }
        await sleep(20);
      }
    },
  };
}

export function run(
  args: readonly string[],
  options: { cwd?: string; env?: Record<string, string> } = {},
): Promise<Finished> {
  return start(args, options).finished;
}

/** A folder with pgveil.yaml and a copy of the sample policies. */
export interface Folder {
  readonly path: string;
  write(file: string, text: string): void;
  remove(): void;
}

export function folderWith(config: string): Folder {
  const path = mkdtempSync(join(tmpdir(), 'pgveil-cli-'));
  mkdirSync(join(path, 'policies'));
  cpSync('policies/crm.yaml', join(path, 'policies', 'crm.yaml'));
  const write = (file: string, text: string): void => writeFileSync(join(path, file), text);
  write('pgveil.yaml', config);
  return { path, write, remove: () => rmSync(path, { recursive: true, force: true }) };
}
