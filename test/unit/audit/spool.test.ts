import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, truncateSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { EventDraft } from '../../../src/audit/chain.js';
import type { SpoolOptions } from '../../../src/audit/spool-options.js';
import { Spool } from '../../../src/audit/spool.js';
import {
  decodeRecord,
  encodeRecord,
  recordKind,
  segmentName,
  type SpoolRecord,
} from '../../../src/audit/spool-format.js';
import { SpoolReader } from '../../../src/audit/spool-reader.js';
import { recoverSpool, scanSegment } from '../../../src/audit/spool-recover.js';
import { eventSource, statementEvent } from '../../../src/audit/event.js';
import { inTemporaryDirectory, statement, success } from './samples.js';
import { expectChain } from './chain-check.js';

function draft(uid: string): () => EventDraft {
  return () => statementEvent(eventSource('i', '0'), uid, 1, statement(), success);
}

function append(spool: Spool, uid: string, until: 'queued' | 'written' | 'synced' = 'synced'): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = (failure: Error | undefined): void => (failure === undefined ? resolve() : reject(failure));
    const taken = spool.append({ uid, time: 1, content: { kind: 'event', draft: draft(uid) }, until, done });
    if (!taken) reject(new Error('not taken'));
  });
}

function intent(spool: Spool, uid: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = (failure: Error | undefined): void => (failure === undefined ? resolve() : reject(failure));
    const json = (): string => JSON.stringify(draft(uid)());
    if (!spool.append({ uid, time: 1, content: { kind: 'intent', json }, until: 'synced', done }))
      reject(new Error('not taken'));
  });
}

function open(directory: string, options: Partial<SpoolOptions> = {}): Spool {
  return new Spool({ directory, instance: 'i', ...options });
}

async function closed(spool: Spool): Promise<void> {
  await spool.drain();
  spool.release();
}

/** All records through the reader, in small batches. */
function readAll(spool: Spool, batch = 3): SpoolRecord[] {
  const reader = new SpoolReader(spool.directory);
  const all: SpoolRecord[] = [];
  let position = { segment: 0, offset: 0 };
  for (;;) {
    const { records, next } = reader.read(position, spool.durable, spool.segments(), batch);
    if (next.segment === position.segment && next.offset === position.offset) break;
    all.push(...records.map((record) => ({ ...record, json: record.json.toString('utf8') })));
    position = next;
  }
  reader.close();
  return all;
}

function uids(records: readonly SpoolRecord[]): string[] {
  return records.filter((record) => record.kind === recordKind.event).map((record) => record.uid);
}

const names = (count: number): string[] => Array.from({ length: count }, (_, index) => `event-${index}`);

