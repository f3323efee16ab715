/** Debian's PgBouncer, before or behind the proxy. It refuses to run as root, so it runs as nobody. */
import { chmodSync, chownSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { freePort } from '../../src/cli/launch/free-port.js';
import { logTail, startServerProcess } from '../../src/cli/launch/server-process.js';
import { passwords, type TestRole } from './databases.js';

const NOBODY = 65_534;

export interface PgBouncer {
  readonly port: number;
  /** What `SHOW …` of its own console gives. */
  show(what: string): Promise<readonly Record<string, string>[]>;
  log(): string;
  stop(): Promise<void>;
}

export interface PgBouncerOptions {
  /** Where it connects to. */
  readonly server: { readonly host: string; readonly port: number };
  readonly mode: 'session' | 'transaction';
  /** trust: who connects needs no password, and PgBouncer logs in with those of its file. */
  readonly auth?: 'trust' | 'scram-sha-256' | 'plain';
  /** In its file in place of passwords, by user: what pg_authid has. */
  readonly verifiers?: Readonly<Record<string, string>>;
  /** More lines of the section [pgbouncer]. */
  readonly settings?: Readonly<Record<string, string>>;
}

/** Resolves when it answers. */
export async function startPgBouncer(options: PgBouncerOptions): Promise<PgBouncer> {
  const folder = mkdtempSync(join(tmpdir(), 'pgbouncer-'));
  const port = await freePort();
  const { host, port: serverPort } = options.server;
  const settings: Record<string, string> = {
    listen_addr: '127.0.0.1',
    listen_port: String(port),
    unix_socket_dir: '',
    auth_type: options.auth ?? 'trust',
    auth_file: join(folder, 'userlist.txt'),
    admin_users: 'postgres',
    pool_mode: options.mode,
    default_pool_size: '1',
    max_client_conn: '50',
    ...options.settings,
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name} = ${value}\n`);
  writeFileSync(
    join(folder, 'pgbouncer.ini'),
    `[databases]\n* = host=${host} port=${serverPort}\n[pgbouncer]\n${lines.join('')}`,
  );
  const secrets = { ...passwords, ...options.verifiers };
  const users = Object.entries(secrets).map(([user, password]) => `"${user}" "${password}"\n`);
  writeFileSync(join(folder, 'userlist.txt'), users.join(''));
  chmodSync(folder, 0o755);
  const asRoot = process.getuid?.() === 0;
  if (asRoot) chownSync(folder, NOBODY, NOBODY);
  const logFile = join(folder, 'log');
  const server = await startServerProcess({
    command: '/usr/sbin/pgbouncer',
    args: [join(folder, 'pgbouncer.ini')],
    folder,
    env: {},
    user: asRoot ? { uid: NOBODY, gid: NOBODY } : undefined,
    logFile,
    orphanSignal: 'KILL',
  });
  const console_ = async (what: string): Promise<readonly Record<string, string>[]> => {
    const client = new pg.Client({
      host: '127.0.0.1',
      port,
      user: 'postgres',
      password: passwords.postgres,
      database: 'pgbouncer',
    });
    client.on('error', () => undefined);
    await client.connect();
    try {
      return (await client.query<Record<string, string>>(`SHOW ${what}`)).rows;
    } finally {
      await client.end();
    }
  };
  for (let tries = 0; ; tries++) {
    try {
      await console_('VERSION');
      break;
    } catch (cause) {
      if (tries < 100 && !server.hasEnded()) await sleep(50);
      else throw new Error(`pgbouncer did not start:\n${logTail(logFile)}`, { cause });
    }
  }
  return {
    port,
    show: console_,
    log: () => logTail(logFile, 50),
    async stop() {
      await server.end('SIGTERM');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A connected client of a pooler. */
export async function connectTo(
  bouncer: PgBouncer,
  role: TestRole,
  database: string,
  more: pg.ClientConfig = {},
): Promise<pg.Client> {
  const client = new pg.Client({
    host: '127.0.0.1',
    port: bouncer.port,
    user: role,
    password: passwords[role],
    database,
    ...more,
  });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}
