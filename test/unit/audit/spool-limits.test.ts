import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { AuditUnavailableError, openAuditLog } from '../../../src/audit/log.js';
import { CHAIN_START } from '../../../src/audit/chain.js';
import { readItems } from '../../../src/audit/read/read-events.js';
import { SegmentFiles } from '../../../src/audit/spool-segments.js';
import { headsOfSegments } from '../../../src/audit/spool-heads.js';
import { SpoolReader } from '../../../src/audit/spool-reader.js';
import { verifyEvents } from '../../../src/audit/verify/verify.js';
import { decodeRecord, recordKind, segmentName } from '../../../src/audit/spool-format.js';
import { listSegments, recoverSpool, scanSegment } from '../../../src/audit/spool-recover.js';
import { loadCursor, saveCursor } from '../../../src/audit/spool-cursor.js';
import type { SpoolOptions } from '../../../src/audit/spool-options.js';
import { Spool } from '../../../src/audit/spool.js';
import { eventSource, statementEvent } from '../../../src/audit/event.js';
import type { AuditEvent } from '../../../src/audit/ocsf.js';
import { expectChain } from './chain-check.js';
import { inTemporaryDirectory, statement, success } from './samples.js';

const draft = (uid: string) => () => statementEvent(eventSource('i', '0'), uid, 1, statement(), success);

function put(spool: Spool, kind: 'event' | 'intent', uid: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const content =
      kind === 'event'
        ? ({ kind, draft: draft(uid) } as const)
        : ({ kind, json: () => JSON.stringify(draft(uid)()) } as const);
    const done = (failure: Error | undefined): void => (failure === undefined ? resolve() : reject(failure));
    if (!spool.append({ uid, time: 1, content, until: 'synced', done }))
      reject(spool.failure ?? new Error('not taken'));
  });
}

const open = (directory: string, options: Partial<SpoolOptions> = {}): Spool =>
  new Spool({ directory, instance: 'i', ...options });

const records = (directory: string) =>
  [...listSegments(directory).keys()].flatMap((number) => [
    ...scanSegment(readFileSync(join(directory, segmentName(number)))).records,
  ]);
const events = (directory: string): (AuditEvent & { unmapped: Record<string, unknown> })[] =>
  records(directory)
    .filter(({ kind }) => kind === recordKind.event)
    .map(({ json }) => JSON.parse(json) as AuditEvent & { unmapped: Record<string, unknown> });

function recordEnds(bytes: Buffer): number[] {
  const ends: number[] = [];
  for (let at = 0; at < bytes.length; ends.push(at)) {
    const decoded = decodeRecord(bytes, at);
    if (decoded.kind !== 'record') throw new Error('unexpected damage');
    at = decoded.next;
  }
  return ends;
}

const small = { bytes: 20_000, segmentBytes: 4_000, keepShipped: 1, keepShippedBytes: 0 };

