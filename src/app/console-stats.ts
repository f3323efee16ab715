/** SHOW STATS and SHOW TOTALS out of the samples behind /metrics, so that both always tell the same. */
import type { ConsoleStats, RoleStats, TotalFact } from '../session/console/source.js';

/** As prom-client's getMetricsAsJSON gives it, of one process or added up over several. */
export interface MetricSamples {
  readonly name: string;
  readonly type: unknown;
  readonly values: readonly {
    readonly value: number;
    readonly labels: Readonly<Partial<Record<string, string | number>>>;
    readonly metricName?: string | undefined;
  }[];
}

const PREFIX = 'pgveil_';
/** The members of RoleStats, by the label `decision`. */
const DECISIONS = {
  forward: 'forwarded',
  rewrite: 'rewritten',
  deny: 'denied',
  observe: 'observed',
} as const;

type Counts = { -readonly [Key in keyof RoleStats]: RoleStats[Key] };

export function consoleStats(metrics: readonly MetricSamples[]): ConsoleStats {
  return { roles: roleStats(metrics), totals: [...totals(metrics), ...cacheHitRatio(metrics)] };
}

function roleStats(metrics: readonly MetricSamples[]): readonly RoleStats[] {
  const roles = new Map<string, Counts>();
  const of = (role: string): Counts => {
    const known = roles.get(role) ?? { role, forwarded: 0, rewritten: 0, denied: 0, observed: 0, rows: 0 };
    roles.set(role, known);
    return known;
  };
  for (const { value, labels } of samplesOf(metrics, 'statements_total')) {
    const decision = String(labels['decision']);
    if (isDecision(decision)) of(String(labels['role']))[DECISIONS[decision]] += value;
  }
  for (const { value, labels } of samplesOf(metrics, 'rows_returned_total'))
    of(String(labels['role'])).rows += value;
  return [...roles.values()].sort((a, b) => (a.role < b.role ? -1 : 1));
}

function totals(metrics: readonly MetricSamples[]): readonly TotalFact[] {
  return metrics.flatMap((metric) => {
    if (!metric.name.startsWith(PREFIX)) return [];
    // The buckets of a histogram are for those who draw.
    const values = metric.values.filter(({ metricName }) => metricName?.endsWith('_bucket') !== true);
    return values.map(({ value, labels, metricName = metric.name }) => ({
      name: metricName.slice(PREFIX.length),
      labels: Object.entries(labels)
        .map(([label, text]) => `${label}=${text}`)
        .join(','),
      value,
    }));
  });
}

/** How many of the statements were decided by a plan that was there already. */
function cacheHitRatio(metrics: readonly MetricSamples[]): readonly TotalFact[] {
  let hits = 0;
  let all = 0;
  for (const { value, labels, metricName } of samplesOf(metrics, 'enforce_seconds')) {
    if (metricName !== `${PREFIX}enforce_seconds_count`) continue;
    all += value;
    if (labels['cache'] === 'hit') hits += value;
  }
  return all === 0 ? [] : [{ name: 'cache_hit_ratio', labels: '', value: hits / all }];
}

function samplesOf(metrics: readonly MetricSamples[], name: string): MetricSamples['values'] {
  return metrics.find((metric) => metric.name === PREFIX + name)?.values ?? [];
}

function isDecision(text: string): text is keyof typeof DECISIONS {
  return Object.hasOwn(DECISIONS, text);
}