describe('the spool', () => {
  it('gives back what it was given, in order and chained, also after a restart', () =>
    inTemporaryDirectory(async (directory) => {
      const first = open(directory);
      await Promise.all(names(10).map((uid) => append(first, uid)));
      await closed(first);
      const second = open(directory);
      expect(second.recovered).toMatchObject({ sequence: 10, tornBytes: 0, damage: [], intents: [] });
      await append(second, 'later');
      const records = readAll(second);
      expect(uids(records)).toEqual([...names(10), 'later']);
      expectChain(records);
      await closed(second);
    }));

  it('rotates by size, and readers pass from segment to segment', () =>
    inTemporaryDirectory(async (directory) => {
      const spool = open(directory, { limits: { segmentBytes: 4_000 } });
      for (const uid of names(30)) await append(spool, uid);
      expect(spool.segments().length).toBeGreaterThan(5);
      for (const batch of [1, 3, 1000]) {
        const records = readAll(spool, batch);
        expect(uids(records)).toEqual(names(30));
        expectChain(records);
      }
      await closed(spool);
    }));

  it('reads a record larger than the reader’s chunk', () =>
    inTemporaryDirectory(async (directory) => {
      const spool = open(directory);
      const big = (): EventDraft =>
        statementEvent(
          eventSource('i', '0'),
          'big',
          1,
          statement({ auditText: 'é'.repeat(900_000) }),
          success,
        );
      spool.append({ uid: 'big', time: 1, content: { kind: 'event', draft: big }, until: 'written' });
      await append(spool, 'after');
      expect(uids(readAll(spool))).toEqual(['big', 'after']);
      await closed(spool);
    }));

  it('shows readers synced bytes only', () =>
    inTemporaryDirectory(async (directory) => {
      const spool = open(directory, { syncAfterMs: 100_000 });
      await append(spool, 'written', 'written');
      expect(uids(readAll(spool))).toEqual([]);
      await append(spool, 'synced', 'synced');
      expect(uids(readAll(spool))).toEqual(['written', 'synced']);
      await closed(spool);
    }));

  it('INVARIANT(spool-torn-tail): cut at every byte of the last record, it keeps all others and goes on', () =>
    inTemporaryDirectory(async (directory) => {
      const spool = open(directory);
      for (const uid of names(3)) await append(spool, uid);
      await closed(spool);
      const path = join(directory, segmentName(1));
      const whole = readFileSync(path);
      const offsets = recordOffsets(whole);
      for (let size = offsets.at(-1)! + 1; size < whole.length; size++) {
        writeFileSync(path, whole.subarray(0, size));
        expect(recoverSpool(directory)).toMatchObject({ tornBytes: size - offsets.at(-1)!, sequence: 2 });
        if (size % 211 !== 0) continue;
        const again = open(directory);
        await append(again, 'new');
        expectChain(readAll(again));
        await closed(again);
        for (const name of readdirSync(directory)) unlinkSync(join(directory, name));
      }
    }));

  it('cut inside a header of a new segment, it goes on in the one before', () =>
    inTemporaryDirectory(async (directory) => {
      const spool = open(directory, { limits: { segmentBytes: 1 } });
      await append(spool, 'a');
      await append(spool, 'b');
      await closed(spool);
      const last = readdirSync(directory)
        .filter((name) => name.endsWith('.seg'))
        .sort()
        .at(-1)!;
      truncateSync(join(directory, last), 20);
      const again = open(directory);
      expect(again.recovered).toMatchObject({ sequence: 2, tornBytes: 20 });
      await append(again, 'c');
      expect(uids(readAll(again))).toEqual(['a', 'b', 'c']);
      await closed(again);
    }));

  it('finds a damaged byte in any record, and keeps the records behind it', () =>
    inTemporaryDirectory(async (directory) => {
      const spool = open(directory);
      for (const uid of names(3)) await append(spool, uid);
      await closed(spool);
      const path = join(directory, segmentName(1));
      const whole = readFileSync(path);
      const [, , second, third] = recordOffsets(whole);
      for (let at = second!; at < third!; at += 7) {
        const damaged = Buffer.from(whole);
        damaged[at]! ^= 0x20;
        const scan = scanSegment(damaged);
        expect(uids(scan.records)).toEqual(['event-0', 'event-2']);
        expect(scan.damage).toEqual([{ offset: second, bytes: third! - second! }]);
      }
      const damaged = Buffer.from(whole);
      damaged[second! + 40]! ^= 1;
      writeFileSync(path, damaged);
      const again = open(directory);
      expect(again.recovered.damage).toHaveLength(1);
      expect(uids(readAll(again))).toEqual(['event-0', 'event-2']);
      await closed(again);
    }));

  it('remembers intents without outcome, over rotations, and never deletes their segment', () =>
    inTemporaryDirectory(async (directory) => {
      const limits = { segmentBytes: 2_000, keepShipped: 0, keepShippedBytes: 0 };
      const spool = open(directory, { limits, shipping: true });
      await intent(spool, 'open');
      await intent(spool, 'done');
      await append(spool, 'done');
      for (const uid of names(20)) await append(spool, uid, 'written');
      spool.shippedBelow(Math.max(...spool.segments()));
      expect(spool.segments()).toContain(1);
      await closed(spool);
      const again = open(directory, { limits });
      expect(again.recovered.intents.map(({ uid }) => uid)).toEqual(['open']);
      await append(again, 'open');
      again.shippedBelow(Math.max(...again.segments()));
      expect(again.segments()).not.toContain(1);
      await closed(again);
    }));

  it('starts another chain for another instance name', () =>
    inTemporaryDirectory(async (directory) => {
      const spool = open(directory);
      await append(spool, 'a');
      await closed(spool);
      const other = open(directory, { instance: 'other' });
      await append(other, 'b');
      expect(
        readAll(other)
          .filter(({ kind }) => kind === recordKind.event)
          .map(({ sequence }) => sequence),
      ).toEqual([1, 1]);
      await closed(other);
      const again = open(directory, { instance: 'other' });
      expect(again.recovered.sequence).toBe(1);
      await closed(again);
    }));

  it('keeps its own name when none is given', () =>
    inTemporaryDirectory(async (directory) => {
      const spool = new Spool({ directory, instance: undefined });
      const { instance } = spool;
      await closed(spool);
      const again = new Spool({ directory, instance: undefined });
      expect(again.instance).toBe(instance);
      await closed(again);
    }));

  it('has one writer: a second one is told who holds it, a dead one’s lock is taken over', () =>
    inTemporaryDirectory(async (directory) => {
      const spool = open(directory);
      expect(() => open(directory)).toThrow(`in use by process ${process.pid}`);
      await closed(spool);
      writeFileSync(join(directory, 'lock'), '4194999 1\n');
      await closed(open(directory));
      writeFileSync(join(directory, 'lock'), '1 -1\n');
      await closed(open(directory));
    }));

  it('takes over the lock of a process that has ended, though its parent has not asked after it', () =>
    inTemporaryDirectory(async (directory) => {
      // The second `sleep` takes the shell's place before the first ends, and asks after no children.
      const parent = spawn('sh', ['-c', 'sleep 0.3 & echo $!; exec sleep 30'], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const [printed] = (await once(parent.stdout, 'data')) as [Buffer];
      const pid = Number(printed.toString());
      const stat = (): string[] => readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]!.split(' ');
      await expect.poll(() => stat()[0]).toBe('Z');
      writeFileSync(join(directory, 'lock'), `${pid} ${stat()[19]}\n`);
      await closed(open(directory));
      parent.kill();
    }));

  it('survives one event that cannot be built: it is told, the chain has no gap', () =>
    inTemporaryDirectory(async (directory) => {
      const lost: unknown[] = [];
      const spool = open(directory, { onLost: (cause) => lost.push(cause) });
      const bad = (): EventDraft => {
        throw new Error('bug');
      };
      spool.append({ uid: 'bad', time: 1, content: { kind: 'event', draft: bad }, until: 'queued' });
      await append(spool, 'good');
      expect(lost).toHaveLength(1);
      expectChain(readAll(spool));
      await closed(spool);
    }));
});

describe('a record', () => {
  it('is never written larger than it could be read back', () => {
    const json = 'x'.repeat(64 * 1024 * 1024 + 1);
    expect(() => encodeRecord({ kind: recordKind.event, uid: '', sequence: 1, time: 1, json })).toThrow(
      RangeError,
    );
  });

  it('is the same after encode and decode, and short at every cut', () => {
    const record: SpoolRecord = {
      kind: recordKind.event,
      uid: 'u-1',
      sequence: 2 ** 40,
      time: 1_700_000_000_123,
      json: '{"ü":"€"}',
    };
    const bytes = encodeRecord(record);
    expect(decodeRecord(bytes, 0)).toEqual({ kind: 'record', record, next: bytes.length });
    for (let size = 0; size < bytes.length; size++)
      expect(decodeRecord(bytes.subarray(0, size), 0).kind).toBe('short');
  });
});

function recordOffsets(bytes: Buffer): number[] {
  const offsets: number[] = [];
  for (let at = 0; at < bytes.length;) {
    offsets.push(at);
    const decoded = decodeRecord(bytes, at);
    if (decoded.kind !== 'record') throw new Error('unexpected damage');
    at = decoded.next;
  }
  return offsets;
}
