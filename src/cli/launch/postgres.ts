/**
 * Starts a throw-away PostgreSQL server for the demo and the tests, as root or as an ordinary user.
 * It speaks no SQL: what goes into the database is its callers' business.
 */
import { execFile } from 'node:child_process';
import { chmod, chown, copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { freePort } from './free-port.js';
import { postgresBinaries, type PostgresBinaries, type PostgresVersion } from './postgres-binaries.js';
import { logTail, startServerProcess, type ServerProcess } from './server-process.js';

export interface PostgresOptions {
  readonly version: PostgresVersion;
  /** The next free one below 32768 when absent. */
  readonly port?: number;
  /** Server settings on top of those for tests, as in postgresql.conf. */
  readonly settings?: Readonly<Record<string, string>>;
  /** The pg_hba.conf method for every role over TCP and socket; scram-sha-256 when absent. */
  readonly auth?: 'trust' | 'scram-sha-256' | 'md5' | 'password';
  /** Writes every statement to the log file, so that tests can compare what was executed with what was audited. */
  readonly logStatements?: boolean;
  /** Connections over TCP may be encrypted; pg_hba.conf says which must be. */
  readonly tls?: PostgresTls;
  /**
   * Lines of pg_hba.conf ahead of those of initdb, where the first that matches decides: for example
   * `hostnossl all crm_support all reject`, or `hostssl all all all scram-sha-256 clientcert=verify-full`.
   */
  readonly hba?: readonly string[];
}

/** Paths of PEM files; they are copied into the data folder, where SQL can replace and reload them. */
export interface PostgresTls {
  readonly cert: string;
  readonly key: string;
  /** Signs the certificates of clients; a pg_hba line with `clientcert` or `cert` asks for one. */
  readonly ca?: string;
}

export interface PostgresServer {
  readonly version: PostgresVersion;
  readonly host: '127.0.0.1';
  readonly port: number;
  readonly superuser: string;
  readonly password: string;
  readonly dataDir: string;
  readonly logFile: string;
  /** Ends the server as a crash would (immediate shutdown); its data stay, so that restart() recovers them. */
  kill(): Promise<void>;
  /** Stops the server if it runs, and starts it again on the same data and port. */
  restart(): Promise<void>;
  /** Stops the server and removes everything it wrote. */
  stop(): Promise<void>;
}

// PostgreSQL refuses to run as root (src/backend/main/main.c, check_root); this is the user "nobody" of every Linux distribution.
const nobody = { uid: 65_534, gid: 65_534 };
const superuser = 'postgres';
const password = 'postgres';

/** Initialises and starts a server. Resolves when it accepts connections. */
export async function startPostgres(options: PostgresOptions): Promise<PostgresServer> {
  const { version } = options;
  const binaries = await postgresBinaries(version);
  const port = options.port ?? (await freePort());
  const folder = await mkdtemp(join(tmpdir(), `pgveil-pg${version}-`));
  const user = process.getuid?.() === 0 ? nobody : undefined;
  if (user !== undefined) await chown(folder, user.uid, user.gid);
  const dataDir = join(folder, 'data');
  const logFile = join(folder, 'postgres.log');

  const run = async (): Promise<ServerProcess> => {
    const started = await startServerProcess({
      command: binaries.postgres,
      args: ['-D', dataDir],
      folder,
      env: cleanEnvironment(folder),
      user,
      logFile,
      orphanSignal: 'QUIT',
    });
    await untilReady(started, { version, dataDir, logFile });
    return started;
  };

  let server: ServerProcess;
  try {
    await initialise({ binaries, dataDir, folder, user, auth: options.auth ?? 'scram-sha-256' });
    await writeFile(join(dataDir, 'postgresql.auto.conf'), settingsFile(port, dataDir, options));
    if (options.tls !== undefined) await installTls(options.tls, dataDir, user);
    if (options.hba !== undefined) await prependHba(options.hba, dataDir);
    server = await run();
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }

  return {
    version,
    host: '127.0.0.1',
    port,
    superuser,
    password,
    dataDir,
    logFile,
    kill: () => server.end('SIGQUIT'),
    async restart() {
      await server.end('SIGINT');
      server = await run();
    },
    async stop() {
      // SIGINT is a fast shutdown: open sessions are ended, not waited for.
      await server.end('SIGINT');
      await rm(folder, { recursive: true, force: true });
    },
  };
}

interface Initialise {
  readonly binaries: PostgresBinaries;
  readonly dataDir: string;
  readonly folder: string;
  readonly user: typeof nobody | undefined;
  readonly auth: string;
}

async function initialise({ binaries, dataDir, folder, user, auth }: Initialise): Promise<void> {
  const passwordFile = join(folder, 'password');
  await writeFile(passwordFile, password);
  const args = ['-D', dataDir, '-U', superuser, '-A', auth, '--pwfile', passwordFile];
  args.push('--no-sync', '--encoding=UTF8', '--locale=C', '--no-instructions');
  try {
    await promisify(execFile)(binaries.initdb, args, { cwd: folder, env: cleanEnvironment(folder), ...user });
  } catch (error) {
    const said = error instanceof Error && 'stderr' in error ? String(error.stderr) : String(error);
    throw new Error(`initdb failed: ${said.trim()}`, { cause: error });
  }
  await rm(passwordFile);
}

/** The server reads its key only when nobody else can (PostgreSQL manual, 18.9.2). */
async function installTls(tls: PostgresTls, dataDir: string, user: typeof nobody | undefined): Promise<void> {
  const files = { 'server.crt': tls.cert, 'server.key': tls.key, 'client-ca.crt': tls.ca };
  for (const [name, from] of Object.entries(files)) {
    if (from === undefined) continue;
    const to = join(dataDir, name);
    await copyFile(from, to);
    await chmod(to, 0o600);
    if (user !== undefined) await chown(to, user.uid, user.gid);
  }
}

async function prependHba(lines: readonly string[], dataDir: string): Promise<void> {
  const file = join(dataDir, 'pg_hba.conf');
  const initial = await readFile(file, 'utf8');
  await writeFile(file, `${lines.join('\n')}\n${initial}`);
}

/** Nothing of the caller's PG* variables or locale may reach the server. */
function cleanEnvironment(folder: string): Record<string, string> {
  return { PATH: ['/usr/bin', '/bin'].join(delimiter), HOME: folder, LC_ALL: 'C', TZ: 'UTC' };
}

/**
 * The data do not outlive the machine's run, so nothing is synced (a crash of the server alone loses nothing committed even so);
 * the rest keeps two servers small beside each other.
 */
function settingsFile(port: number, dataDir: string, options: PostgresOptions): string {
  const settings: Record<string, string> = {
    listen_addresses: '127.0.0.1',
    port: String(port),
    unix_socket_directories: dataDir,
    fsync: 'off',
    full_page_writes: 'off',
    shared_buffers: '32MB',
    max_connections: '200',
    max_wal_senders: '0',
    wal_level: 'minimal',
    autovacuum: 'off',
    timezone: 'UTC',
    log_timezone: 'UTC',
    log_line_prefix: '%m [%p] %q%u@%d ',
    ...(options.logStatements === true ? { log_statement: 'all' } : {}),
    ...(options.tls === undefined ? {} : { ssl: 'on' }),
    ...(options.tls?.ca === undefined ? {} : { ssl_ca_file: 'client-ca.crt' }),
    ...options.settings,
  };
  // A quote inside a value is doubled (PostgreSQL manual, 19.1.2).
  return Object.entries(settings)
    .map(([name, value]) => `${name} = '${value.replaceAll("'", "''")}'\n`)
    .join('');
}

/** Waits as pg_ctl does: line 8 of postmaster.pid says "ready" (src/include/utils/pidfile.h). */
async function untilReady(
  server: ServerProcess,
  { version, dataDir, logFile }: { version: number; dataDir: string; logFile: string },
): Promise<void> {
  const deadline = Date.now() + 60_000;
  for (;;) {
    if (server.hasEnded() || Date.now() > deadline) {
      await server.end('SIGQUIT');
      throw new Error(`PostgreSQL ${version} did not start, its log says:\n${logTail(logFile)}`);
    }
    const lines = await readFile(join(dataDir, 'postmaster.pid'), 'utf8').then(
      (text) => text.split('\n'),
      () => [],
    );
    if (lines[0] === String(server.pid) && lines[7]?.trim() === 'ready') return;
    await sleep(20);
  }
}
