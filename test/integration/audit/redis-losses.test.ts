/**
 * What Redis does to events that it has acknowledged, or will not take: each is done to real servers, and whatever can
 * be had from the spool is in the stream again, in order and once.
 */
import { cpSync, mkdirSync, readdirSync, rmdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  LossyRedisError,
  openAuditLog,
  type AuditLog,
  type AuditLogOptions,
  type AuditStateChange,
} from '../../../src/audit/log.js';
import { Shipper } from '../../../src/audit/redis.js';
import { Spool } from '../../../src/audit/spool.js';
import type { RedisTarget } from '../../../src/audit/redis-target.js';
import { judge } from '../../../src/audit/redis-settings.js';
import { eventSource, statementEvent } from '../../../src/audit/event.js';
import { recordKind } from '../../../src/audit/spool-format.js';
import { readinessChecks } from '../../../src/app/readiness.js';
import { startRedis, type RedisServer } from '../../../src/cli/launch/redis.js';
import { startSentinel } from '../../support/redis-groups.js';
import { startRelay } from '../../support/relay.js';
import { expectChain } from '../../unit/audit/chain-check.js';
import { inTemporaryDirectory, statement, success } from '../../unit/audit/samples.js';

interface Entry {
  readonly id: string;
  readonly uid: string;
  readonly event: string;
}

let redis: RedisServer;
let admin: Redis;

beforeAll(async () => {
  // A master waits 5 s for more replicas before it sends its data.
  redis = await startRedis({ appendonly: true, settings: { 'repl-diskless-sync-delay': '0' } });
  admin = new Redis(redis.url);
});
afterAll(async () => {
  admin.disconnect();
  await redis.stop();
});

async function entries(client: Redis, stream: string): Promise<Entry[]> {
  const found = await client.xrange(stream, '-', '+');
  return found.map(([id, fields]) => ({ id, uid: fields[1]!, event: fields[7]! }));
}

/** Complete, in order, each once, and one chain. */
async function expectExactly(client: Redis, stream: string, uids: readonly string[]): Promise<void> {
  const all = await entries(client, stream);
  expect(all.map(({ uid }) => uid)).toEqual(uids);
  expectChain(all.map(({ event }) => ({ kind: recordKind.event, json: event })));
}

interface Opened {
  readonly log: AuditLog;
  readonly told: AuditStateChange[];
  readonly said: (pattern: RegExp) => number;
}

async function open(
  directory: string,
  target: RedisTarget,
  stream: string,
  more: Omit<Partial<AuditLogOptions>, 'redis'> & {
    readonly redis?: Partial<NonNullable<AuditLogOptions['redis']>>;
  } = {},
): Promise<Opened> {
  const told: AuditStateChange[] = [];
  const log = await openAuditLog({
    spoolDirectory: directory,
    durability: 'relaxed',
    version: '0',
    onState: (change) => told.push(change),
    ...more,
    redis: { target, stream, ...more.redis },
  });
  return { log, told, said: (pattern) => told.filter(({ message }) => pattern.test(message)).length };
}

function record(log: AuditLog, count: number): string[] {
  return Array.from({ length: count }, () => {
    const ticket = log.intent(statement());
    void log.outcome(ticket, statement(), success);
    return ticket.uid;
  });
}

async function shipped(log: AuditLog, events: number, timeout = 10_000): Promise<void> {
  await vi.waitFor(() => expect([log.state().events, log.state().spoolBytes]).toEqual([events, 0]), {
    timeout,
    interval: 20,
  });
}

