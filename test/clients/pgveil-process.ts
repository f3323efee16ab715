/** Runs `pgveil serve` as its users do: the executable, a configuration file, signals. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { stringify } from 'yaml';
import { freePort } from '../../src/cli/launch/free-port.js';
import { logTail, startServerProcess, type ServerProcess } from '../../src/cli/launch/server-process.js';

export interface PgveilProcess {
  readonly port: number;
  /** The end of its log. */
  log(): string;
  stop(): Promise<void>;
}

export interface PgveilOptions {
  /** Made for the configuration, the log and the audit spool. */
  readonly folder: string;
  /** As in pgveil.yaml; ports, policies and the spool are added. */
  readonly settings: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

const START_LIMIT_MS = 30_000;

/** Resolves when it accepts connections and says that it is ready. */
export async function startPgveil({ folder, settings }: PgveilOptions): Promise<PgveilProcess> {
  await mkdir(folder);
  const [port, adminPort] = [await freePort(), await freePort()];
  const file = join(folder, 'pgveil.yaml');
  const configuration = {
    ...settings,
    listen: { ...settings['listen'], host: '127.0.0.1', port },
    admin: { host: '127.0.0.1', port: adminPort },
    policies: resolve('policies'),
    audit: { ...settings['audit'], spool: join(folder, 'audit') },
  };
  await writeFile(file, stringify(configuration), { mode: 0o600 });
  const logFile = join(folder, 'pgveil.log');
  const server = await startServerProcess({
    command: process.execPath,
    args: [resolve('bin/pgveil.js'), 'serve', '--config', file],
    folder,
    env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin', HOME: folder },
    logFile,
    orphanSignal: 'KILL',
  });
  try {
    await untilReady(server, adminPort);
  } catch (cause) {
    await server.end('SIGKILL');
    throw new Error(`pgveil did not start, its log says:\n${logTail(logFile)}`, { cause });
  }
  return {
    port,
    log: () => logTail(logFile, 40),
    stop: () => server.end('SIGINT'),
  };
}

async function untilReady(server: ServerProcess, adminPort: number): Promise<void> {
  const deadline = Date.now() + START_LIMIT_MS;
  for (;;) {
    const ready = await fetch(`http://127.0.0.1:${adminPort}/readyz`).then(
      ({ ok }) => ok,
      () => false,
    );
    if (ready) return;
    if (server.hasEnded()) throw new Error('it ended by itself');
    if (Date.now() > deadline) throw new Error(`it was not ready within ${START_LIMIT_MS / 1000} s`);
    await sleep(50);
  }
}
