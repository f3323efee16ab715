/**
 * Runs one server as a child process: its output goes to a log file, and it never outlives us, however we die.
 * It knows nothing of what the server is.
 */
import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';

export interface ServerCommand {
  readonly command: string;
  readonly args: readonly string[];
  /** The working folder; it is removed when our process dies without having stopped the server. */
  readonly folder: string;
  readonly env: Readonly<Record<string, string>>;
  /** Another user to run as, when we are root. */
  readonly user?: { readonly uid: number; readonly gid: number } | undefined;
  readonly logFile: string;
  /** What ends the server at once and without a trace of processes: sent when we die. */
  readonly orphanSignal: 'QUIT' | 'KILL';
}

export interface ServerProcess {
  readonly pid: number;
  /** True once the process has ended. */
  hasEnded(): boolean;
  /** Sends the signal and waits for the end; after the patience has run out, SIGKILL. */
  end(signal: NodeJS.Signals, patienceMs?: number): Promise<void>;
}

/** Starts the server. Resolves when the process exists, which is before it answers. */
export async function startServerProcess(what: ServerCommand): Promise<ServerProcess> {
  const log = openSync(what.logFile, 'a');
  // Detached: Ctrl-C on a terminal reaches the whole foreground group, and the order of stopping is ours to choose.
  const child = spawn(what.command, what.args, {
    cwd: what.folder,
    env: what.env,
    stdio: ['ignore', log, log],
    detached: true,
    ...what.user,
  });
  closeSync(log);
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', reject);
  });
  const pid = child.pid!;
  let ended = false;
  const exited = new Promise<void>((resolve) => {
    child.once('exit', () => {
      ended = true;
      resolve();
    });
  });
  const release = guardAgainstOrphan(pid, what.orphanSignal, what.folder);
  void exited.then(release);
  return {
    pid,
    hasEnded: () => ended,
    async end(signal, patienceMs = 10_000) {
      if (ended) return;
      child.kill(signal);
      const impatience = setTimeout(() => child.kill('SIGKILL'), patienceMs);
      await exited;
      clearTimeout(impatience);
    },
  };
}

/**
 * A shell that waits for the end of our pipe, which the kernel closes even when we are killed with SIGKILL,
 * and then ends the server and removes its folder. Signal handlers of ours could not promise that.
 */
function guardAgainstOrphan(pid: number, signal: string, folder: string): () => void {
  const script =
    'read -r _; kill -s "$1" "$2"; n=0; while kill -0 "$2" && [ $n -lt 50 ]; do sleep 0.1; n=$((n+1)); done; rm -rf "$3"';
  const guard = spawn('/bin/sh', ['-c', script, 'sh', signal, String(pid), folder], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
    cwd: '/',
  });
  guard.on('error', () => undefined);
  guard.unref();
  // The pipe must not keep our event loop alive. Its declared type is Writable; what stands behind it is a socket.
  (guard.stdin as typeof guard.stdin & { unref(): void }).unref();
  return () => {
    guard.kill('SIGKILL');
  };
}

/** The end of a log file, for an error message about a server that would not start. */
export function logTail(logFile: string, lines = 20): string {
  try {
    return readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-lines).join('\n');
  } catch {
    return '(no log was written)';
  }
}
