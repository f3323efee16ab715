/**
 * Starts a throw-away Redis for the demo and the tests, from Debian's redis-server.
 * It knows nothing of what is stored in it.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ensureProgram } from './debian-package.js';
import { freePort } from './free-port.js';
import { logTail, startServerProcess, type ServerProcess } from './server-process.js';

export interface RedisOptions {
  /** The next free one below 32768 when absent. */
  readonly port?: number;
  /** Keep every write on disk, so that a restart finds it again. */
  readonly appendonly?: boolean;
  /** More directives of redis.conf. */
  readonly settings?: Readonly<Record<string, string>>;
}

export interface RedisServer {
  readonly host: '127.0.0.1';
  readonly port: number;
  readonly url: string;
  readonly logFile: string;
  /** Ends the server with SIGKILL; its files stay, so that restart() finds what it had written. */
  kill(): Promise<void>;
  /** Stops the server if it runs, and starts it again on the same files and port. */
  restart(): Promise<void>;
  /** Stops the server and removes its files. */
  stop(): Promise<void>;
}

/** Returns the path of redis-server, installing it when it is absent and we are root. */
export function ensureRedisServer(): Promise<string> {
  return ensureProgram({
    executable: 'redis-server',
    package: 'redis-server',
    purpose: 'to keep the audit stream',
  });
}

/** Starts a server. Resolves when it answers. */
export async function startRedis(options: RedisOptions = {}): Promise<RedisServer> {
  const command = await ensureRedisServer();
  const port = options.port ?? (await freePort());
  const folder = await mkdtemp(join(tmpdir(), 'pgveil-redis-'));
  const logFile = join(folder, 'redis.log');
  const settings: Record<string, string> = {
    bind: '127.0.0.1',
    port: String(port),
    dir: folder,
    save: '',
    appendonly: options.appendonly === true ? 'yes' : 'no',
    appendfsync: 'always',
    daemonize: 'no',
    ...options.settings,
  };

  const run = async (): Promise<ServerProcess> => {
    const logged = await readFile(logFile, 'utf8').catch(() => '');
    const started = await startServerProcess({
      command,
      args: Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]),
      folder,
      env: { PATH: '/usr/bin:/bin', LC_ALL: 'C' },
      logFile,
      orphanSignal: 'KILL',
    });
    await untilReady(started, logFile, logged.length);
    return started;
  };

  let server: ServerProcess;
  try {
    server = await run();
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
  return {
    host: '127.0.0.1',
    port,
    url: `redis://127.0.0.1:${port}`,
    logFile,
    kill: () => server.end('SIGKILL'),
    async restart() {
      await server.end('SIGTERM');
      server = await run();
    },
    async stop() {
      await server.end('SIGTERM');
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/**
 * Its own log says when it is ready, after it has read its files. An answer on the port would prove less:
 * it may come from another server there, and a password or TLS among the settings would refuse us.
 */
async function untilReady(server: ServerProcess, logFile: string, alreadyLogged: number): Promise<void> {
  const deadline = Date.now() + 30_000;
  for (;;) {
    const log = await readFile(logFile, 'utf8');
    if (log.slice(alreadyLogged).includes('Ready to accept connections')) return;
    if (server.hasEnded() || Date.now() > deadline) {
      await server.end('SIGKILL');
      throw new Error(`Redis did not start, its log says:\n${logTail(logFile)}`);
    }
    await sleep(20);
  }
}
