import { expect, test } from 'vitest';
import { inTurn, oneWaiting } from '../../../src/app/reload.js';

test('a storm of reloads costs one behind the one that runs, and that one has begun after the last question', async () => {
  const failures: unknown[] = [];
  const queue = inTurn(
    (work: () => Promise<number>) => work(),
    (error) => failures.push(error),
  );
  let files = 0;
  let begun = 0;
  const reload = oneWaiting(queue, async () => {
    begun++;
    const read = files;
    await new Promise((resolve) => setTimeout(resolve, 5));
    if (read === 2) throw new Error('broken');
    return read;
  });
  const running = reload();
  await Promise.resolve();
  await Promise.resolve();
  const storm = [];
  for (files = 1; files < 100; files++) storm.push(reload());
  const last = await Promise.all(storm);
  expect([await running, new Set(last)]).toEqual([0, new Set([100])]);
  expect(begun).toBe(2);
  files = 2;
  await expect(reload()).rejects.toThrow('broken');
  files = 3;
  expect(await reload()).toBe(3);
  expect(failures).toHaveLength(1);
});
