/**
 * Keeps, for each database, the catalog and the policy bound to it that are in force, and swaps them whole.
 * It knows neither files nor sockets: app.ts gives it how to load, how to bind and whom to tell.
 *
 * INVARIANT(last-good): a policy set that does not fit never replaces one that is in force.
 */
import type { CatalogSource } from '../catalog/source.js';
import type { Catalog } from '../catalog/types.js';
import type { EnforceContext } from '../enforce/types.js';
import type { BoundPolicy, PolicyProblem, PolicySet } from '../policy/types.js';

export type Bound =
  | { readonly ok: true; readonly policy: BoundPolicy; readonly problems: readonly PolicyProblem[] }
  | { readonly ok: false; readonly problems: readonly PolicyProblem[] };

export interface PolicyKeeperOptions<Policies extends PolicySet> {
  readonly initial: Policies;
  readonly bind: (policies: Policies, catalog: Catalog) => Bound;
  readonly catalogs: Pick<CatalogSource, 'current' | 'open' | 'isStale' | 'databases'>;
  /** The database of catalog.url: a set that does not fit it is never taken. */
  readonly home: string;
  /** A database's policy was bound, or could not be. */
  readonly onBound: (database: string, bound: Bound) => void;
  /** A catalog could not be read for a session that needs it. */
  readonly onUnreadable: (database: string, error: unknown) => void;
}

export class PolicyKeeper<Policies extends PolicySet> {
  readonly #options: PolicyKeeperOptions<Policies>;
  readonly #contexts = new Map<string, EnforceContext>();
  readonly #unbound = new Map<string, readonly PolicyProblem[]>();
  #policies: Policies;

  constructor(options: PolicyKeeperOptions<Policies>) {
    this.#options = options;
    this.#policies = options.initial;
  }

  get policies(): Policies {
    return this.#policies;
  }

  /** Databases whose governed statements are decided. */
  get bound(): readonly string[] {
    return [...this.#contexts.keys()];
  }

  /** Databases whose catalog does not fit the policy, with what is wrong. */
  get unbound(): ReadonlyMap<string, readonly PolicyProblem[]> {
    return this.#unbound;
  }

  /** See Ports.contextFor. FAIL-CLOSED: without a fresh catalog and a policy that fits it there is no context. */
  contextFor(database: string): EnforceContext | undefined | Promise<EnforceContext | undefined> {
    const { catalogs, onUnreadable } = this.#options;
    if (catalogs.current(database) === undefined) {
      this.#contexts.delete(database);
      return catalogs.open(database).then(
        () => this.#contexts.get(database),
        (error: unknown) => {
          onUnreadable(database, error);
          return undefined;
        },
      );
    }
    return catalogs.isStale(database) ? undefined : this.#contexts.get(database);
  }

  /** A database's structure is known for the first time, or has changed. */
  catalogChanged(database: string, catalog: Catalog): void {
    this.#put(database, catalog, this.#options.bind(this.#policies, catalog));
  }

  /**
   * The problems for which another set cannot be put in force; none: it can.
   * A database that the set in force does not fit either (somebody connected to `postgres`) cannot veto.
   */
  vetoes(policies: Policies): readonly PolicyProblem[] {
    const { home } = this.#options;
    return this.#tried(policies)
      .filter(({ database, bound }) => !bound.ok && (database === home || this.#contexts.has(database)))
      .flatMap(({ bound }) => bound.problems);
  }

  /** Puts another set in force everywhere at once, after nothing stood against it. */
  put(policies: Policies): void {
    this.#policies = policies;
    for (const { database, catalog, bound } of this.#tried(policies)) this.#put(database, catalog, bound);
  }

  /** Puts another set in force, or gives the problems for which it was not. */
  replace(policies: Policies): readonly PolicyProblem[] {
    const vetoes = this.vetoes(policies);
    if (vetoes.length === 0) this.put(policies);
    return vetoes;
  }

  #tried(policies: Policies): { database: string; catalog: Catalog; bound: Bound }[] {
    const { bind, catalogs } = this.#options;
    return catalogs.databases().flatMap((database) => {
      const catalog = catalogs.current(database);
      return catalog === undefined ? [] : [{ database, catalog, bound: bind(policies, catalog) }];
    });
  }

  #put(database: string, catalog: Catalog, bound: Bound): void {
    if (bound.ok) {
      this.#contexts.set(database, { catalog, policy: bound.policy });
      this.#unbound.delete(database);
    } else {
      // FAIL-CLOSED: the old policy was bound to tables that are not there any more; it decides nothing about the new ones.
      this.#contexts.delete(database);
      this.#unbound.set(database, bound.problems);
    }
    this.#options.onBound(database, bound);
  }
}
