import { readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openAuditLog, type AuditLog, type AuditStateChange } from '../../../src/audit/log.js';
import { readItems, type ReadFrom } from '../../../src/audit/read/read-events.js';
import { recordKind } from '../../../src/audit/spool-format.js';
import { tailStream, type TailedEvent } from '../../../src/audit/tail.js';
import { verifyEvents } from '../../../src/audit/verify/verify.js';
import { startRedis, type RedisServer } from '../../../src/cli/launch/redis.js';
import { expectChain } from '../../unit/audit/chain-check.js';
import { facts, inTemporaryDirectory, statement, success } from '../../unit/audit/samples.js';

let redis: RedisServer;

beforeAll(async () => {
  redis = await startRedis({ appendonly: true });
});
afterAll(() => redis.stop());

interface Entry {
  readonly uid: string;
  readonly instance: string;
  readonly seq: string;
  readonly event: string;
}

async function entries(stream: string): Promise<Entry[]> {
  const client = new Redis(redis.url);
  try {
    const found = await client.xrange(stream, '-', '+');
    return found.map(([, fields]) => {
      expect([fields[0], fields[2], fields[4], fields[6]]).toEqual(['uid', 'instance', 'seq', 'event']);
      return { uid: fields[1]!, instance: fields[3]!, seq: fields[5]!, event: fields[7]! };
    });
  } finally {
    client.disconnect();
  }
}

/** As a reader does: the first copy of each uid. */
function withoutCopies(all: readonly Entry[]): Entry[] {
  return [...new Map([...all].reverse().map((entry) => [entry.uid, entry])).values()].reverse();
}

function expectComplete(all: readonly Entry[], uids: readonly string[]): void {
  const once = withoutCopies(all);
  expect(once.map(({ uid }) => uid)).toEqual(uids);
  expectChain(once.map(({ event }) => ({ kind: recordKind.event, json: event })));
}

function openLog(
  directory: string,
  stream: string,
  onState?: (change: AuditStateChange) => void,
): Promise<AuditLog> {
  return openAuditLog({
    spoolDirectory: directory,
    durability: 'relaxed',
    version: '0',
    limits: { segmentBytes: 30_000, keepShipped: 1, keepShippedBytes: 0 },
    redis: { target: redis.url, stream },
    ...(onState === undefined ? {} : { onState }),
  });
}

function record(log: AuditLog, count: number): string[] {
  return Array.from({ length: count }, () => {
    const ticket = log.intent(statement());
    void log.outcome(ticket, statement(), success);
    return ticket.uid;
  });
}

