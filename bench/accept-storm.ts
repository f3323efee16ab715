/**
 * `npx tsx bench/accept-storm.ts [SECONDS]`: what a storm of connections does to a session that is there already. Its
 * round trips are timed in turns, quiet and under each storm, and told as ratios: connections that never speak, log-ins
 * with a wrong user, and connections that end at once. Clients and servers share the machine's processors.
 */
import { once } from 'node:events';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { loadSampleDatabase } from '../src/cli/demo/sample-database.js';
import { freePort } from '../src/cli/launch/free-port.js';
import { startPostgres } from '../src/cli/launch/postgres.js';
import { startServerProcess } from '../src/cli/launch/server-process.js';
import { encodeStartupPacket } from '../src/wire/startup.js';
import { untilPortAnswers } from './end-to-end/until-port-answers.js';

const SECONDS = Number(process.argv[2] ?? 3);
const ROUNDS = 3;
/** Connections opened at a time; as fast as the proxy takes them. */
const AT_ONCE = 50;

const nobody = encodeStartupPacket({
  kind: 'startup',
  protocol: { major: 3, minor: 0 },
  parameters: [
    ['user', 'nobody'],
    ['database', 'crm'],
  ],
});

type Storm = (port: number, signal: AbortSignal) => Promise<number>;

function storm(visit: (socket: Socket) => Promise<void>): Storm {
  return async (port, signal) => {
    let visits = 0;
    const one = async (): Promise<void> => {
      while (!signal.aborted) {
        const socket = connect(port, '127.0.0.1');
        socket.on('error', () => undefined);
        await Promise.race([once(socket, 'connect').catch(() => undefined), sleep(1_000)]);
        visits++;
        await visit(socket);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, one));
    return visits;
  };
}

const open = new Set<Socket>();
const storms: Readonly<Record<string, Storm>> = {
  quiet: () => sleep(SECONDS * 1_000, 0),
  'connections that never speak': storm(async (socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
    await sleep(10);
  }),
  'log-ins of an unknown user': storm(async (socket) => {
    socket.write(nobody);
    socket.resume();
    await Promise.race([once(socket, 'close').catch(() => undefined), sleep(1_000)]);
    socket.destroy();
  }),
  'connections that end at once': storm((socket) => {
    socket.destroy();
    return Promise.resolve();
  }),
};

function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
}

const server = await startPostgres({ version: 18 });
const folder = await mkdtemp(join(tmpdir(), 'pgveil-storm-'));
try {
  await loadSampleDatabase(server);
  const port = await freePort();
  await cp('policies', join(folder, 'policies'), { recursive: true });
  await writeFile(
    join(folder, 'pgveil.yaml'),
    `listen: { port: ${port} }
upstream: { port: ${server.port} }
catalog: { url: "postgres://pgveil_catalog:catalog@127.0.0.1:${server.port}/crm" }
admin: { port: ${await freePort()} }
workers: 1
`,
  );
  const logFile = join(folder, 'pgveil.log');
  const proxy = await startServerProcess({
    command: process.execPath,
    args: [join(process.cwd(), 'bin/pgveil.js'), 'serve', '--log-level', 'error'],
    folder,
    env: { PATH: dirname(process.execPath) },
    logFile,
    orphanSignal: 'KILL',
  });
  await untilPortAnswers({ what: 'pgveil', port, server: proxy, logFile });
  const client = new pg.Client({
    host: '127.0.0.1',
    port,
    user: 'crm_support',
    password: 'support',
    database: 'crm',
  });
  await client.connect();
  const times = new Map<string, number[]>(Object.keys(storms).map((name) => [name, []]));
  const visits = new Map<string, number>();
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, blow] of Object.entries(storms)) {
      const ending = AbortSignal.timeout(SECONDS * 1_000);
      const blowing = blow(port, ending);
      while (!ending.aborted) {
        const began = performance.now();
        await client.query('SELECT email FROM customers WHERE id = 1');
        times.get(name)!.push(performance.now() - began);
        await sleep(2);
      }
      visits.set(name, (visits.get(name) ?? 0) + (await blowing));
      for (const socket of open) socket.destroy();
      await sleep(200);
    }
  }
  const quiet = times.get('quiet')!.sort((a, b) => a - b);
  for (const [name, all] of times) {
    const sorted = all.sort((a, b) => a - b);
    const [half, most] = [0.5, 0.99].map((share) => percentile(sorted, share)) as [number, number];
    process.stdout.write(
      `${name}: ${((visits.get(name) ?? 0) / (ROUNDS * SECONDS)).toFixed(0)} a second; a session's round trip takes ` +
        `p50 ${half.toFixed(2)} ms (× ${(half / percentile(quiet, 0.5)).toFixed(1)}), ` +
        `p99 ${most.toFixed(2)} ms (× ${(most / percentile(quiet, 0.99)).toFixed(1)}), ${sorted.length} of them\n`,
    );
  }
  await client.end();
  await proxy.end('SIGINT');
} finally {
  await server.stop();
  await rm(folder, { recursive: true, force: true });
}
