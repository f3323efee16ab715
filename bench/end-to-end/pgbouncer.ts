/** Starts Debian's PgBouncer in session mode, as the pooler to compare with. */
import { chmod, chown, copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureProgram } from '../../src/cli/launch/debian-package.js';
import { freePort } from '../../src/cli/launch/free-port.js';
import { startServerProcess } from '../../src/cli/launch/server-process.js';
import { untilPortAnswers } from './until-port-answers.js';

export interface RunningProxy {
  readonly port: number;
  readonly pid: number;
  stop(): Promise<void>;
}

// PgBouncer refuses to run as root (main.c, check_limits and the "-u" option); this is the user "nobody".
const nobody = { uid: 65_534, gid: 65_534 };

export function ensurePgbouncer(): Promise<string> {
  return ensureProgram({ executable: 'pgbouncer', package: 'pgbouncer', purpose: 'to compare with' });
}

export async function startPgbouncer(options: {
  readonly upstreamPort: number;
  readonly database: string;
  readonly users: readonly string[];
  /** Paths; offered to clients that ask for TLS. */
  readonly tls?: { readonly cert: string; readonly key: string };
}): Promise<RunningProxy> {
  const command = await ensurePgbouncer();
  const port = await freePort();
  const folder = await mkdtemp(join(tmpdir(), 'pgveil-bench-pgbouncer-'));
  await chmod(folder, 0o755);
  const users = join(folder, 'userlist.txt');
  const config = join(folder, 'pgbouncer.ini');
  const logFile = join(folder, 'pgbouncer.log');
  // auth_type trust still wants the users listed (pgbouncer.ini, auth_file).
  await writeFile(users, options.users.map((user) => `"${user}" ""\n`).join(''));
  await writeFile(
    config,
    `[databases]
${options.database} = host=127.0.0.1 port=${options.upstreamPort}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = trust
auth_file = ${users}
pool_mode = session
default_pool_size = 100
max_client_conn = 200
ignore_startup_parameters = extra_float_digits
log_connections = 0
log_disconnections = 0
${tlsLines(options.tls, folder)}`,
  );
  await copyKey(options.tls, folder);
  try {
    const server = await startServerProcess({
      command,
      args: [config],
      folder,
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' },
      ...(process.getuid?.() === 0 ? { user: nobody } : {}),
      logFile,
      orphanSignal: 'KILL',
    });
    await untilPortAnswers({ what: 'PgBouncer', port, server, logFile });
    return {
      port,
      pid: server.pid,
      async stop() {
        await server.end('SIGTERM');
        await rm(folder, { recursive: true, force: true });
      },
    };
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

function tlsLines(tls: { readonly cert: string } | undefined, folder: string): string {
  if (tls === undefined) return '';
  return `client_tls_sslmode = allow\nclient_tls_cert_file = ${tls.cert}\nclient_tls_key_file = ${join(folder, 'server.key')}\n`;
}

/** A key is readable by its owner alone, so PgBouncer's user gets a copy. */
async function copyKey(tls: { readonly key: string } | undefined, folder: string): Promise<void> {
  if (tls === undefined) return;
  const copy = join(folder, 'server.key');
  await copyFile(tls.key, copy);
  if (process.getuid?.() === 0) await chown(copy, nobody.uid, nobody.gid);
}
