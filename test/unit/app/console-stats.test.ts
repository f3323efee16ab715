/** SHOW STATS and SHOW TOTALS say what /metrics says. */
import { expect, it } from 'vitest';
import { consoleStats } from '../../../src/app/console-stats.js';
import { createMetrics } from '../../../src/observe/metrics.js';

it('counts statements and rows by role, and shows the other samples as they are', async () => {
  const metrics = createMetrics({ version: '1' }, {});
  metrics.forRole('support').statement('rewrite', 0.1, 5);
  metrics.forRole('support').statement('deny', 0.1, 0);
  metrics.forRole(undefined).statement('forward', 0.1, 2);
  metrics.bytes('from_client', 77);
  metrics.denied('relation');
  metrics.enforced('hit', 0.1);
  metrics.enforced('hit', 0.1);
  metrics.enforced('hit', 0.1);
  metrics.enforced('miss', 0.1);
  const { roles, totals } = consoleStats(await metrics.registry.getMetricsAsJSON());
  expect(roles).toEqual([
    { role: '', forwarded: 1, rewritten: 0, denied: 0, observed: 0, rows: 2 },
    { role: 'support', forwarded: 0, rewritten: 1, denied: 1, observed: 0, rows: 5 },
  ]);
  const total = (name: string, labels = ''): number | undefined =>
    totals.find((one) => one.name === name && one.labels === labels)?.value;
  expect(total('bytes_total', 'direction=from_client')).toBe(77);
  expect(total('denied_total', 'reason=relation')).toBe(1);
  expect(total('statement_seconds_count')).toBe(3);
  expect(total('cache_hit_ratio')).toBe(0.75);
  expect(totals.some(({ labels }) => /^le=|,le=/.test(labels))).toBe(false);
});
