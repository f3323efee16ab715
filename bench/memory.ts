/**
 * `npx tsx bench/memory.ts`: what connections cost in memory. A thousand idle ones, and one whose reader or whose server
 * has stopped while 1 GB is on its way. Each case has a proxy of its own, measured from outside (VmRSS in proc(5)).
 * TLS is measured by giving `listen.tls` in `proxyConfig` and a TLS socket in `logIn`.
 */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { loadSampleDatabase } from '../src/cli/demo/sample-database.js';
import { freePort } from '../src/cli/launch/free-port.js';
import { startPostgres, type PostgresServer } from '../src/cli/launch/postgres.js';
import { startServerProcess } from '../src/cli/launch/server-process.js';
import { encodeFrontend } from '../src/wire/frontend-message.js';
import { encodeStartupPacket } from '../src/wire/startup.js';
import { untilPortAnswers } from './end-to-end/until-port-answers.js';

const IDLE = Number(process.argv[2] ?? 1000);
const MIB = 1024 * 1024;
const users = { exempt: 'crm_admin', governed: 'crm_support' } as const;
type Kind = keyof typeof users;

interface Proxy {
  readonly port: number;
  readonly pid: number;
  stop(): Promise<void>;
}

async function startProxy(server: PostgresServer): Promise<Proxy> {
  const folder = await mkdtemp(join(tmpdir(), 'pgveil-memory-'));
  const port = await freePort();
  await cp('policies', join(folder, 'policies'), { recursive: true });
  await writeFile(join(folder, 'pgveil.yaml'), proxyConfig(port, await freePort(), server.port));
  const logFile = join(folder, 'pgveil.log');
  const running = await startServerProcess({
    command: process.execPath,
    args: [join(process.cwd(), 'bin/pgveil.js'), 'serve', '--log-level', 'warn'],
    folder,
    env: { PATH: dirname(process.execPath) },
    logFile,
    orphanSignal: 'KILL',
  });
  await untilPortAnswers({ what: 'pgveil', port, server: running, logFile });
  return {
    port,
    pid: running.pid,
    stop: async () => {
      await running.end('SIGINT');
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function proxyConfig(port: number, admin: number, upstream: number): string {
  return `listen: { port: ${port} }
upstream: { port: ${upstream} }
catalog: { url: "postgres://pgveil_catalog@127.0.0.1:${upstream}/crm" }
admin: { port: ${admin} }
limits: { connections: ${IDLE + 10} }
workers: 1
`;
}

/** The server trusts everybody, so that a log-in is one message. Resolves at ReadyForQuery. */
async function logIn(port: number, user: string): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  const parameters: [string, string][] = [
    ['user', user],
    ['database', 'crm'],
  ];
  socket.write(encodeStartupPacket({ kind: 'startup', protocol: { major: 3, minor: 0 }, parameters }));
  for (let end = Buffer.alloc(0); end.subarray(-6, -1).toString('latin1') !== 'Z\0\0\0\x05';) {
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    end = Buffer.concat([end, chunk]).subarray(-4096);
    if (end.includes('FATAL')) throw new Error(end.toString('latin1'));
  }
  return socket;
}

const query = (sql: string): Buffer => encodeFrontend({ kind: 'query', sql: Buffer.from(sql) });

function residentMiB(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))![1]) / 1024;
}

async function highest(pid: number, seconds: number): Promise<number> {
  let most = 0;
  for (const until = Date.now() + seconds * 1000; Date.now() < until;) {
    most = Math.max(most, residentMiB(pid));
    await sleep(100);
  }
  return most;
}

function tell(what: string, before: number, after: number, each?: number): void {
  const share = each === undefined ? '' : `, ${(((after - before) * 1024) / each).toFixed(1)} KiB each`;
  process.stdout.write(`${what}: ${before.toFixed(0)} MiB → ${after.toFixed(0)} MiB${share}\n`);
}