describe('INVARIANT(spool-keeps-unshipped): a spool at its limit', () => {
  it('with Redis: refuses intents, takes the outcomes of what has begun, deletes nothing, and goes on once segments are shipped', () =>
    inTemporaryDirectory(async (directory) => {
      const told: string[] = [];
      const spool = open(directory, {
        limits: small,
        shipping: true,
        onState: (failure) => told.push(failure?.message ?? 'ok'),
      });
      const begun = ['begun-1', 'begun-2'];
      for (const uid of begun) await put(spool, 'intent', uid);
      const all: string[] = [];
      for (let number = 0; spool.failure === undefined; number++) {
        const uid = `event-${number}`;
        await put(spool, 'event', uid).then(
          () => all.push(uid),
          () => undefined,
        );
      }
      const before = spool.segments();
      expect(before[0]).toBe(1);
      await expect(put(spool, 'intent', 'late')).rejects.toThrow(
        /has reached its limit of 20000 bytes.*Redis/,
      );
      for (const uid of begun) await put(spool, 'event', uid);
      expect(spool.segments()).toEqual(expect.arrayContaining([...before]));
      spool.shippedBelow(Math.max(...spool.segments()));
      expect(spool.failure).toBeUndefined();
      expect(spool.segments()).not.toContain(1);
      await put(spool, 'intent', 'again');
      await spool.drain();
      spool.release();
      expect(told).toEqual([expect.stringMatching(/limit/), 'ok']);
    }));

  it('without Redis: never deletes by size, refuses in strict, and goes on when a person moves segments away', () =>
    inTemporaryDirectory(async (directory) => {
      const log = await openAuditLog({
        spoolDirectory: directory,
        durability: 'strict',
        version: '0',
        limits: small,
      });
      let ran = 0;
      for (;;) {
        const ticket = log.intent(statement());
        try {
          await ticket.ready;
        } catch (error) {
          expect(error).toBeInstanceOf(AuditUnavailableError);
          break;
        }
        ran++;
        await log.outcome(ticket, statement(), success);
      }
      expect(events(directory)).toHaveLength(ran);
      expect(log.state()).toMatchObject({ spoolFailing: true, spoolAtLimit: true, lost: 0 });
      for (const number of [...listSegments(directory).keys()].slice(0, -1))
        rmSync(join(directory, segmentName(number)));
      await expect.poll(() => log.state().spoolAtLimit, { timeout: 3_000 }).toBe(false);
      const after = log.intent(statement());
      await after.ready;
      await log.outcome(after, statement(), success);
      await log.close();
      expect(events(directory).at(-1)?.metadata.sequence).toBe(ran + 1);
    }));

  it('relaxed: holds, drops and counts; a stop at the limit still leaves the event that says how many', () =>
    inTemporaryDirectory(async (directory) => {
      const told: string[] = [];
      const log = await openAuditLog({
        spoolDirectory: directory,
        durability: 'relaxed',
        version: '0',
        limits: small,
        maxQueued: 5,
        onState: ({ message }) => told.push(message),
      });
      const open = statement({ facts: undefined });
      while (!log.state().spoolAtLimit) {
        void log.outcome(log.intent(open), open, success);
        await new Promise((resolve) => setTimeout(resolve, 6));
      }
      while (log.state().lost < 3) void log.outcome(log.intent(open), open, success);
      const { events: written } = log.state();
      await log.close();
      const all = events(directory);
      expect(all).toHaveLength(written + 1);
      // Three found no room in memory, five were held there until the end.
      expect(all.at(-1)?.unmapped['dropped']).toMatchObject({ events: 8, reason: 'limit' });
      expect(log.state().lost).toBe(8);
      expect(told.some((message) => message.startsWith('1 audit events are lost'))).toBe(true);
      expectChain(records(directory));
    }));

  it('keeps the outcome of a statement that has begun, however many events wait', () =>
    inTemporaryDirectory(async (directory) => {
      const spool = open(directory, { limits: small, shipping: true, maxQueued: 3 });
      await put(spool, 'intent', 'begun');
      while (spool.failure === undefined) await put(spool, 'event', 'other').catch(() => undefined);
      while (!spool.full) await put(spool, 'event', 'other').catch(() => undefined);
      await expect(put(spool, 'event', 'other')).rejects.toThrow();
      await put(spool, 'event', 'begun');
      spool.release();
      expect(recoverSpool(directory).intents).toEqual([]);
    }));

  it('counts and tells what waits when pgveil stops while nothing can be written', () =>
    inTemporaryDirectory(async (directory) => {
      const told: string[] = [];
      const log = await openAuditLog({
        spoolDirectory: directory,
        durability: 'relaxed',
        version: '0',
        limits: { segmentBytes: 1 },
        onState: ({ message }) => told.push(message),
      });
      writeFileSync(join(directory, segmentName(2)), 'of somebody else');
      for (let count = 0; count < 4; count++) void log.outcome(log.intent(statement()), statement(), success);
      await expect.poll(() => log.state().spoolFailing).toBe(true);
      void log.outcome(log.intent(statement()), statement(), success);
      const { events: written } = log.state();
      await expect(log.close()).rejects.toThrow(/cannot be written/);
      expect(written + log.state().lost).toBe(5);
      expect(told.at(-1)).toMatch(`${log.state().lost} audit events are lost: pgveil stops`);
    }));

  it('goes on when the disk does not answer while it looks for room', () =>
    inTemporaryDirectory(async (directory) => {
      const spool = open(directory, { limits: small, shipping: true });
      while (spool.failure === undefined) await put(spool, 'event', 'a').catch(() => undefined);
      // stat(2) of such a link is an error (ELOOP), and it is no missing file.
      const path = join(directory, segmentName(1));
      rmSync(path);
      symlinkSync(path, path);
      await new Promise((resolve) => setTimeout(resolve, 600));
      expect(spool.atLimit).toBe(true);
      spool.release();
    }));

  it('bounds what waits by its bytes too', () =>
    inTemporaryDirectory((directory) => {
      const spool = open(directory, { maxQueuedBytes: 10_000 });
      const content = { kind: 'event', draft: draft('x') } as const;
      let taken = 0;
      while (spool.append({ uid: `${taken}`, time: 1, bytes: 3_000, content, until: 'queued' })) taken++;
      expect(taken).toBe(3);
      spool.release();
    }));
});

