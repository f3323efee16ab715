/**
 * The metrics of several workers as those of one proxy. Counters and histograms add up, and what a worker that has gone
 * had counted stays in the sum: a total that falls back would look like a restart, and its next rise like a surge.
 */
import { AggregatorRegistry, Counter, Gauge, Registry } from 'prom-client';

/** One metric as prom-client's getMetricsAsJSON gives it. */
export type MetricSnapshot = Awaited<ReturnType<Registry['getMetricsAsJSON']>>[number];
type Snapshot = readonly MetricSnapshot[];

export class WorkerMetrics {
  readonly contentType = Registry.PROMETHEUS_CONTENT_TYPE;
  readonly #own = new Registry();
  readonly #ready: Gauge;
  readonly #restarts: Counter;
  /** What the world has seen last of each worker. */
  readonly #seen = new Map<number, Snapshot>();
  /** What those had counted who have gone. A promise, so that it is another one from the moment that one has gone. */
  #departed: Promise<Snapshot> = Promise.resolve([]);

  constructor() {
    const registers = [this.#own];
    this.#ready = new Gauge({ name: 'pgveil_workers', help: 'Workers that accept connections', registers });
    this.#restarts = new Counter({
      name: 'pgveil_worker_restarts_total',
      help: 'Workers that ended unasked and were started again',
      registers,
    });
  }

  /** A worker has answered. */
  seen(worker: number, snapshot: Snapshot): void {
    this.#seen.set(worker, snapshot);
  }

  /** A worker has ended: its totals stay, its present state goes. */
  gone(worker: number): void {
    const last = this.#seen.get(worker);
    this.#restarts.inc();
    if (last === undefined) return;
    this.#seen.delete(worker);
    const totals = last.filter(({ type }) => ['counter', 'histogram'].includes(String(type)));
    this.#departed = this.#departed.then((before) => summed([before, totals]).getMetricsAsJSON());
  }

  set ready(workers: number) {
    this.#ready.set(workers);
  }

  /** Of all workers together. */
  async snapshot(): Promise<Snapshot> {
    return (await this.#all()).getMetricsAsJSON();
  }

  /** As /metrics shows it. */
  async text(): Promise<string> {
    return (await this.#all()).metrics();
  }

  async #all(): Promise<Registry> {
    // Both at the same moment: who ends meanwhile is in one of the two, and in no other.
    const [seen, gone] = [[...this.#seen.values()], this.#departed];
    const [departed, own] = await Promise.all([gone, this.#own.getMetricsAsJSON()]);
    return summed([...seen, departed, own]);
  }
}

function summed(snapshots: readonly Snapshot[]): Registry {
  return AggregatorRegistry.aggregate(snapshots as unknown as object[]);
}