async function idle(proxy: Proxy, kind: Kind): Promise<void> {
  // Once around, so that code and caches of the first session are not counted as memory of all.
  for (let n = 0; n < 20; n++) (await logIn(proxy.port, users[kind])).destroy();
  await sleep(1_000);
  const before = residentMiB(proxy.pid);
  const sockets: Socket[] = [];
  for (let n = 0; n < IDLE; n += 20)
    sockets.push(...(await Promise.all(Array.from({ length: 20 }, () => logIn(proxy.port, users[kind])))));
  await sleep(3_000);
  tell(`${IDLE} idle, ${kind}`, before, residentMiB(proxy.pid), IDLE);
  for (const socket of sockets) socket.destroy();
}

async function stalledReader(proxy: Proxy, kind: Kind): Promise<void> {
  const socket = await logIn(proxy.port, users[kind]);
  const before = residentMiB(proxy.pid);
  const text = `SELECT pg_catalog.repeat('x', ${MIB}) AS x FROM public.customers AS c, pg_catalog.generate_series(1, 1024) AS s(n)`;
  socket.write(query(text));
  const [chunk] = (await once(socket, 'data')) as [Buffer];
  if (chunk[0] !== 'T'.charCodeAt(0)) throw new Error(chunk.toString('latin1', 0, 300));
  socket.pause();
  tell(`a result of over 1 GB, its reader stopped, ${kind}`, before, await highest(proxy.pid, 6));
  socket.destroy();
}

async function stalledServer(proxy: Proxy, server: PostgresServer, kind: Kind): Promise<void> {
  const socket = await logIn(proxy.port, users[kind]);
  socket.write(query('COPY public.bulk (line) FROM STDIN'));
  const [chunk] = (await once(socket, 'data')) as [Buffer];
  if (chunk[0] !== 'G'.charCodeAt(0)) throw new Error(chunk.toString('latin1', 0, 300));
  const backend = await copyingBackend(server);
  process.kill(backend, 'SIGSTOP');
  try {
    const before = residentMiB(proxy.pid);
    const data = encodeFrontend({ kind: 'copy-data', data: Buffer.from(`${'y'.repeat(8_191)}\n`) });
    let taken = 0;
    const feed = (): void => {
      while (taken < 1024 * MIB && socket.writableLength < MIB) {
        socket.write(data, () => {
          taken += data.length;
        });
        if (!socket.writableNeedDrain) continue;
        socket.once('drain', feed);
        return;
      }
    };
    feed();
    const most = await highest(proxy.pid, 6);
    tell(
      `1 GB of COPY for a server that has stopped (${(taken / MIB).toFixed(1)} MiB were taken), ${kind}`,
      before,
      most,
    );
  } finally {
    process.kill(backend, 'SIGCONT');
    socket.destroy();
  }
}

async function copyingBackend(server: PostgresServer): Promise<number> {
  const { default: pg } = await import('pg');
  const client = new pg.Client({
    host: server.host,
    port: server.port,
    user: server.superuser,
    database: 'crm',
  });
  await client.connect();
  const { rows } = await client.query<{ pid: number }>(
    "SELECT pid FROM pg_catalog.pg_stat_activity WHERE query LIKE 'COPY%' AND state = 'active'",
  );
  await client.end();
  return rows[0]!.pid;
}

const server = await startPostgres({
  version: 18,
  auth: 'trust',
  settings: { max_connections: String(IDLE + 50), shared_buffers: '32MB' },
});
try {
  await loadSampleDatabase(server);
  const { default: pg } = await import('pg');
  const owner = new pg.Client({ host: server.host, port: server.port, user: 'crm_admin', database: 'crm' });
  await owner.connect();
  await owner.query('CREATE TABLE public.bulk (line text); GRANT INSERT ON public.bulk TO crm_support');
  await owner.end();
  for (const kind of ['exempt', 'governed'] as const) {
    for (const measure of [
      (proxy: Proxy) => idle(proxy, kind),
      (proxy: Proxy) => stalledReader(proxy, kind),
      (proxy: Proxy) => stalledServer(proxy, server, kind),
    ]) {
      const proxy = await startProxy(server);
      try {
        await measure(proxy);
      } catch (error) {
        process.stdout.write(`failed: ${error instanceof Error ? error.message : String(error)}\n`);
        process.exitCode = 1;
      } finally {
        await proxy.stop();
      }
    }
  }
} finally {
  await server.stop();
}
