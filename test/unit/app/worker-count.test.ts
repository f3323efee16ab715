import { availableParallelism } from 'node:os';
import { expect, test } from 'vitest';
import { processorQuota, workerCount } from '../../../src/app/workers/worker-count.js';

test.each([
  ['max 100000\n', undefined],
  ['200000 100000\n', 2],
  ['150000 100000\n', 2],
  ['50000 100000\n', 1],
  ['', undefined],
  [undefined, undefined],
  ['0 0', undefined],
])('the quota of cpu.max %j is %s processors', (text, processors) => {
  expect(processorQuota(text)).toBe(processors);
});

test('auto is at least one and no more than the processors; a number is itself', () => {
  expect(workerCount('auto')).toBeGreaterThanOrEqual(1);
  expect(workerCount('auto')).toBeLessThanOrEqual(availableParallelism());
  expect(workerCount(1)).toBe(1);
  expect(workerCount(7)).toBe(7);
});