describe('age', () => {
  it('closes a segment that holds anything, and never an empty one', () =>
    inTemporaryDirectory(async (directory) => {
      const spool = open(directory, { limits: { segmentAgeMs: 20 } });
      await new Promise((resolve) => setTimeout(resolve, 80));
      expect(spool.segments()).toEqual([1]);
      await put(spool, 'event', 'a');
      await expect.poll(() => spool.segments()).toEqual([1, 2]);
      spool.release();
    }));

  it.each([
    { name: 'without Redis deletes closed segments', shipping: false, shipped: 0, left: [] },
    { name: 'with Redis keeps what is not shipped', shipping: true, shipped: 2, left: [2] },
    { name: 'unstated deletes nothing', shipping: false, shipped: 0, left: [1, 2], ageMs: undefined },
    {
      name: 'keeps segments of a clock that was set back',
      shipping: false,
      shipped: 0,
      left: [1, 2],
      days: -2,
    },
  ])('$name', ({ shipping, shipped, left, days = 2, ...more }) =>
    inTemporaryDirectory(async (directory) => {
      const limits = { segmentBytes: 1_000, keepShipped: 9, ageMs: 86_400_000, ...more };
      const spool = open(directory, { limits, shipping });
      for (const uid of ['a', 'b']) await put(spool, 'event', uid);
      await spool.drain();
      expect(spool.segments()).toEqual([1, 2, 3]);
      const then = Date.now() / 1000 - days * 86_400;
      for (const number of [1, 2]) utimesSync(join(directory, segmentName(number)), then, then);
      if (shipping) spool.shippedBelow(shipped);
      spool.release();
      const announce = (): Promise<void> => Promise.resolve();
      const again = open(directory, { limits: { ...limits, ageMs: limits.ageMs }, shipping, announce });
      if (shipping) again.shippedBelow(shipped);
      else again.keepHouse();
      await new Promise(setImmediate);
      // The third held its header alone.
      expect(again.segments().filter((number) => number <= 3)).toEqual(left);
      again.release();
    }),
  );

  /** Segments that are two days old, but for the open one. */
  async function oldSegments(directory: string, count: number): Promise<void> {
    for (let start = 0; start < count; start++) {
      const spool = open(directory);
      await put(spool, 'event', `old-${start}`);
      spool.release();
    }
    const then = Date.now() / 1000 - 2 * 86_400;
    for (const number of listSegments(directory).keys())
      utimesSync(join(directory, segmentName(number)), then, then);
  }

  it('INVARIANT(expiry-told): nothing goes before its event is on disk, and what was moved away holds up nothing', () =>
    inTemporaryDirectory(async (directory) => {
      await oldSegments(directory, 4);
      const told: unknown[] = [];
      let answer: { resolve: () => void; reject: (error: Error) => void } | undefined;
      const spool = open(directory, {
        limits: { ageMs: 86_400_000 },
        announce: (expiring) => {
          told.push(expiring);
          return new Promise<void>((resolve, reject) => (answer = { resolve, reject }));
        },
      });
      rmSync(join(directory, segmentName(1)));
      const [head] = events(directory).filter(({ metadata }) => metadata.sequence === 3);
      const heads = { segments: 2, instances: { i: { sequence: 3, hash: head!.unmapped['hash'] } } };
      spool.keepHouse();
      spool.keepHouse();
      expect(told).toEqual([heads]);
      answer!.reject(new Error('the disk is full'));
      await new Promise(setImmediate);
      expect(spool.segments()).toEqual(expect.arrayContaining([2, 3]));
      spool.keepHouse();
      expect(told).toEqual([heads, heads]);
      answer!.resolve();
      await new Promise(setImmediate);
      expect(spool.segments()).not.toContain(3);
      expect([...listSegments(directory).keys()][0]).toBe(4);
      spool.release();
    }));

  it('deletes behind an event that tells it, so that verify knows it from what a stranger has deleted', () =>
    inTemporaryDirectory(async (directory) => {
      const verified = () => verifyEvents(readItems({ from: { kind: 'spool', directory } }));
      // The second round deletes the event of the first one.
      for (const round of [1, 2]) {
        await oldSegments(directory, 3);
        const [oldest] = listSegments(directory).keys();
        const log = await openAuditLog({
          spoolDirectory: directory,
          durability: 'relaxed',
          version: '0',
          instance: 'i',
          limits: { segmentAgeMs: 20, ageMs: 86_400_000 },
        });
        await expect
          .poll(() => [...listSegments(directory).keys()][0], { timeout: 10_000 })
          .toBeGreaterThan(oldest! + round);
        await log.close();
        const { findings, chains } = await verified();
        expect({ findings, beginnings: chains.map(({ beginning }) => beginning) }).toEqual({
          findings: [],
          beginnings: ['trimmed'],
        });
      }
      await oldSegments(directory, 2);
      const [oldest] = listSegments(directory).keys();
      rmSync(join(directory, segmentName(oldest!)));
      expect((await verified()).findings).toMatchObject([{ kind: 'late-beginning', chain: 'i' }]);
    }));

  it('names the last event of each instance that a deleted segment holds, also where a header is damaged', () =>
    inTemporaryDirectory(async (directory) => {
      for (const instance of ['a', 'b', 'b'] as const) {
        const spool = open(directory, { instance });
        const source = eventSource(instance, '0');
        const made = () => statementEvent(source, 'u', 1, statement(), success);
        spool.append({ uid: 'u', time: 1, content: { kind: 'event', draft: made }, until: 'synced' });
        await spool.drain();
        spool.release();
      }
      const heads = events(directory).map(({ metadata, unmapped }) => ({
        sequence: metadata.sequence,
        hash: unmapped['hash'],
      }));
      expect(headsOfSegments(directory, [1, 2], 3)).toEqual({ a: heads[0], b: heads[1] });
      expect(headsOfSegments(directory, [1], 2)).toEqual({ a: heads[0] });
      const path = join(directory, segmentName(3));
      const bytes = readFileSync(path);
      bytes[5]! ^= 1;
      writeFileSync(path, bytes);
      expect(headsOfSegments(directory, [1, 2], 3)).toEqual({ a: heads[0], b: heads[1] });
    }));
});

