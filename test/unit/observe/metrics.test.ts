import { describe, expect, it } from 'vitest';
import { createMetrics, type Metrics, type MetricSources } from '../../../src/observe/metrics.js';

const sources: MetricSources = {
  audit: () => ({ events: 5, spoolBytes: 1024, lagSeconds: 1.5, redisUp: true, redisLossy: false }),
  catalogAgeSeconds: () => 12,
  policyReviewsOverdue: () => 1,
  unlabelledColumns: () => 4,
};

/** SPEC 7's list, and what docs/audit.md adds: name and label names. */
const specified: readonly (readonly [string, readonly string[]])[] = [
  ['pgveil_statements_total', ['decision', 'role']],
  ['pgveil_statement_seconds', []],
  ['pgveil_enforce_seconds', ['cache']],
  ['pgveil_rows_returned_total', ['role']],
  ['pgveil_masked_columns_total', ['label']],
  ['pgveil_denied_total', ['reason']],
  ['pgveil_guard_trips_total', []],
  ['pgveil_connections', ['state']],
  ['pgveil_connections_total', []],
  ['pgveil_auth_failures_total', ['reason']],
  ['pgveil_upstream_errors_total', []],
  ['pgveil_bytes_total', ['direction']],
  ['pgveil_audit_events_total', []],
  ['pgveil_audit_dropped_total', []],
  ['pgveil_audit_spool_bytes', []],
  ['pgveil_audit_lag_seconds', []],
  ['pgveil_audit_redis_up', []],
  ['pgveil_audit_redis_lossy', []],
  ['pgveil_audit_shipped_again_total', []],
  ['pgveil_audit_subjects_unread_total', ['reason']],
  ['pgveil_audit_alerts_total', ['kind']],
  ['pgveil_policy_info', ['version']],
  ['pgveil_policy_reloads_total', ['result']],
  ['pgveil_policy_reviews_overdue', []],
  ['pgveil_catalog_age_seconds', []],
  ['pgveil_catalog_refreshes_total', ['reason']],
  ['pgveil_unlabelled_columns', []],
  ['pgveil_build_info', ['version', 'node']],
];

function recordEverything(metrics: Metrics): void {
  metrics.forRole('support').statement('rewrite', 0.002, 3);
  metrics.forRole(undefined).statement('forward', 0.001, 0);
  metrics.enforced('hit', 0.00001);
  metrics.enforced('miss', 0.001);
  metrics.maskedColumns(['contact.email', 'contact.phone']);
  metrics.denied('relation');
  metrics.guardTrip();
  metrics.connectionOpened();
  metrics.connectionState(undefined, 'startup');
  metrics.connectionState('startup', 'idle');
  metrics.authFailure('timeout');
  metrics.upstreamError();
  metrics.bytes('from_upstream', 100);
  metrics.policyLoaded('v1');
  metrics.policyLoaded('v2');
  metrics.policyReload('loaded');
  metrics.catalogRefresh('interval');
  metrics.alert('volume');
  metrics.subjectsUnread('format');
}

/** Sample lines: name → the labels seen. */
async function samples(metrics: Metrics): Promise<{ name: string; labels: string[]; line: string }[]> {
  const lines = (await metrics.registry.metrics())
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  return lines.map((line) => {
    const [, name, labels = ''] = /^(\w+)(?:\{(.*)\})? /.exec(line)!;
    return { name: name!, labels: [...labels.matchAll(/(\w+)="/g)].map((match) => match[1]!), line };
  });
}

describe('the metrics', () => {
  it.each(specified)('%s exists with labels %j', async (name, labels) => {
    const metrics = createMetrics({ version: '0.1.0' }, sources);
    recordEverything(metrics);
    const own = (await samples(metrics)).filter(
      (sample) => sample.name.replace(/_(bucket|sum|count)$/, '') === name,
    );
    expect(own.length).toBeGreaterThan(0);
    for (const sample of own) expect(sample.labels.filter((label) => label !== 'le')).toEqual(labels);
  });

  it('are no others than those specified', async () => {
    const metrics = createMetrics({ version: '0.1.0' }, sources);
    const names = (await metrics.registry.getMetricsAsJSON()).map(({ name }) => name);
    expect(new Set(names)).toEqual(new Set(specified.map(([name]) => name)));
  });

  it('say what was recorded', async () => {
    const metrics = createMetrics({ version: '0.1.0' }, sources);
    recordEverything(metrics);
    const text = await metrics.registry.metrics();
    for (const line of [
      'pgveil_statements_total{decision="rewrite",role="support"} 1',
      'pgveil_rows_returned_total{role="support"} 3',
      'pgveil_masked_columns_total{label="contact.email"} 1',
      'pgveil_connections{state="idle"} 1',
      'pgveil_connections{state="startup"} 0',
      'pgveil_audit_events_total 5',
      'pgveil_audit_redis_up 1',
      'pgveil_audit_lag_seconds 1.5',
      'pgveil_policy_info{version="v2"} 1',
    ]) {
      expect(text).toContain(line);
    }
    expect(text).not.toContain('version="v1"');
    expect(await metrics.registry.metrics()).toContain('pgveil_audit_events_total 5\n');
  });

  it('say nothing of Redis where there is none', async () => {
    const audit = () => ({ events: 0, spoolBytes: 0, lagSeconds: 0, redisUp: undefined });
    const text = await createMetrics({ version: '0' }, { audit }).registry.metrics();
    expect(text).not.toMatch(/^pgveil_audit_redis_up/m);
  });

  it('INVARIANT(metric-labels): a text passed by mistake does not become a label', async () => {
    const metrics = createMetrics({ version: '0' });
    metrics.denied("SELECT * FROM customers WHERE email = 'anna@example.com'");
    metrics.authFailure('password authentication failed for user "mallory"');
    metrics.maskedColumns(['x'.repeat(500)]);
    const text = await metrics.registry.metrics();
    expect(text).toContain('pgveil_denied_total{reason="other"} 1');
    expect(text).not.toMatch(/anna|mallory|xxxx/);
  });

  it('cost the statement path little', () => {
    const metrics = createMetrics({ version: '0' });
    const role = metrics.forRole('support');
    for (let warm = 0; warm < 20_000; warm++) role.statement('rewrite', 0.001, 1);
    const start = process.hrtime.bigint();
    for (let count = 0; count < 20_000; count++) role.statement('rewrite', 0.001, 1);
    // Measured at under 1 µs; the bound is wide because the machine is shared.
    expect(Number(process.hrtime.bigint() - start) / 20_000).toBeLessThan(50_000);
  });
});
