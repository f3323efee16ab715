/**
 * One database's snapshot and its loads: one at a time, the last good one kept when a load fails.
 * It knows nothing of other databases and of what a snapshot is used for.
 */
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { loadCatalog } from './load.js';
import type { Catalog } from './types.js';

export type RefreshReason = 'first' | 'interval' | 'ddl' | 'unknown-name' | 'retry';

export interface RefreshReport {
  readonly database: string;
  readonly reason: RefreshReason;
  readonly result: 'changed' | 'unchanged' | 'failed';
  readonly seconds: number;
  /** Set when the load failed. */
  readonly error: Error | undefined;
  /** The server says that there is no such database (3D000). */
  readonly databaseIsGone: boolean;
}

export interface DatabaseCatalogOptions {
  readonly database: string;
  readonly url: string;
  readonly onChange: (catalog: Catalog) => void;
  readonly onRefresh: (report: RefreshReport) => void;
}

/** The least time between the beginnings of two loads: a client that names unknown tables must not keep the server busy. */
const leastGapMs = 200;
const firstRetryMs = 1_000;
const longestRetryMs = 30_000;

/** The snapshot of one database, and the loads that keep it right. */
export class DatabaseCatalog {
  readonly #options: DatabaseCatalogOptions;
  readonly #stopping = new AbortController();
  #current: Catalog | undefined;
  #confirmedAt = -Infinity;
  #begunAt = -Infinity;
  #failures = 0;
  #loads = 0;
  #running: Promise<Catalog> | undefined;
  #waiting: { readonly load: Promise<Catalog>; begun: boolean } | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: DatabaseCatalogOptions) {
    this.#options = options;
  }

  get current(): Catalog | undefined {
    return this.#current;
  }

  get ageMs(): number {
    return performance.now() - this.#confirmedAt;
  }

  /** A load is under way, or waits for its turn. */
  get loading(): boolean {
    return this.#loads > 0;
  }

  /** Resolves to a snapshot whose load began after this call. */
  refresh(reason: RefreshReason): Promise<Catalog> {
    // A load that waits for its turn has not looked yet, so it serves this caller too; one that runs may have looked too early.
    if (this.#waiting?.begun === false) return this.#waiting.load;
    const before = this.#running;
    this.#loads += 1;
    const load = this.#afterwards(before, reason, () => (entry.begun = true)).finally(
      () => (this.#loads -= 1),
    );
    const entry = { begun: false, load };
    this.#waiting = entry;
    this.#running = entry.load;
    return entry.load;
  }

  /** Loads after a delay; calls in between join in, and put it off no further. */
  refreshSoon(reason: RefreshReason, delayMs: number): void {
    if (this.#timer !== undefined || this.#stopping.signal.aborted) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      // The report has told the failure; there is nobody here to tell it again.
      this.refresh(reason).catch(() => undefined);
    }, delayMs);
    this.#timer.unref();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    clearTimeout(this.#timer);
    await this.#running?.catch(() => undefined);
  }

  async #afterwards(
    before: Promise<Catalog> | undefined,
    reason: RefreshReason,
    begin: () => void,
  ): Promise<Catalog> {
    await before?.catch(() => undefined);
    const gap = this.#begunAt + leastGapMs - performance.now();
    if (gap > 0) await sleep(gap, undefined, { signal: this.#stopping.signal });
    this.#stopping.signal.throwIfAborted();
    begin();
    this.#begunAt = performance.now();
    return this.#load(reason, this.#begunAt);
  }

  async #load(reason: RefreshReason, begunAt: number): Promise<Catalog> {
    const { database, onChange, onRefresh } = this.#options;
    const report = (result: RefreshReport['result'], error?: Error): void => {
      const databaseIsGone = error !== undefined && 'code' in error && error.code === '3D000';
      const seconds = (performance.now() - begunAt) / 1_000;
      onRefresh({ database, reason, result, seconds, error, databaseIsGone });
    };
    let loaded: Catalog;
    try {
      loaded = await this.#read();
    } catch (cause) {
      const error = cause instanceof Error ? cause : new Error(String(cause));
      // Without a snapshot nobody waits for this database but those who ask, and they ask again.
      if (this.#current !== undefined) {
        this.refreshSoon('retry', Math.min(firstRetryMs * 2 ** this.#failures, longestRetryMs));
      }
      this.#failures += 1;
      report('failed', error);
      throw error;
    }
    this.#failures = 0;
    this.#confirmedAt = begunAt;
    if (this.#current?.version === loaded.version) {
      // The object stays the same, so that what is cached for it stays valid.
      report('unchanged');
      return this.#current;
    }
    this.#current = loaded;
    report('changed');
    onChange(loaded);
    return loaded;
  }

  /**
   * A connection for each load: it cannot go stale, survives a restart of the server,
   * and does not stand in the way of DROP DATABASE.
   */
  async #read(): Promise<Catalog> {
    const client = new pg.Client({
      connectionString: this.#options.url,
      fallback_application_name: 'pgveil catalog',
      connectionTimeoutMillis: 10_000,
      query_timeout: 30_000,
    });
    // A connection that breaks between two queries emits 'error', which would end the process if nobody listened;
    // the next query fails then, and that is the error that counts.
    client.on('error', () => undefined);
    try {
      await client.connect();
      return await loadCatalog(client);
    } finally {
      await client.end().catch(() => undefined);
    }
  }
}
