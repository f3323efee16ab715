/**
 * Keeps the newest snapshot of every database that sessions use, and decides when to load again.
 * It knows neither statements nor sessions: they tell it what they saw.
 */
import { databaseUrls } from './database-url.js';
import { DatabaseCatalog, type RefreshReport } from './database-catalog.js';
import type { Catalog } from './types.js';

export interface CatalogSourceOptions {
  /** A postgres:// URL; its database name is replaced by each client's. */
  readonly url: string;
  /** The interval between loads. */
  readonly refreshMs: number;
  /** The age from which a snapshot is not to be trusted. */
  readonly staleAfterMs: number;
  /** Called when a database's structure is known for the first time, and whenever it has changed. */
  readonly onChange?: (database: string, catalog: Catalog) => void;
  /** Called after every load, for metrics and logs. */
  readonly onRefresh?: (report: RefreshReport) => void;
}

/** The catalogs of all databases behind one server. */
export class CatalogSource {
  readonly #options: CatalogSourceOptions;
  readonly #urlOf: (database: string) => string;
  readonly #databases = new Map<string, DatabaseCatalog>();
  readonly #interval: NodeJS.Timeout;

  constructor(options: CatalogSourceOptions) {
    this.#options = options;
    this.#urlOf = databaseUrls(options.url);
    this.#interval = setInterval(() => {
      for (const [name, one] of this.#databases) this.#keep(name, one);
    }, options.refreshMs);
    this.#interval.unref();
  }

  /** The newest snapshot; undefined when the database was never loaded (see open) or does not exist any more. */
  current(database: string): Catalog | undefined {
    return this.#databases.get(database)?.current;
  }

  /** The snapshot, loaded first if this is the first session of the database. Rejects when it cannot be loaded. */
  async open(database: string): Promise<Catalog> {
    const one = this.#database(database);
    return one.current ?? (await one.refresh('first'));
  }

  /**
   * Loads again and resolves to what is there now, e.g. before a relation that the snapshot lacks is refused.
   * Callers that come at the same time share a load, but never one that had begun before they came.
   */
  refreshNow(database: string): Promise<Catalog> {
    return this.#database(database).refresh('unknown-name');
  }

  /**
   * Says that a statement may have changed the structure. Several in quick succession cost one load.
   * Inside a transaction the change shows at its end only, so say it then.
   */
  noteDdl(database: string): void {
    this.#databases.get(database)?.refreshSoon('ddl', 50);
  }

  /** Milliseconds since the snapshot was known to be right; infinite without one. */
  ageMs(database: string): number {
    return this.#databases.get(database)?.ageMs ?? Infinity;
  }

  /** FAIL-CLOSED: no snapshot, or one that could not be confirmed for too long, decides about nobody's data. */
  isStale(database: string): boolean {
    return this.ageMs(database) > this.#options.staleAfterMs;
  }

  /** The databases that are kept up to date. */
  databases(): readonly string[] {
    return [...this.#databases.keys()];
  }

  /** Ends all loads and timers. */
  async stop(): Promise<void> {
    clearInterval(this.#interval);
    const all = [...this.#databases.values()];
    this.#databases.clear();
    await Promise.all(all.map((one) => one.stop()));
  }

  #database(name: string): DatabaseCatalog {
    const known = this.#databases.get(name);
    if (known !== undefined) return known;
    const { onChange, onRefresh } = this.#options;
    const made: DatabaseCatalog = new DatabaseCatalog({
      database: name,
      url: this.#urlOf(name),
      onChange: (catalog) => onChange?.(name, catalog),
      onRefresh: (report) => {
        if (report.databaseIsGone) this.#forget(name, made);
        onRefresh?.(report);
      },
    });
    this.#databases.set(name, made);
    return made;
  }

  /** A database that could not be read is remembered no longer than its next load has to wait: whoever needs it asks again. */
  #keep(name: string, one: DatabaseCatalog): void {
    if (one.current !== undefined) one.refreshSoon('interval', 0);
    else if (!one.loading) this.#forget(name, one);
  }

  #forget(name: string, gone: DatabaseCatalog): void {
    if (this.#databases.get(name) === gone) this.#databases.delete(name);
    void gone.stop();
  }
}
