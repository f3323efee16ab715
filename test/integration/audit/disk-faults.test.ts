import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { describe, expect, it } from 'vitest';
import {
  AuditUnavailableError,
  openAuditLog,
  type AuditLog,
  type AuditLogOptions,
} from '../../../src/audit/log.js';
import type { AuditEvent } from '../../../src/audit/ocsf.js';
import { recordKind, segmentName } from '../../../src/audit/spool-format.js';
import { listSegments, recoverSpool, scanSegment } from '../../../src/audit/spool-recover.js';
import { startRedis } from '../../../src/cli/launch/redis.js';
import { failingDisk, smallDisk } from '../../support/failing-disk.js';
import { expectChain } from '../../unit/audit/chain-check.js';
import { inTemporaryDirectory, statement, success } from '../../unit/audit/samples.js';

function records(directory: string) {
  return [...listSegments(directory).keys()].flatMap((number) => [
    ...scanSegment(readFileSync(join(directory, segmentName(number)))).records,
  ]);
}

function events(
  directory: string,
): (AuditEvent & { unmapped: { dropped?: { since: number; until: number } } })[] {
  return records(directory)
    .filter(({ kind }) => kind === recordKind.event)
    .map(({ json }) => JSON.parse(json) as AuditEvent);
}

const uids = (directory: string): string[] => events(directory).map(({ metadata }) => metadata.uid);

function open(spoolDirectory: string, more: Partial<AuditLogOptions> = {}): Promise<AuditLog> {
  return openAuditLog({ spoolDirectory, durability: 'strict', version: '0', ...more });
}

/** Notes in `ran` each statement that would have gone to the server; throws where the client would be told so. */
async function run(log: AuditLog, ran: string[]): Promise<void> {
  const ticket = log.intent(statement());
  await ticket.ready;
  ran.push(ticket.uid);
  const written = log.outcome(ticket, statement(), success);
  // The end of a statement that has run waits for the disk.
  await Promise.race([written, failing(log, written)]);
}

async function failing(log: AuditLog, instead: Promise<void> | undefined): Promise<void> {
  const wait = { over: false };
  const end = (): boolean => (wait.over = true);
  instead?.then(end, end);
  while (!wait.over && !log.state().spoolFailing) await sleep(5);
}

/** Runs statements until one is refused. */
async function untilRefused(log: AuditLog, ran: string[]): Promise<void> {
  for (let count = 0; count < 2_000; count++) {
    try {
      await run(log, ran);
    } catch (error) {
      expect(error).toBeInstanceOf(AuditUnavailableError);
      return;
    }
  }
  throw new Error('no statement was refused');
}

async function recovered(log: AuditLog, timeout = 5_000): Promise<void> {
  await expect.poll(() => log.state().spoolFailing, { timeout, interval: 20 }).toBe(false);
}

describe('a full disk (tmpfs)', () => {
  it('strict: refuses statements, recovers by itself, and has every statement that got a result', () =>
    inTemporaryDirectory(async (directory) => {
      const disk = await smallDisk(join(directory, 'disk'), '2m');
      const told: string[] = [];
      try {
        const log = await open(disk.path, { onState: ({ message }) => told.push(message) });
        const ran: string[] = [];
        await run(log, ran);
        const underWay = log.intent(statement());
        await underWay.ready;
        disk.fill();
        await untilRefused(log, ran);
        expect(log.state().spoolFailing).toBe(true);
        let written = false;
        const ended = log.outcome(underWay, statement(), success)?.then(() => (written = true));
        await expect(run(log, ran)).rejects.toThrow(AuditUnavailableError);
        // It has run: its client has the end of the result only once that is in the log.
        await sleep(300);
        expect(written).toBe(false);
        disk.free();
        await recovered(log);
        await ended;
        ran.push(underWay.uid);
        await run(log, ran);
        await log.close();
        expect(new Set(uids(disk.path))).toEqual(new Set(ran));
        expect(
          records(disk.path).filter(({ kind, uid }) => kind === recordKind.cancel && ran.includes(uid)),
        ).toEqual([]);
        expectChain(records(disk.path));
        expect(told.length).toBe(2);
        expect(told[0]).toMatch(/cannot be written: free space.*\(ENOSPC\)/);
        expect(told[1]).toMatch(/can be written again/);
      } finally {
        await disk.stop();
      }
    }));

  it('strict: tells that the end of a statement cannot be written when it has waited long enough, and has it all the same', () =>
    inTemporaryDirectory(async (directory) => {
      const disk = await smallDisk(join(directory, 'disk'), '2m');
      try {
        const log = await open(disk.path, { patienceMs: 100 });
        const [before, behind] = [log.intent(statement()), log.intent(statement())];
        await Promise.all([before.ready, behind.ready]);
        disk.fill();
        await untilRefused(log, []);
        await expect(log.outcome(before, statement(), success)).rejects.toThrow(AuditUnavailableError);
        await expect(log.outcome(behind, statement(), success)).rejects.toThrow(AuditUnavailableError);
        disk.free();
        await recovered(log);
        const after = log.intent(statement());
        await after.ready;
        await log.outcome(after, statement(), success);
        await log.close();
        const statuses = new Map(events(disk.path).map(({ metadata, status }) => [metadata.uid, status]));
        expect([before, behind, after].map(({ uid }) => statuses.get(uid))).toEqual([
          'Success',
          'Success',
          'Success',
        ]);
      } finally {
        await disk.stop();
      }
    }));

  it('relaxed: holds what it may, and what had to be dropped is counted, told and an event', () =>
    inTemporaryDirectory(async (directory) => {
      const disk = await smallDisk(join(directory, 'disk'), '2m');
      const told: string[] = [];
      try {
        const log = await open(disk.path, {
          durability: 'relaxed',
          maxQueued: 10,
          onState: ({ message }) => told.push(message),
        });
        disk.fill();
        for (let before = 0; !log.state().spoolFailing; before++) {
          const ticket = log.intent(statement());
          void log.outcome(ticket, statement(), success);
          await sleep(1);
        }
        const since = Date.now();
        const kept: string[] = [];
        while (log.state().lost < 7) {
          const ticket = log.intent(statement());
          ticket.ready?.catch(() => undefined);
          const { lost } = log.state();
          void log.outcome(ticket, statement(), success);
          if (log.state().lost === lost) kept.push(ticket.uid);
          // A statement on protected data is refused rather than dropped as soon as nothing can be kept.
          else await expect(ticket.ready).rejects.toThrow(AuditUnavailableError);
        }
        const until = Date.now();
        disk.free();
        await recovered(log);
        await log.close();
        const all = events(disk.path);
        expect(all.map(({ metadata }) => metadata.uid)).toEqual(expect.arrayContaining(kept));
        const dropped = all.flatMap(({ unmapped }) => unmapped.dropped ?? []);
        expect(dropped).toMatchObject([{ events: 7, reason: 'disk' }]);
        expect(dropped[0]!.since).toBeGreaterThanOrEqual(since);
        expect(dropped[0]!.until).toBeLessThanOrEqual(until);
        expect(told).toContain('1 audit events are lost: the spool cannot be written and its memory is full');
        expectChain(records(disk.path));
      } finally {
        await disk.stop();
      }
    }));
});