// Each has servers or a stream of its own, and mostly waits; expect.poll has to know for which of them.
describe.concurrent('what Redis had acknowledged and lost is shipped again from the spool', () => {
  it('killed and started again without any persistence', ({ expect }) =>
    inTemporaryDirectory(async (directory) => {
      const forgetful = await startRedis();
      const { log, said } = await open(directory, forgetful.url, 'gone');
      const uids = record(log, 700);
      await shipped(log, 700);
      await forgetful.kill();
      await forgetful.restart();
      // Nothing new has to come for it to be noticed.
      const client = new Redis(forgetful.url);
      await expect.poll(() => client.xlen('gone'), { timeout: 10_000 }).toBe(700);
      uids.push(...record(log, 10));
      await shipped(log, 710);
      await expectExactly(client, 'gone', uids);
      expect(said(/no longer has the last 700 audit events/)).toBe(1);
      expect(log.state().shippedAgain).toBe(700);
      // The same while pgveil is down, and with the stream alone deleted.
      await log.close();
      await client.del('gone');
      const again = await open(directory, forgetful.url, 'gone');
      await expect.poll(() => client.xlen('gone'), { timeout: 10_000 }).toBe(710);
      await again.log.close();
      await expectExactly(client, 'gone', uids);
      client.disconnect();
      await forgetful.stop();
    }));

  it('set back to a snapshot, while another pgveil ships to the same stream', ({ expect }) =>
    inTemporaryDirectory(async (directory) => {
      const snapshot = await startRedis();
      const client = new Redis(snapshot.url);
      const one = await open(join(directory, 'one'), snapshot.url, 'both');
      const two = await open(join(directory, 'two'), snapshot.url, 'both');
      const uids = [record(one.log, 300), record(two.log, 300)] as const;
      await shipped(one.log, 300);
      await shipped(two.log, 300);
      await client.save();
      uids[0].push(...record(one.log, 250));
      await shipped(one.log, 550);
      await snapshot.kill();
      uids[1].push(...record(two.log, 50));
      await snapshot.restart();
      await expect.poll(() => client.xlen('both'), { timeout: 10_000 }).toBe(900);
      const all = await entries(client, 'both');
      for (const own of uids) {
        const theirs = new Set(own);
        expect(all.map(({ uid }) => uid).filter((uid) => theirs.has(uid))).toEqual(own);
      }
      expect(one.said(/no longer has the last 250 audit events/)).toBe(1);
      expect(two.said(/no longer has/)).toBe(0);
      await Promise.all([one.log.close(), two.log.close()]);
      client.disconnect();
      await snapshot.stop();
    }));

  it(
    'Sentinel fails over to a replica that had not heard of them; log-ins to both, passwords of their own',
    ({ expect }) =>
      inTemporaryDirectory(async (directory) => {
        const settings = { requirepass: 'of-redis', masterauth: 'of-redis', 'repl-diskless-sync-delay': '0' };
        const [master, replica] = await Promise.all([
          startRedis({ appendonly: true, settings }),
          startRedis({ appendonly: true, settings }),
        ]);
        let cut = false;
        const relay = await startRelay(master, { interceptAnswer: () => cut, keepsBytes: false });
        const follower = new Redis({ port: replica.port, password: 'of-redis' });
        await follower.call('REPLICAOF', relay.host, relay.port);
        await expect
          .poll(() => follower.info('replication'), { timeout: 10_000 })
          .toMatch(/master_link_status:up/);
        const sentinel = await startSentinel({ port: master.port, password: 'of-redis' }, 'of-sentinel');
        const { log, said } = await open(
          directory,
          {
            sentinels: [sentinel.address],
            name: 'audit',
            password: 'of-redis',
            sentinel: { password: 'of-sentinel' },
          },
          'failover',
        );
        const uids = record(log, 300);
        await shipped(log, 300);
        await expect.poll(() => follower.xlen('failover')).toBe(300);
        cut = true;
        uids.push(...record(log, 120));
        await shipped(log, 420);
        expect(await follower.xlen('failover')).toBe(300);
        expect(said(/does not wait for them/)).toBe(1);
        const sentinelClient = new Redis({
          port: Number(sentinel.address.split(':')[1]),
          password: 'of-sentinel',
        });
        await expect
          .poll(async () => JSON.stringify(await sentinelClient.call('SENTINEL', 'REPLICAS', 'audit')), {
            timeout: 12_000,
          })
          .toContain(String(replica.port));
        sentinelClient.disconnect();
        await master.kill();
        uids.push(...record(log, 30));
        await shipped(log, 450, 25_000);
        await expectExactly(follower, 'failover', uids);
        expect(said(/no longer has the last 120 audit events/)).toBe(1);
        await log.close();
        follower.disconnect();
        await Promise.all([sentinel.stop(), relay.stop(), master.stop(), replica.stop()]);
      }),
    40_000,
  );

  it('a client that has ended itself is begun again', ({ expect }) =>
    inTemporaryDirectory(async (directory) => {
      const spool = new Spool({ directory, instance: undefined, shipping: true });
      const ignore = (): void => undefined;
      const shipper = new Shipper({
        target: redis.url,
        stream: 'ended',
        spool,
        onState: ignore,
        onProblem: ignore,
        onVerdict: ignore,
      });
      await expect.poll(() => shipper.up).toBe(true);
      // ioredis's failover detector did this while the client was connecting.
      shipper.redis.disconnect();
      await expect.poll(() => shipper.up).toBe(false);
      await expect.poll(() => shipper.up, { timeout: 5_000 }).toBe(true);
      await shipper.close(0);
      spool.release();
    }));

  it('a network that swallows everything and closes nothing', ({ expect }) =>
    inTemporaryDirectory(async (directory) => {
      let swallows = false;
      const relay = await startRelay(redis, { keepsBytes: false, intercept: () => swallows });
      const states: boolean[] = [];
      const spool = new Spool({
        directory,
        instance: undefined,
        shipping: true,
        onDurable: () => shipper.wake(),
      });
      const shipper: Shipper = new Shipper({
        target: `redis://${relay.host}:${relay.port}`,
        stream: 'swallowed',
        spool,
        commandTimeoutMs: 300,
        onState: (up) => states.push(up),
        onProblem: () => undefined,
        onVerdict: () => undefined,
      });
      const uids: string[] = [];
      const append = (count: number): void => {
        for (let made = 0; made < count; made++) {
          const uid = `swallowed-${uids.length}`;
          const draft = () => statementEvent(eventSource(spool.instance, '0'), uid, 1, statement(), success);
          spool.append({ uid, time: 1, content: { kind: 'event', draft }, until: 'written' });
          uids.push(uid);
        }
      };
      append(50);
      await expect.poll(() => shipper.shipped).toBe(50);
      swallows = true;
      append(50);
      await expect.poll(() => states.at(-1), { timeout: 5_000 }).toBe(false);
      swallows = false;
      await expect.poll(() => admin.xlen('swallowed'), { timeout: 10_000 }).toBe(100);
      await shipper.close(0);
      spool.release();
      await relay.stop();
      await expectExactly(admin, 'swallowed', uids);
      // A busy machine may need more than one attempt.
      expect(states.filter((up) => up).length).toBeGreaterThan(1);
    }));

  it('also where a consumer has made the deleted stream again, empty', ({ expect }) =>
    inTemporaryDirectory(async (directory) => {
      const first = await open(directory, redis.url, 'mkstream');
      const uids = record(first.log, 60);
      await shipped(first.log, 60);
      await first.log.close();
      await admin.del('mkstream');
      await admin.xgroup('CREATE', 'mkstream', 'siem', '$', 'MKSTREAM');
      const again = await open(directory, redis.url, 'mkstream');
      uids.push(...record(again.log, 5));
      await shipped(again.log, 5);
      await again.log.close();
      expect(again.said(/no longer has the last 60 audit events/)).toBe(1);
      await expectExactly(admin, 'mkstream', uids);
    }));

  it.each([
    ['deleted', (heads: string) => admin.del(heads)],
    ['changed to nonsense', (heads: string, instance: string) => admin.hset(heads, instance, 'x')],
    ['emptied', (heads: string, instance: string) => admin.hset(heads, instance, '')],
  ])('heads that were %s are read from the stream again, and nothing comes twice', (what, harm) =>
    inTemporaryDirectory(async (directory) => {
      const stream = `heads-${what}`;
      const { log, told } = await open(directory, redis.url, stream);
      const uids = record(log, 40);
      await shipped(log, 40);
      // Somebody else's entry, and by hand.
      await admin.xadd(stream, '*', 'a', 'b');
      await harm(`{${stream}}:heads`, log.state().instance);
      uids.push(...record(log, 40));
      await shipped(log, 80);
      await log.close();
      const all = (await admin.xrange(stream, '-', '+')).map(([, fields]) => fields[1]);
      expect(all.filter((uid) => uid !== 'b')).toEqual(uids);
      expect(told.filter(({ message }) => /no longer|set back/.test(message))).toEqual([]);
    }),
  );

  it('two with a copy of one spool hold neither each other up nor fill the log', ({ expect }) =>
    inTemporaryDirectory(async (directory) => {
      const [mine, copy] = [join(directory, 'mine'), join(directory, 'copy')];
      const first = await open(mine, redis.url, 'copied');
      const uids = record(first.log, 20);
      await shipped(first.log, 20);
      await first.log.close();
      cpSync(mine, copy, { recursive: true });
      rmSync(join(copy, 'lock'), { force: true });
      const both = [await open(mine, redis.url, 'copied'), await open(copy, redis.url, 'copied')];
      for (let burst = 0; burst < 20; burst++) {
        for (const { log } of both) uids.push(...record(log, 10));
        await sleep(10);
      }
      for (const { log } of both) await shipped(log, 200);
      await Promise.all(both.map(({ log }) => log.close()));
      const found = (await entries(admin, 'copied')).map(({ uid }) => uid);
      expect(found.sort()).toEqual(uids.sort());
      for (const { said } of both) expect(said(/the spool was set back or copied/)).toBeLessThan(2);
      expect(both.some(({ said }) => said(/set back or copied/) === 1)).toBe(true);
    }));

  it('an answer that was lost brings nothing twice', ({ expect }) =>
    inTemporaryDirectory(async (directory) => {
      let lost = 0;
      const relay = await startRelay(redis, {
        keepsBytes: false,
        intercept: (chunk, connection) => {
          if (lost >= 3 || !chunk.includes('XADD')) return false;
          lost++;
          connection.toServer.write(chunk);
          setTimeout(() => connection.toClient.destroy(), 20);
          return true;
        },
        interceptAnswer: () => false,
      });
      const { log } = await open(directory, `redis://${relay.host}:${relay.port}`, 'answers');
      const uids = record(log, 100);
      await shipped(log, 100);
      await log.close();
      await relay.stop();
      expect(lost).toBe(3);
      await expectExactly(admin, 'answers', uids);
    }));

  it('events that are in neither any more are told, and a spool that was set back hides no new ones', ({
    expect,
  }) =>
    inTemporaryDirectory(async (directory) => {
      const small = { limits: { segmentBytes: 20_000, keepShipped: 1, keepShippedBytes: 0 } };
      const first = await open(directory, redis.url, 'neither', small);
      for (let batch = 0; batch < 10; batch++) {
        record(first.log, 100);
        await shipped(first.log, (batch + 1) * 100);
      }
      await expect
        .poll(() => readdirSync(directory).filter((name) => name.endsWith('.seg')).length)
        .toBeLessThan(5);
      await admin.del('neither');
      record(first.log, 1);
      await expect
        .poll(() => first.said(/are neither in Redis nor in the spool/), { timeout: 10_000 })
        .toBe(1);
      await first.log.close();
      const { instance } = first.log.state();
      await admin.hset('{neither}:heads', instance, '5000 another-uid');
      const again = await open(directory, redis.url, 'neither', small);
      const uids = record(again.log, 20);
      await shipped(again.log, 20);
      await again.log.close();
      expect(again.said(/the spool was set back or copied/)).toBe(1);
      expect((await entries(admin, 'neither')).slice(-20).map(({ uid }) => uid)).toEqual(uids);
    }));

  it('with wait_replicas an event counts as shipped once a replica has it', ({ expect }) =>
    inTemporaryDirectory(async (directory) => {
      const settings = { 'repl-diskless-sync-delay': '0' };
      const [master, replica] = await Promise.all([
        startRedis({ appendonly: true, settings }),
        startRedis({ appendonly: true, settings }),
      ]);
      const { log, said } = await open(directory, { url: master.url, wait_replicas: 1 }, 'waits');
      record(log, 20);
      await expect.poll(() => said(/0 of 1 replicas/), { timeout: 10_000 }).toBe(1);
      expect(log.state().spoolBytes).toBeGreaterThan(0);
      const follower = new Redis(replica.url);
      await follower.call('REPLICAOF', '127.0.0.1', master.port);
      await shipped(log, 20, 15_000);
      expect(await follower.xlen('waits')).toBe(20);
      await log.close();
      follower.disconnect();
      await Promise.all([master.stop(), replica.stop()]);
    }));
});