describe('shipping to Redis', () => {
  it('is in order and complete, and shipped segments are deleted beyond the retention', () =>
    inTemporaryDirectory(async (directory) => {
      const log = await openLog(directory, 'in-order');
      const uids: string[] = [];
      for (let batch = 0; batch < 20; batch++) {
        uids.push(...record(log, 100));
        await sleep(10);
      }
      await log.close();
      expectComplete(await entries('in-order'), uids);
      expect(await entries('in-order')).toHaveLength(2_000);
      expect(log.state()).toMatchObject({ spoolBytes: 0, lagSeconds: 0, lost: 0 });
      expect(readdirSync(directory).filter((name) => name.endsWith('.seg')).length).toBeLessThanOrEqual(3);
    }));

  it('goes on where it was after a restart of pgveil', () =>
    inTemporaryDirectory(async (directory) => {
      const uids: string[] = [];
      for (let run = 0; run < 3; run++) {
        const log = await openLog(directory, 'restarts');
        uids.push(...record(log, 50));
        await log.close();
      }
      expect((await entries('restarts')).map(({ uid }) => uid)).toEqual(uids);
      expectComplete(await entries('restarts'), uids);
    }));

  it('Redis killed and restarted: nothing is lost, copies are recognisable by uid, lag and state say so', () =>
    inTemporaryDirectory(async (directory) => {
      const told: string[] = [];
      const log = await openLog(directory, 'outage', ({ message }) => told.push(message));
      const uids = record(log, 300);
      // An outage is one only for those who were connected; the first shipment may take a while on a busy machine.
      await expect.poll(() => log.state().redisUp, { timeout: 10_000 }).toBe(true);
      uids.push(...record(log, 300));
      await redis.kill();
      for (let batch = 0; batch < 10; batch++) {
        uids.push(...record(log, 100));
        await sleep(20);
      }
      expect(log.state().redisUp).toBe(false);
      expect(log.state().spoolBytes).toBeGreaterThan(100_000);
      expect(log.state().lagSeconds).toBeGreaterThan(0.1);
      await redis.restart();
      await expect.poll(() => log.state().spoolBytes, { timeout: 15_000 }).toBe(0);
      expect(log.state()).toMatchObject({ redisUp: true, lost: 0 });
      await log.close();
      expectComplete(await entries('outage'), uids);
      expect(told.some((message) => message.startsWith('Redis is unreachable'))).toBe(true);
    }));

  it('Redis down from the start: events wait, one warning says so, and a stop says how many the next start ships', () =>
    inTemporaryDirectory(async (directory) => {
      await redis.kill();
      const told: AuditStateChange[] = [];
      const log = await openLog(directory, 'late', (change) => told.push(change));
      const uids = record(log, 10);
      await sleep(400);
      expect(told.filter(({ message }) => message.startsWith('Redis is unreachable'))).toHaveLength(1);
      await log.close();
      expect(told.at(-1)).toMatchObject({
        level: 'warn',
        message: expect.stringMatching(
          /stops with 10 audit events .* the next start on it ships them/,
        ) as string,
      });
      await redis.restart();
      const again = await openLog(directory, 'late', (change) => told.push(change));
      await expect.poll(() => again.state().spoolBytes, { timeout: 10_000 }).toBe(0);
      await again.close();
      expect(told.filter(({ message }) => message.startsWith('pgveil stops'))).toHaveLength(1);
      expectComplete(await entries('late'), uids);
    }));

  it('events of megabytes pass the spool and the stream whole, and verify reads them', () =>
    inTemporaryDirectory(async (directory) => {
      const tables = Array.from({ length: 1_000 }, (_, nth) => `public."table \u0001 ${nth}"`);
      // Each character takes six bytes in JSON, or three in UTF-8.
      const texts = ['\u0001'.repeat(200_000), '€'.repeat(400_000), 'x'.repeat(2_000_000), 'short'];
      const log = await openLog(directory, 'large');
      const records = texts.map((auditText) => statement({ auditText, facts: { ...facts, tables } }));
      for (const large of records) void log.outcome(log.intent(large), large, success);
      await expect
        .poll(() => [log.state().events, log.state().spoolBytes], { timeout: 25_000 })
        .toEqual([records.length, 0]);
      await log.close();
      const verdict = async (from: ReadFrom) => {
        const { clean, events } = await verifyEvents(readItems({ from }));
        return { clean, events };
      };
      const whole = { clean: true, events: records.length };
      expect(await verdict({ kind: 'stream', redis: redis.url, stream: 'large' })).toEqual(whole);
      const said = (await entries('large')).map(
        ({ event }) =>
          (JSON.parse(event) as { query_info: { query_string: string } }).query_info.query_string,
      );
      expect(said).toEqual(texts);
    }));

  it('a full Redis refuses whole batches, and takes them in order once it may', () =>
    inTemporaryDirectory(async (directory) => {
      const client = new Redis(redis.url);
      await client.config('SET', 'maxmemory', '1');
      const told: string[] = [];
      const log = await openLog(directory, 'full', ({ message }) => told.push(message));
      const uids = record(log, 700);
      await expect.poll(() => told.some((message) => message.includes('did not take'))).toBe(true);
      await client.config('SET', 'maxmemory', '0');
      await expect.poll(() => log.state().spoolBytes, { timeout: 10_000 }).toBe(0);
      await log.close();
      client.disconnect();
      expectComplete(await entries('full'), uids);
    }));

  it('a Redis where the user may run no scripts takes the events by transaction', () =>
    inTemporaryDirectory(async (directory) => {
      const client = new Redis(redis.url);
      await client.call('ACL', 'SETUSER', 'shipper', 'on', '>secret', '~*', '+@all', '-@scripting');
      const told: string[] = [];
      const log = await openAuditLog({
        spoolDirectory: directory,
        durability: 'relaxed',
        version: '0',
        redis: { target: redis.url.replace('//', '//shipper:secret@'), stream: 'no-scripts' },
        onState: ({ message }) => told.push(message),
      });
      const uids = record(log, 600);
      await expect
        .poll(() => [log.state().events, log.state().spoolBytes], { timeout: 5_000 })
        .toEqual([600, 0]);
      await log.close();
      client.disconnect();
      expectComplete(await entries('no-scripts'), uids);
      expect(told.filter((message) => message.includes('did not take'))).toEqual([]);
    }));
});

describe('tail', () => {
  it('follows the stream from where it is asked to, through an outage, each event once', () =>
    inTemporaryDirectory(async (directory) => {
      const log = await openLog(directory, 'tail');
      const uids = record(log, 20);
      await expect.poll(() => [log.state().events, log.state().spoolBytes]).toEqual([20, 0]);
      const seen: TailedEvent[] = [];
      const fresh: TailedEvent[] = [];
      const stop = new AbortController();
      const settings = { target: redis.url, stream: 'tail', signal: stop.signal };
      const tails = [
        tailStream({ ...settings, from: '0' }, (event) => seen.push(event)),
        tailStream({ ...settings, from: '$' }, (event) => fresh.push(event)),
      ];
      await expect.poll(() => seen.length).toBe(20);
      await sleep(100);
      await redis.restart();
      const later = record(log, 20);
      await expect.poll(() => fresh.length, { timeout: 15_000 }).toBe(20);
      await expect.poll(() => seen.length, { timeout: 15_000 }).toBe(40);
      stop.abort();
      await Promise.all(tails);
      await log.close();
      expect(seen.map(({ event }) => event.metadata.uid)).toEqual([...uids, ...later]);
      expect(fresh.map(({ event }) => event.metadata.uid)).toEqual(later);
      expect(JSON.parse(seen[0]!.json)).toEqual(seen[0]!.event);
    }));

  it('says what is wrong when there is no Redis', async () => {
    const stop = new AbortController();
    const tail = tailStream(
      { target: 'redis://127.0.0.1:1', stream: 's', from: '$', signal: stop.signal },
      () => undefined,
    );
    await expect(tail).rejects.toThrow(/audit stream cannot be read/);
  });
});