describe('a disk that the spool itself has filled while Redis was away', () => {
  it('has room again once Redis is back, though nothing could be noted on it meanwhile', () =>
    inTemporaryDirectory(async (directory) => {
      const disk = await smallDisk(join(directory, 'disk'), '1m');
      const redis = await startRedis({ appendonly: true });
      try {
        await redis.kill();
        const told: string[] = [];
        const log = await open(disk.path, {
          redis: { target: redis.url, stream: 'filled' },
          limits: { segmentBytes: 64 * 1024 },
          onState: ({ message }) => told.push(message),
        });
        const ran: string[] = [];
        await untilRefused(log, ran);
        await redis.restart();
        await recovered(log, 20_000);
        await run(log, ran);
        await expect.poll(() => log.state().spoolBytes, { timeout: 10_000 }).toBe(0);
        await log.close();
        const client = new Redis(redis.url);
        const uids = (await client.xrange('filled', '-', '+')).map(([, fields]) => fields[1]);
        client.disconnect();
        expect(uids).toEqual(ran);
        expect(told.filter((message) => /cannot be noted/.test(message)).length).toBeLessThan(2);
      } finally {
        await redis.stop();
        await disk.stop();
      }
    }));
});

describe('a disk whose fdatasync fails', () => {
  it('INVARIANT(failed-sync-is-final): what it should hold goes into a new segment, and is there once the page cache is gone', () =>
    inTemporaryDirectory(async (directory) => {
      const disk = await failingDisk(directory);
      try {
        const spool = join(disk.path, 'spool');
        const log = await open(spool);
        const ran: string[] = [];
        await run(log, ran);
        const before = Math.max(...listSegments(spool).keys());
        disk.break();
        await untilRefused(log, ran);
        // Some retries fail too.
        await sleep(600);
        await expect(run(log, ran)).rejects.toThrow(AuditUnavailableError);
        disk.repair();
        await recovered(log);
        expect([...listSegments(spool).keys()]).toEqual([before + 1]);
        await run(log, ran);
        await log.close();
        disk.remount();
        expect(new Set(uids(spool))).toEqual(new Set(ran));
        expectChain(records(spool));
        expect(recoverSpool(spool)).toMatchObject({ damage: [], tornBytes: 0, intents: [] });
      } finally {
        await disk.stop();
      }
    }));

  it('a directory that takes no new file (chattr +i) stops the next segment only, and nothing is lost', () =>
    inTemporaryDirectory(async (directory) => {
      const disk = await failingDisk(directory);
      try {
        const spool = join(disk.path, 'spool');
        const log = await open(spool, { limits: { segmentBytes: 8_000 } });
        execFileSync('chattr', ['+i', spool]);
        const ran: string[] = [];
        await untilRefused(log, ran);
        expect(ran.length).toBeGreaterThan(1);
        execFileSync('chattr', ['-i', spool]);
        await recovered(log);
        await run(log, ran);
        await log.close();
        expect(uids(spool)).toEqual(ran);
        expectChain(records(spool));
      } finally {
        await disk.stop();
      }
    }));
});

describe('a spool directory that somebody', () => {
  it.each([
    ['removes', (spool: string) => rmSync(spool, { recursive: true })],
    ['moves away', (spool: string) => renameSync(spool, `${spool}.old`)],
    [
      'replaces by an empty one',
      (spool: string) => {
        rmSync(spool, { recursive: true });
        mkdirSync(spool);
      },
    ],
  ])('%s: no statement is promised into the void, and the open segment is there again', (_, change) =>
    inTemporaryDirectory(async (directory) => {
      const spool = join(directory, 'spool');
      const log = await open(spool);
      const ran: string[] = [];
      await run(log, ran);
      await run(log, ran);
      change(spool);
      await expect(run(log, ran)).rejects.toThrow(AuditUnavailableError);
      await recovered(log);
      await run(log, ran);
      // The lock has come back with it.
      expect(readFileSync(join(spool, 'lock'), 'utf8')).toMatch(`${process.pid} `);
      await log.close();
      expect(uids(spool)).toEqual(ran);
      expectChain(records(spool));
    }),
  );
});