describe('a Redis that refuses is told once, asked seldom, and works again by itself', () => {
  const refused = async (directory: string, what: Refusal): Promise<void> => {
    const stream = what.stream ?? 'refused';
    await what.begin();
    const { log, said } = await open(directory, what.target ?? redis.url, stream);
    const uids = record(log, 10);
    await expect.poll(() => said(what.expected), { timeout: 5_000 }).toBe(1);
    const calls = async (): Promise<number> =>
      [...(await admin.info('commandstats')).matchAll(/cmdstat_(?:eval|auth|hello):calls=(\d+)/g)].reduce(
        (sum, [, count]) => sum + Number(count),
        0,
      );
    const before = await calls();
    for (let burst = 0; burst < 10; burst++) {
      uids.push(...record(log, 10));
      await sleep(20);
    }
    expect((await calls()) - before).toBeLessThan(8);
    expect(said(what.expected)).toBe(1);
    await what.end();
    await shipped(log, 110, 12_000);
    await log.close();
    await expectExactly(admin, stream, uids);
  };
  interface Refusal {
    readonly target?: RedisTarget;
    readonly stream?: string;
    readonly expected: RegExp;
    begin(): Promise<unknown>;
    end(): Promise<unknown>;
  }
  const acl = (...rules: string[]) => admin.call('ACL', 'SETUSER', ...rules);
  const user = (name: string, password: string): RedisTarget => ({
    url: redis.url,
    username: name,
    password,
  });
  const refusals: Record<string, () => Refusal> = {
    'out of memory': () => ({
      stream: 'refused-oom',
      expected: /Redis is full: raise its maxmemory/,
      begin: () => admin.config('SET', 'maxmemory', '1'),
      end: () => admin.config('SET', 'maxmemory', '0'),
    }),
    'a read-only replica': () => ({
      stream: 'refused-replica',
      expected: /read-only replica: name the master/,
      begin: () => admin.call('REPLICAOF', '127.0.0.1', '1'),
      end: () => admin.call('REPLICAOF', 'NO', 'ONE'),
    }),
    'a wrong password': () => ({
      stream: 'refused-password',
      target: user('wrong', 'wrong'),
      expected: /Redis refuses the log-in: check username and password/,
      begin: () => acl('wrong', 'on', '>right', '~*', '+@all'),
      end: () => acl('wrong', '>wrong'),
    }),
    'a user without XADD': () => ({
      stream: 'refused-xadd',
      target: user('noxadd', 'secret'),
      expected: /the Redis user may not do this/,
      begin: () => acl('noxadd', 'on', '>secret', '~*', '+@all', '-xadd'),
      end: () => acl('noxadd', '+xadd'),
    }),
    'a user without the key beside the stream': () => ({
      stream: 'refused-heads',
      target: user('noheads', 'secret'),
      expected: /the Redis user may not do this/,
      begin: () => acl('noheads', 'on', '>secret', '~refused-heads', '+@all'),
      end: () => acl('noheads', '~{refused-heads}:*'),
    }),
    'a disk that it cannot save to': () => {
      // A snapshot cannot take the place of a folder.
      const taken = join(dirname(redis.logFile), 'dump.rdb');
      return {
        stream: 'refused-save',
        expected: /Redis cannot save to its disk and takes no writes/,
        begin: async () => {
          mkdirSync(taken);
          await admin.config('SET', 'save', '3600 1000000');
          await admin.bgsave();
          await expect
            .poll(() => admin.info('persistence'), { timeout: 10_000, interval: 20 })
            .toContain('rdb_last_bgsave_status:err');
        },
        end: async () => {
          await admin.config('SET', 'save', '');
          rmdirSync(taken);
        },
      };
    },
    'another type under the key': () => ({
      stream: 'refused-type',
      expected: /the key holds something else than a stream/,
      begin: () => admin.set('refused-type', 'text'),
      end: () => admin.del('refused-type'),
    }),
  };
  it.each(Object.entries(refusals))('%s', (_name, make) =>
    inTemporaryDirectory((directory) => refused(directory, make())),
  );
});

