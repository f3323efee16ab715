/** Redis servers that belong together, for tests: a Sentinel over a master, and the nodes of a Cluster. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { freePort } from '../../src/cli/launch/free-port.js';
import { ensureRedisServer, startRedis, type RedisServer } from '../../src/cli/launch/redis.js';
import { startServerProcess } from '../../src/cli/launch/server-process.js';

export interface Sentinel {
  /** `host:port` */
  readonly address: string;
  stop(): Promise<void>;
}

/** One Sentinel with a quorum of one over a master that it calls `audit`. */
export async function startSentinel(
  master: { readonly port: number; readonly password?: string },
  password: string,
): Promise<Sentinel> {
  const command = await ensureRedisServer();
  const port = await freePort();
  const folder = await mkdtemp(join(tmpdir(), 'pgveil-sentinel-'));
  const config = join(folder, 'sentinel.conf');
  const logFile = join(folder, 'sentinel.log');
  const lines = [
    `port ${port}`,
    'bind 127.0.0.1',
    `dir ${folder}`,
    `requirepass ${password}`,
    `sentinel monitor audit 127.0.0.1 ${master.port} 1`,
    ...(master.password === undefined ? [] : [`sentinel auth-pass audit ${master.password}`]),
    // Less, and a busy machine has it fail over from servers that live, back and forth.
    'sentinel down-after-milliseconds audit 2000',
    'sentinel failover-timeout audit 3000',
  ];
  await writeFile(config, `${lines.join('\n')}\n`);
  const server = await startServerProcess({
    command,
    args: [config, '--sentinel'],
    folder,
    env: { PATH: '/usr/bin:/bin', LC_ALL: 'C' },
    logFile,
    orphanSignal: 'KILL',
  });
  while (!(await readFile(logFile, 'utf8')).includes('+monitor master audit')) {
    if (server.hasEnded()) throw new Error(`the Sentinel did not start: ${await readFile(logFile, 'utf8')}`);
    await sleep(20);
  }
  return {
    address: `127.0.0.1:${port}`,
    async stop() {
      await server.end('SIGTERM');
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Two nodes; the first one serves all slots. */
export async function startCluster(): Promise<readonly [RedisServer, RedisServer]> {
  const settings = { 'cluster-enabled': 'yes', 'cluster-node-timeout': '2000' };
  // Redis's own choice, 10,000 above the other port, is where Linux hands out ports for outgoing connections (free-port.ts).
  const buses = [await freePort(), await freePort()] as const;
  const node = (bus: number): Promise<RedisServer> =>
    startRedis({ appendonly: true, settings: { ...settings, 'cluster-port': String(bus) } });
  const nodes = await Promise.all([node(buses[0]), node(buses[1])]);
  const [first, second] = nodes.map(({ url }) => new Redis(url)) as [Redis, Redis];
  try {
    await first.call('CLUSTER', 'ADDSLOTSRANGE', '0', '16383');
    await second.call('CLUSTER', 'MEET', '127.0.0.1', nodes[0].port, buses[0]);
    const known = async (node: Redis): Promise<boolean> =>
      /cluster_state:ok[\s\S]*cluster_known_nodes:2/.test(await node.cluster('INFO'));
    while (!(await known(first)) || !(await known(second))) await sleep(20);
  } finally {
    first.disconnect();
    second.disconnect();
  }
  return nodes;
}
