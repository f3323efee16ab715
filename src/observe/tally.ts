/**
 * Counters and histograms for the statement path: plain numbers that a scrape reads.
 * prom-client looks its labels up by a hash on every call, which a transaction of some twenty microseconds would feel.
 */
import type { Counter, Registry } from 'prom-client';

/** Counts between two scrapes. */
export class CounterTally {
  #pending = 0;
  readonly #counter: Counter.Internal;

  constructor(counter: Counter.Internal) {
    this.#counter = counter;
  }

  inc(count = 1): void {
    this.#pending += count;
  }

  /** Hands what was counted to prom-client; a counter that never counted shows 0. */
  flush(): void {
    this.#counter.inc(this.#pending);
    this.#pending = 0;
  }
}

/** Observations of one label value. */
export class HistogramTally {
  readonly #bounds: readonly number[];
  readonly #counts: Float64Array;
  #sum = 0;
  #count = 0;

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.#counts = new Float64Array(bounds.length);
  }

  observe(seconds: number): void {
    this.#sum += seconds;
    this.#count += 1;
    const bounds = this.#bounds;
    for (let i = 0; i < bounds.length; i += 1) {
      if (seconds <= bounds[i]!) {
        this.#counts[i]! += 1;
        return;
      }
    }
  }

  /** The samples of the Prometheus text format: cumulative buckets, sum and count. */
  samples(name: string, labels: Readonly<Record<string, string>>): readonly Sample[] {
    const samples: Sample[] = [];
    let below = 0;
    this.#bounds.forEach((le, index) => {
      below += this.#counts[index]!;
      samples.push({ metricName: `${name}_bucket`, value: below, labels: { le, ...labels } });
    });
    samples.push({ metricName: `${name}_bucket`, value: this.#count, labels: { le: '+Inf', ...labels } });
    samples.push({ metricName: `${name}_sum`, value: this.#sum, labels });
    samples.push({ metricName: `${name}_count`, value: this.#count, labels });
    return samples;
  }
}

interface Sample {
  readonly metricName: string;
  readonly value: number;
  readonly labels: Readonly<Record<string, string | number>>;
}

/** Shows tallies as one histogram; `label` names what tells them apart, if anything does. */
export function registerHistogram(
  registry: Registry,
  name: string,
  help: string,
  label: string | undefined,
  tallies: ReadonlyMap<string, HistogramTally>,
): void {
  const metric = {
    name,
    help,
    type: 'histogram',
    aggregator: 'sum',
    get: () =>
      Promise.resolve({
        name,
        help,
        type: 'histogram',
        aggregator: 'sum',
        values: [...tallies].flatMap(([value, tally]) =>
          tally.samples(name, label === undefined ? {} : { [label]: value }),
        ),
      }),
    reset: () => undefined,
  };
  // The registry asks nothing of a metric but these members (prom-client 15, lib/registry.js).
  registry.registerMetric(metric as unknown as Parameters<Registry['registerMetric']>[0]);
}