describe('a Redis whose settings lose events', () => {
  const careless = { settings: { 'maxmemory-policy': 'allkeys-lru', maxmemory: '64mb' } };

  it('keeps a strict pgveil from starting, unless told otherwise, and is a warning for a relaxed one', () =>
    inTemporaryDirectory(async (directory) => {
      const server = await startRedis(careless);
      const strict = { durability: 'strict' } as const;
      const refusal = open(directory, server.url, 's', strict);
      await expect(refusal).rejects.toThrow(LossyRedisError);
      await expect(refusal).rejects.toThrow(/appendonly off.*allkeys-lru.*audit.accept_lossy_redis: true/s);
      for (const more of [{}, { ...strict, redis: { acceptLossy: true } }]) {
        const { log, told } = await open(directory, server.url, 's', more);
        await expect.poll(() => log.state().redisLossy).toBe(true);
        expect(log.state().redisRefused).toBe(false);
        const settings = told.filter(({ message }) => /appendonly|allkeys-lru/.test(message));
        expect(settings.map(({ level }) => level)).toEqual(['warn', 'warn']);
        await log.close();
      }
      await server.stop();
    }));

  it('and was down at the start: statements go on, the log and /readyz say so', () =>
    inTemporaryDirectory(async (directory) => {
      const server = await startRedis(careless);
      await server.kill();
      const { log, told } = await open(directory, server.url, 's', { durability: 'strict' });
      const ticket = log.intent(statement());
      await ticket.ready;
      await log.outcome(ticket, statement(), success);
      await server.restart();
      await expect.poll(() => log.state().redisRefused, { timeout: 10_000 }).toBe(true);
      expect(told.filter(({ level }) => level === 'error')).toHaveLength(2);
      let changed = {};
      const checks = readinessChecks({
        upstream: { host: '127.0.0.1', port: 1 },
        home: '',
        catalogAgeMs: () => 0,
        catalogStale: () => false,
        unbound: () => [],
        audit: () => ({ ...log.state(), ...changed }),
        auditLagLimitSeconds: 300,
        draining: () => false,
      });
      expect(await checks['audit']!()).toMatchObject({
        ok: false,
        detail: expect.stringContaining('the settings of Redis lose acknowledged events') as string,
      });
      const well = { redisRefused: false, redisUp: true };
      changed = { ...well, lagSeconds: 299 };
      expect(await checks['audit']!()).toMatchObject({ ok: true });
      changed = { ...well, lagSeconds: 301 };
      expect(await checks['audit']!()).toMatchObject({
        ok: false,
        detail: '301 s behind, over the limit of 300 s: check Redis',
      });
      await log.close();
      await server.stop();
    }));

  it('which shows none of them starts, and what could not be checked is said', () =>
    inTemporaryDirectory(async (directory) => {
      await admin.call('ACL', 'SETUSER', 'managed', 'on', '>secret', '~*', '+@all', '-config', '-info');
      const target = { url: redis.url, username: 'managed', password: 'secret' };
      const { log, said } = await open(directory, target, 'managed', { durability: 'strict' });
      await expect.poll(() => said(/appendonly and maxmemory-policy could not be checked/)).toBe(1);
      await log.close();
    }));

  it.each([
    [{ appendonly: 'yes', 'maxmemory-policy': 'noeviction' }, [], []],
    [{ appendonly: 'no', save: '3600 1', 'maxmemory-policy': 'noeviction' }, ['since its last snapshot'], []],
    [{ appendonly: 'yes', appendfsync: 'no', 'maxmemory-policy': 'noeviction' }, [], ['appendfsync off']],
    [{ appendonly: 'yes', maxmemory: '0', 'maxmemory-policy': 'allkeys-lfu' }, [], ['may evict']],
    [{ appendonly: 'yes', maxmemory: '9', 'maxmemory-policy': 'allkeys-lfu' }, ['may evict'], []],
    [{ appendonly: 'yes', maxmemory: '9', 'maxmemory-policy': 'volatile-lru' }, [], []],
    [{ appendonly: 'yes', 'maxmemory-policy': 'noeviction', replicas: '1' }, [], ['wait_replicas']],
    [
      { appendonly: 'yes', 'maxmemory-policy': 'noeviction', replicas: '1', 'min-replicas-to-write': '1' },
      [],
      [],
    ],
  ])('%o', (settings, losses, warnings) => {
    const verdict = judge(new Map(Object.entries(settings)), 0);
    const contain = (texts: readonly string[]) =>
      texts.map((text) => expect.stringContaining(text) as string);
    expect(verdict).toEqual({ losses: contain(losses), warnings: contain(warnings) });
  });
});

