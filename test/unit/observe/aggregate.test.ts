import { expect, test } from 'vitest';
import { WorkerMetrics } from '../../../src/observe/aggregate.js';
import { createMetrics } from '../../../src/observe/metrics.js';

const worker = (lagSeconds: number, redisUp: boolean): ReturnType<typeof createMetrics> =>
  createMetrics(
    { version: '1' },
    {
      audit: () => ({ events: 3, spoolBytes: 10, lagSeconds, redisUp }),
      catalogAgeSeconds: () => lagSeconds,
    },
  );

async function collect(
  all: WorkerMetrics,
  ...workers: ReturnType<typeof createMetrics>[]
): Promise<string[]> {
  for (const [index, one] of workers.entries()) all.seen(index + 1, await one.registry.getMetricsAsJSON());
  return (await all.text()).split('\n');
}

test('workers are one proxy: counts add up, ages are the worst, the policy is one', async () => {
  const [a, b] = [worker(1, true), worker(7, false)];
  for (const one of [a, b]) {
    one.connectionState(undefined, 'active');
    one.connectionOpened();
    one.policyLoaded('v1');
    one.policyReload('loaded');
    one.forRole('support').statement('rewrite', 0.003, 5);
    one.enforced('hit', 0.00001);
  }
  const lines = await collect(new WorkerMetrics(), a, b);
  for (const line of [
    'pgveil_connections{state="active"} 2',
    'pgveil_connections_total 2',
    'pgveil_statements_total{decision="rewrite",role="support"} 2',
    'pgveil_rows_returned_total{role="support"} 10',
    'pgveil_statement_seconds_bucket{le="0.0025"} 0',
    'pgveil_statement_seconds_bucket{le="0.005"} 2',
    'pgveil_statement_seconds_bucket{le="+Inf"} 2',
    'pgveil_statement_seconds_count 2',
    'pgveil_enforce_seconds_count{cache="hit"} 2',
    'pgveil_audit_events_total 6',
    'pgveil_audit_spool_bytes 20',
    'pgveil_audit_lag_seconds 7',
    'pgveil_audit_redis_up 0',
    'pgveil_catalog_age_seconds 7',
    'pgveil_policy_info{version="v1"} 1',
    'pgveil_policy_reloads_total{result="loaded"} 1',
  ])
    expect(lines).toContain(line);
  expect(lines.filter((line) => line.startsWith('pgveil_build_info{'))).toHaveLength(1);
});

test('no total falls back when a worker ends, and its connections are gone', async () => {
  const all = new WorkerMetrics();
  const [a, b] = [worker(0, true), worker(0, true)];
  for (const one of [a, b]) {
    one.connectionState(undefined, 'active');
    one.connectionOpened();
    one.forRole('support').statement('rewrite', 0.003, 5);
  }
  await collect(all, a, b);
  all.gone(2);
  const again = worker(0, true);
  again.connectionOpened();
  const lines = await collect(all, a, again);
  expect(lines).toContain('pgveil_connections_total 3');
  expect(lines).toContain('pgveil_statements_total{decision="rewrite",role="support"} 2');
  expect(lines).toContain('pgveil_statement_seconds_count 2');
  expect(lines).toContain('pgveil_connections{state="active"} 1');
  expect(lines).toContain('pgveil_worker_restarts_total 1');
});

test('no total falls back, at no moment, when all workers end at once', async () => {
  const all = new WorkerMetrics();
  const workers = [worker(0, true), worker(0, true), worker(0, true)];
  for (const one of workers) one.connectionOpened();
  await collect(all, ...workers);
  const scrape = async (): Promise<string> =>
    (await all.text()).split('\n').find((line) => line.startsWith('pgveil_connections_total'))!;
  const seen = [scrape()];
  for (const number of [1, 2, 3]) {
    all.gone(number);
    seen.push(scrape());
  }
  seen.push(scrape());
  expect(await Promise.all(seen)).toEqual(seen.map(() => 'pgveil_connections_total 3'));
  expect(await all.snapshot()).toContainEqual(
    expect.objectContaining({
      name: 'pgveil_connections_total',
      values: [expect.objectContaining({ value: 3 })],
    }),
  );
});