describe('shipped segments stay for a Redis that loses what it has acknowledged', () => {
  it.each([
    { name: 'however many starts have made one each', starts: 6, limits: {}, left: [6, 6] },
    { name: 'at least so many', starts: 6, limits: { keepShipped: 3, keepShippedBytes: 0 }, left: [3, 3] },
    {
      name: 'the newest of so many bytes',
      starts: 6,
      limits: { keepShipped: 1, keepShippedBytes: 5_000 },
      left: [2, 5],
    },
    { name: 'but no folder full of files', starts: 6, limits: { keepShippedMost: 5 }, left: [5, 5] },
  ])('$name', ({ starts, limits, left: [least = 0, most = 0] }) =>
    inTemporaryDirectory(async (directory) => {
      for (let start = 0; start < starts; start++) {
        const spool = open(directory, { shipping: true });
        await put(spool, 'event', 'a');
        spool.release();
      }
      const spool = open(directory, { limits, shipping: true });
      const before = spool.segments().length;
      expect(before).toBe(starts + 1);
      spool.shippedBelow(before);
      const left = spool.segments().length - 1;
      expect(left).toBeGreaterThanOrEqual(least);
      expect(left).toBeLessThanOrEqual(most);
      expect(spool.segments().at(-1)).toBe(before);
      spool.release();
    }),
  );
});