describe.concurrent('trimming', () => {
  const trimmed = (event: string) =>
    (JSON.parse(event) as { unmapped: { trimmed?: { instances: Record<string, unknown> } } }).unmapped
      .trimmed;
  const everyMs = 50;

  it('removes nothing unless told, what is beyond a length when told, and says before what goes', ({
    expect,
  }) =>
    inTemporaryDirectory(async (directory) => {
      const plain = await open(directory, redis.url, 'trim-length');
      record(plain.log, 600);
      await shipped(plain.log, 600);
      await plain.log.close();
      expect(await admin.xlen('trim-length')).toBe(600);
      const before = await entries(admin, 'trim-length');
      const { log } = await open(directory, redis.url, 'trim-length', {
        redis: { trim: { length: 50, everyMs } },
      });
      await expect.poll(() => admin.xlen('trim-length'), { timeout: 5_000 }).toBeLessThan(60);
      await log.close();
      const left = await entries(admin, 'trim-length');
      const told = left.map(({ event }) => trimmed(event)).filter((one) => one !== undefined);
      const gone = before.filter(({ id }) => !left.some((one) => one.id === id));
      const lastGone = JSON.parse(gone.at(-1)!.event) as {
        metadata: { sequence: number };
        unmapped: { hash: string; instance: string };
      };
      const heads = told.map((one) => one.instances[lastGone.unmapped.instance] as { sequence: number });
      // The chain goes on right behind what the event names, even when the trims were several.
      expect(heads).toContainEqual({
        sequence: lastGone.metadata.sequence,
        hash: lastGone.unmapped.hash,
      });
      const { unmapped } = JSON.parse(left[0]!.event) as { unmapped: { prev: string } };
      expect(unmapped.prev).toBe(lastGone.unmapped.hash);
    }));

  it('by age removes what is older by the ids of Redis, and nothing younger', ({ expect }) =>
    inTemporaryDirectory(async (directory) => {
      const hourAgo = Date.now() - 3_600_000;
      for (let sequence = 1; sequence <= 5; sequence++) {
        const event = { metadata: { sequence }, unmapped: { hash: `hash-${sequence}` } };
        const fields = ['uid', `old-${sequence}`, 'instance', 'elder', 'seq', String(sequence)];
        await admin.xadd('trim-age', `${hourAgo}-${sequence}`, ...fields, 'event', JSON.stringify(event));
      }
      const { log } = await open(directory, redis.url, 'trim-age', {
        redis: { trim: { age: 600_000, everyMs } },
      });
      const young = record(log, 30);
      const left = async () => (await entries(admin, 'trim-age')).map(({ uid }) => uid);
      await expect.poll(left, { timeout: 5_000 }).not.toContain('old-5');
      await shipped(log, 31);
      await sleep(2 * everyMs);
      expect(await left()).toEqual(expect.arrayContaining(young));
      await log.close();
      const told = (await entries(admin, 'trim-age')).flatMap(({ event }) => trimmed(event)?.instances ?? []);
      expect(told).toEqual([{ elder: { sequence: 5, hash: 'hash-5' } }]);
    }));

  it('goes behind what the group has acknowledged only, and nowhere without the group', ({ expect }) =>
    inTemporaryDirectory(async (directory) => {
      const { log, said } = await open(directory, redis.url, 'trim-group', {
        redis: { trim: { length: 1, behind_group: 'siem', everyMs } },
      });
      record(log, 100);
      await shipped(log, 100);
      await expect.poll(() => said(/no consumer group "siem"/)).toBe(1);
      await sleep(3 * everyMs);
      expect(await admin.xlen('trim-group')).toBe(100);
      const all = await entries(admin, 'trim-group');
      await admin.xgroup('CREATE', 'trim-group', 'siem', '0');
      await sleep(3 * everyMs);
      expect(await admin.xlen('trim-group')).toBe(100);
      // Read, and acknowledged but for one.
      await admin.xreadgroup('GROUP', 'siem', 'reader', 'COUNT', 60, 'STREAMS', 'trim-group', '>');
      await sleep(3 * everyMs);
      expect(await admin.xlen('trim-group')).toBe(100);
      const read = all.slice(0, 60).map(({ id }) => id);
      await admin.xack('trim-group', 'siem', ...read.filter((_, index) => index !== 40));
      const first = async () => (await admin.xrange('trim-group', '-', '+', 'COUNT', 1))[0]?.[0];
      await expect.poll(first).toBe(all[40]!.id);
      await admin.xack('trim-group', 'siem', read[40]!);
      await expect.poll(first).toBe(all[60]!.id);
      await log.close();
    }));

  it('several at once remove no more than has been told, and each chain that began later is told', ({
    expect,
  }) =>
    inTemporaryDirectory(async (directory) => {
      const trim = { length: 20, everyMs };
      const logs = await Promise.all(
        ['a', 'b', 'c'].map((name) =>
          open(join(directory, name), redis.url, 'trim-race', { redis: { trim } }),
        ),
      );
      for (let burst = 0; burst < 8; burst++) {
        for (const { log } of logs) record(log, 30);
        await sleep(60);
      }
      // One whose events are all gone is still told of by the newest of those that remain.
      await logs[2]!.log.close();
      for (let burst = 0; burst < 6; burst++) {
        for (const { log } of logs.slice(0, 2)) record(log, 30);
        await sleep(60);
      }
      await Promise.all(logs.slice(0, 2).map(({ log }) => log.close()));
      const left = await entries(admin, 'trim-race');
      const told: Record<string, number> = {};
      const firsts: Record<string, number> = {};
      for (const { event } of left) {
        const { metadata, unmapped } = JSON.parse(event) as {
          metadata: { sequence: number };
          unmapped: { instance: string };
        };
        firsts[unmapped.instance] ??= metadata.sequence;
        for (const [instance, head] of Object.entries(trimmed(event)?.instances ?? {}))
          told[instance] = Math.max(told[instance] ?? 0, (head as { sequence: number }).sequence);
      }
      for (const [instance, sequence] of Object.entries(firsts))
        expect(told[instance], instance).toBeGreaterThanOrEqual(sequence - 1);
      expect(Object.keys(told)).toHaveLength(3);
    }));
});
