/** A Redis master with a replica under a Sentinel, for an audit stream that changes its server under load. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { startRedis, type RedisServer } from '../../../src/cli/launch/redis.js';
import { startSentinel } from '../../support/redis-groups.js';

export interface FailingOver {
  /** The value of `audit.redis`. */
  readonly yaml: string;
  /** A client of whoever is master. */
  readonly open: () => Redis;
  /** Kills the master. Resolves when the other one is, and the killed one follows it. */
  readonly failOver: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

const PASSWORD = 'watch';

export async function startFailingOver(): Promise<FailingOver> {
  const first = await startRedis({ appendonly: true });
  let second: RedisServer | undefined;
  try {
    second = await startRedis({ appendonly: true, settings: { replicaof: `127.0.0.1 ${first.port}` } });
    await until('the replication', second, /master_link_status:up/);
    const sentinel = await startSentinel(first, PASSWORD);
    const servers: readonly RedisServer[] = [first, second];
    const [host, port] = sentinel.address.split(':') as [string, string];
    return {
      yaml: `{ sentinels: ["${sentinel.address}"], name: audit, sentinel: { password: ${PASSWORD} } }`,
      open: () =>
        new Redis({
          sentinels: [{ host, port: Number(port) }],
          sentinelPassword: PASSWORD,
          name: 'audit',
          maxRetriesPerRequest: 20,
        }),
      async failOver() {
        const roles = await Promise.all(servers.map(replication));
        const master = servers[roles.findIndex((role) => role.includes('role:master'))]!;
        const other = servers.find((one) => one !== master)!;
        await master.kill();
        await until('the failover', other, /role:master/);
        await master.restart();
        // The Sentinel turns it into a replica some seconds after it is back.
        await until('the return as a replica', master, /role:slave[\s\S]*master_link_status:up/);
      },
      async stop() {
        await sentinel.stop();
        for (const server of servers) await server.stop();
      },
    };
  } catch (error) {
    await Promise.all([first.stop(), second?.stop()]);
    throw error;
  }
}

async function until(what: string, server: RedisServer, said: RegExp): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (!said.test(await replication(server))) {
    if (Date.now() > deadline) throw new Error(`${what} did not happen within a minute`);
    await sleep(50);
  }
}

async function replication({ url }: RedisServer): Promise<string> {
  const client = new Redis(url, { maxRetriesPerRequest: 0, lazyConnect: true });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return await client.info('replication');
  } catch {
    return '';
  } finally {
    client.disconnect();
  }
}
