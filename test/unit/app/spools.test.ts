import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { adoptSpools, leftSpools, spoolOf } from '../../../src/app/spools.js';
import type { AuditLog, AuditState } from '../../../src/audit/log.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pgveil-spools-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('the first worker keeps the folder of a single process', () => {
  expect([1, 2, 12].map((worker) => spoolOf('/var/audit', worker))).toEqual([
    '/var/audit',
    '/var/audit/worker-2',
    '/var/audit/worker-12',
  ]);
});

test('only folders of workers beyond the last are left over', () => {
  for (const name of ['worker-2', 'worker-3', 'worker-11', 'worker-x', 'other'])
    mkdirSync(join(folder, name));
  writeFileSync(join(folder, 'worker-9'), '');
  const names = (workers: number): string[] =>
    leftSpools(folder, workers).map((one) => one.slice(folder.length + 1));
  expect(names(1)).toEqual(['worker-11', 'worker-2', 'worker-3']);
  expect(names(3)).toEqual(['worker-11']);
  expect(names(64)).toEqual([]);
  expect(leftSpools(join(folder, 'absent'), 1)).toEqual([]);
});

const own: AuditState = {
  instance: 'own',
  spoolFailing: false,
  spoolAtLimit: false,
  redisUp: true,
  spoolBytes: 1,
  lagSeconds: 2,
  redisLossy: false,
  redisRefused: false,
  shippedAgain: 3,
  events: 4,
  lost: 5,
};

test.each<[string, Partial<AuditState>, boolean, Partial<AuditState>]>([
  [
    'one that is not shipped is waiting there too',
    { spoolBytes: 1_000, lagSeconds: 90, events: 10, shippedAgain: 20, lost: 30 },
    false,
    { spoolBytes: 1_001, lagSeconds: 90, events: 14, shippedAgain: 23, lost: 35 },
  ],
  [
    'of one that is shipped and let go the counters stay',
    { spoolBytes: 0, lagSeconds: 0, events: 10, lost: 30 },
    true,
    { spoolBytes: 1, lagSeconds: 2, events: 14, shippedAgain: 6, lost: 35 },
  ],
  [
    'without Redis its bytes stay',
    { redisUp: undefined, spoolBytes: 1_000, lagSeconds: 0, shippedAgain: 0 },
    true,
    { spoolBytes: 1_001, lagSeconds: 2, events: 8, shippedAgain: 3, lost: 10 },
  ],
  [
    'how Redis and the disk are its own worker tells',
    { redisUp: false, spoolFailing: true, spoolBytes: 1, instance: 'left' },
    false,
    { redisUp: true, spoolFailing: false, instance: 'own' },
  ],
])('adopted spools are in the metrics: %s', async (_title, state, letGo, expected) => {
  mkdirSync(join(folder, 'worker-2'));
  let closed = false;
  const adopted = await adoptSpools(folder, 1, () =>
    Promise.resolve({
      state: () => ({ ...own, ...state }),
      close: () => {
        closed = true;
        return Promise.resolve();
      },
    } as unknown as AuditLog),
  );
  expect(closed).toBe(letGo);
  expect(adopted.withTheirs(own)).toMatchObject(expected);
  await adopted.close();
});
