/** The real `pgveil serve` of bin/pgveil.js, which may be killed in several ways and started again on the same files. */
import { readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { logTail, startServerProcess, type ServerProcess } from '../../../src/cli/launch/server-process.js';

const bin = resolve('bin/pgveil.js');

export class Served {
  readonly #folder: string;
  readonly #admin: number;
  readonly #logFile: string;
  #process: ServerProcess | undefined;

  /** @param folder - with pgveil.yaml in it */
  constructor(folder: string, admin: number) {
    this.#folder = folder;
    this.#admin = admin;
    this.#logFile = join(folder, 'pgveil.log');
  }

  /** Resolves when it is ready. */
  async start(): Promise<void> {
    this.#process = await startServerProcess({
      command: process.execPath,
      args: [bin, 'serve', '-c', join(this.#folder, 'pgveil.yaml'), '--log-level', 'warn'],
      folder: this.#folder,
      env: { PATH: dirname(process.execPath) },
      logFile: this.#logFile,
      orphanSignal: 'KILL',
    });
    await this.untilReady();
  }

  async untilReady(deadlineMs = 60_000): Promise<void> {
    const deadline = Date.now() + deadlineMs;
    while (!(await this.#ready())) {
      if (this.#process!.hasEnded() || Date.now() > deadline)
        throw new Error(`pgveil is not ready; its log says:\n${this.said()}`);
      await sleep(25);
    }
  }

  /** `all`: the workers in the same moment, otherwise they have to notice. */
  async kill(all: boolean): Promise<void> {
    const workers = this.workers();
    const ended = this.#process!.end('SIGKILL');
    if (all) for (const pid of workers) process.kill(pid, 'SIGKILL');
    await ended;
    // They hold the port and the spools as long as they live.
    while (workers.some(isAlive)) await sleep(5);
  }

  /** Process ids; none when there is one process (proc(5), /proc/PID/task/TID/children). */
  workers(): readonly number[] {
    const { pid } = this.#process!;
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
  }

  /** The process ids that write spools. */
  pids(): readonly number[] {
    return [this.#process!.pid, ...this.workers()];
  }

  async terminate(): Promise<void> {
    await this.#process?.end('SIGTERM', 30_000);
  }

  /** The end of its log. */
  said(): string {
    return logTail(this.#logFile, 40);
  }

  async metric(name: string): Promise<number | undefined> {
    try {
      const text = await (await this.#get('/metrics')).text();
      const line = text.split('\n').find((one) => one.startsWith(`${name} `));
      return line === undefined ? undefined : Number(line.split(' ').at(-1));
    } catch {
      return undefined;
    }
  }

  async #ready(): Promise<boolean> {
    try {
      return (await this.#get('/readyz')).ok;
    } catch {
      return false;
    }
  }

  #get(path: string): Promise<Response> {
    return fetch(`http://127.0.0.1:${this.#admin}${path}`, { signal: AbortSignal.timeout(2_000) });
  }
}

/** A zombie has ended (proc_pid_stat(5), field 3). */
function isAlive(pid: number): boolean {
  try {
    return !readFileSync(`/proc/${pid}/stat`, 'latin1').includes(') Z ');
  } catch {
    return false;
  }
}
