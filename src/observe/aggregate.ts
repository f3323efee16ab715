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
  #departed: Snapshot = [];

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
  async gone(worker: number): Promise<void> {
    const last = this.#seen.get(worker);
    this.#restarts.inc();
    if (last === undefined) return;
    this.#seen.delete(worker);
    const totals = last.filter(({ type }) => ['counter', 'histogram'].includes(String(type)));
    this.#departed = await summed([this.#departed, totals]).getMetricsAsJSON();
  }

  set ready(workers: number) {
    this.#ready.set(workers);
  }

  /** Of all workers together. */
  async snapshot(): Promise<Snapshot> {
    const own = await this.#own.getMetricsAsJSON();
    return summed([...this.#seen.values(), this.#departed, own]).getMetricsAsJSON();
  }

  /** As /metrics shows it. */
  async text(): Promise<string> {
    const own = await this.#own.getMetricsAsJSON();
    return summed([...this.#seen.values(), this.#departed, own]).metrics();
  }
}

function summed(snapshots: readonly Snapshot[]): Registry {
  return AggregatorRegistry.aggregate(snapshots as unknown as object[]);
}