describe('a start', () => {
  it('says in an event what it cut, and names damage', () =>
    inTemporaryDirectory(async (directory) => {
      const spool = open(directory);
      for (const uid of ['a', 'b', 'c']) await put(spool, 'event', uid);
      await put(spool, 'intent', 'open');
      spool.release();
      const path = join(directory, segmentName(1));
      const bytes = readFileSync(path);
      const at = bytes.indexOf('"uid":"b"');
      bytes[at] = 0x2a;
      writeFileSync(path, Buffer.concat([bytes, Buffer.from('torn')]));
      const log = await openAuditLog({
        spoolDirectory: directory,
        instance: 'i',
        durability: 'strict',
        version: '0',
      });
      await log.close();
      const told = events(directory).flatMap(({ unmapped }) => unmapped['recovered'] ?? []);
      expect(told).toMatchObject([{ torn_bytes: 4, damage: [{ segment: 1 }], interrupted: 1 }]);
      expect(events(directory).map(({ metadata }) => metadata.uid)).toContain('open');
    }));

  it('in the middle of a rotation or of a second writing loses nothing and repeats nothing', () =>
    inTemporaryDirectory(async (directory) => {
      const spool = open(directory);
      for (const uid of ['a', 'b']) await put(spool, 'event', uid);
      spool.release();
      // A rotation that made the file and no header; one that wrote a part of it; all of the segment once more.
      const first = readFileSync(join(directory, segmentName(1)));
      for (const bytes of [Buffer.alloc(0), Buffer.alloc(300), first.subarray(0, 50), first]) {
        const next = Math.max(...listSegments(directory).keys()) + 1;
        writeFileSync(join(directory, segmentName(next)), bytes);
        const { sequence, damage } = recoverSpool(directory);
        expect({ sequence, damage }).toEqual({ sequence: 2, damage: [] });
        expect(records(directory).filter(({ kind }) => kind === recordKind.event)).toHaveLength(2);
      }
      expectChain(records(directory));
    }));

  it('with a segment that was being written a second time goes on in the whole one, and verify sees one chain', () =>
    inTemporaryDirectory(async (directory) => {
      const spool = open(directory);
      for (const uid of ['a', 'b', 'c']) await put(spool, 'event', uid);
      spool.release();
      const [one, two] = [1, 2].map((number) => join(directory, segmentName(number)));
      const whole = readFileSync(one!);
      const ends = recordEnds(whole);
      const hole = (from: number, to: number): Buffer =>
        Buffer.concat([whole.subarray(0, from), Buffer.alloc(to - from), whole.subarray(to)]);
      const verdict = async () => {
        const from = { kind: 'spool', directory } as const;
        const { clean, events, duplicates } = await verifyEvents(readItems({ from }));
        return { clean, events, duplicates };
      };
      const three = { clean: true, events: 3, duplicates: 0 };
      for (const end of [...ends, ends[1]! + 40]) {
        for (const [first, second] of [
          [whole, whole.subarray(0, end)],
          [whole.subarray(0, end), whole],
        ]) {
          writeFileSync(one!, first!);
          writeFileSync(two!, second!);
          // A torn end of the first is no end of the log.
          expect(await verdict()).toEqual(three);
          expect(recoverSpool(directory)).toMatchObject({ sequence: 3, tornBytes: 0, damage: [] });
          expect(listSegments(directory).size).toBe(1);
          expect(await verdict()).toEqual(three);
          expectChain(records(directory));
        }
      }
      // Each has what the other lacks: both stay, and no number is given twice.
      writeFileSync(one!, whole.subarray(0, ends[2]));
      writeFileSync(two!, hole(ends[0]!, ends[1]!));
      expect(recoverSpool(directory)).toMatchObject({ sequence: 3 });
      expect(listSegments(directory).size).toBe(2);
    }));

  it('leaves no file for each restart, and never writes into a file that is there', () =>
    inTemporaryDirectory(async (directory) => {
      for (let start = 0; start < 3; start++) open(directory).release();
      expect(listSegments(directory).size).toBe(1);
      const spool = open(directory, { limits: { segmentBytes: 1_000 } });
      const other = join(directory, segmentName(spool.durable.segment + 1));
      writeFileSync(other, 'of somebody else');
      await put(spool, 'event', 'a').catch(() => undefined);
      await expect(put(spool, 'event', 'b')).rejects.toThrow(/cannot be written/);
      expect(readFileSync(other, 'utf8')).toBe('of somebody else');
      spool.release();
    }));

  it.each([
    ['behind the end', { segment: 1, offset: 1e9 }, 0],
    ['in a segment to come', { segment: 9, offset: 0 }, 0],
    ['inside of a record', { segment: 1, offset: 700 }, 0],
  ])('with a cursor %s it ships again rather than leave anything out', (_, position, offset) =>
    inTemporaryDirectory(async (directory) => {
      const spool = open(directory);
      for (const uid of ['a', 'b']) await put(spool, 'event', uid);
      saveCursor(directory, { ...position, sequence: 1 });
      const loaded = loadCursor(directory, spool.durable);
      expect(loaded.position.offset).toBe(offset);
      expect(loaded.warning).toMatch(/shipped again/);
      const whole = { segment: 1, offset: statSync(join(directory, segmentName(1))).size };
      saveCursor(directory, { ...whole, sequence: 2 });
      expect(loadCursor(directory, spool.durable)).toMatchObject({ position: whole, warning: undefined });
      spool.release();
    }),
  );
});

