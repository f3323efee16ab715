import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { leftSpools, spoolOf } from '../../../src/app/spools.js';

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