describe('INVARIANT(spool-before-redis): a segment that is written a second time', () => {
  it('shows readers what was safe before, and no more until it is synced', () =>
    inTemporaryDirectory((directory) => {
      const header = { instance: 'i', sequence: 0, prev: CHAIN_START, open: {} };
      const files = new SegmentFiles(
        { directory, segmentBytes: 1e6, segmentAgeMs: 1e6 },
        recoverSpool(directory),
      );
      files.rotate(header);
      const write = (uid: string): void => {
        const batch = files.unsynced.batch();
        batch.addEvent(uid, 1, draft(uid)(), 1, CHAIN_START);
        files.write(batch, header);
      };
      const reader = new SpoolReader(directory);
      const seen = (): string[] => {
        const uids: string[] = [];
        for (let at = { segment: 0, offset: 0 }; ;) {
          const { records, next } = reader.read(at, files.durable, files.sizes.numbers(), 9);
          uids.push(...records.filter(({ kind }) => kind === recordKind.event).map(({ uid }) => uid));
          if (next.segment === at.segment && next.offset === at.offset) return uids;
          at = next;
        }
      };
      write('safe');
      files.synced(files.written);
      write('unsafe');
      for (let attempt = 0; attempt < 2; attempt++) {
        files.distrust();
        files.startOver(header);
        expect(seen()).toEqual(['safe']);
      }
      // The first one cannot be removed, and that stops nothing.
      rmSync(join(directory, segmentName(1)));
      mkdirSync(join(directory, segmentName(1)));
      expect(files.forgetMissing()).toEqual([]);
      files.synced(files.written);
      files.startedOver();
      rmSync(join(directory, segmentName(1)), { recursive: true });
      expect(files.forgetMissing()).toEqual([1]);
      expect(seen()).toEqual(['safe', 'unsafe']);
      reader.close();
      files.close();
    }));
});

describe('a spool that was let go', () => {
  it('makes no segment and no lock at the end of a sync that was still running', () =>
    inTemporaryDirectory(async (directory) => {
      const spool = open(directory, { limits: { segmentBytes: 1 } });
      const synced = put(spool, 'event', 'a');
      spool.flush();
      const { segment } = spool.durable;
      spool.release();
      await synced;
      expect(Math.max(...listSegments(directory).keys())).toBe(segment);
      expect(existsSync(join(directory, 'lock'))).toBe(false);
    }));
});

describe('INVARIANT(one-writer): processes that race for a stale lock', () => {
  it('never have one directory together', () =>
    inTemporaryDirectory(async (directory) => {
      const rounds = 20;
      for (let round = 0; round < rounds; round++) {
        mkdirSync(join(directory, `${round}`));
        // Of this container and of another one in turns.
        const left = round % 2 === 0 ? '4194999 1' : '1 4711 c0ffee another-boot pid:[4026531836]';
        writeFileSync(join(directory, `${round}`, 'lock'), `${left}\n`);
      }
      const script = `
        import { lockPace, waitForSpool } from './src/audit/spool-lock.ts';
        const pace = { ...lockPace, watchMs: 5, lookMs: 1, staleMs: 5 };
        process.stdout.write('up ');
        process.stdin.once('data', async (data) => {
          const start = Number(data);
          for (let round = 0; round < ${rounds}; round++) {
            while (Date.now() < start + 20 * round);
            const folder = ${JSON.stringify(directory)} + '/' + round;
            try { await waitForSpool(folder, () => undefined, pace); process.stdout.write('won' + round + ' '); } catch {}
          }
          process.stdout.write('end ');
          setInterval(() => {}, 1000);
        });`;
      const children = [1, 2, 3].map(() =>
        spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
          stdio: ['pipe', 'pipe', 'inherit'],
        }),
      );
      const said = children.map(() => '');
      children.forEach((child, index) =>
        child.stdout.on('data', (data: Buffer) => (said[index] = `${said[index] ?? ''}${data.toString()}`)),
      );
      await expect.poll(() => said.every((text) => text.includes('up')), { timeout: 15_000 }).toBe(true);
      for (const child of children) child.stdin.write(`${Date.now() + 50}\n`);
      await expect.poll(() => said.every((text) => text.includes('end')), { timeout: 15_000 }).toBe(true);
      const wins = said.join('').match(/won\d+/g) ?? [];
      for (const child of children) {
        child.kill('SIGKILL');
        await once(child, 'close');
      }
      expect(new Set(wins).size).toBe(rounds);
      expect(wins).toHaveLength(rounds);
    }));
});
