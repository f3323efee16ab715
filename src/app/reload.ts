/**
 * A reload in two steps: everything is loaded and tried first, then all of it is put in force, or nothing is
 * (INVARIANT(last-good)). Several workers take the second step together.
 */
import type { CatalogSource } from '../catalog/source.js';
import { loadPolicies, type LoadedPolicySet } from '../policy/load.js';
import type { PolicyProblem } from '../policy/types.js';
import type { PolicyKeeper } from './policy-keeper.js';
import { tellKept, tellLoaded, type PolicyNews } from './policy-loading.js';

export interface PreparedReload {
  /** None: it can be put in force. */
  readonly problems: readonly PolicyProblem[];
  readonly warnings: number;
  /** Of the policies that would be in force. */
  readonly version: string;
  /** Call one of the two, once. */
  commit(): void;
  /** Tells everybody why nothing has changed. */
  keep(problems: readonly PolicyProblem[]): void;
}

export interface PolicyParts {
  readonly catalogs: Pick<CatalogSource, 'databases' | 'refreshNow'>;
  readonly keeper: PolicyKeeper<LoadedPolicySet>;
  readonly news: PolicyNews;
}

/** Loads the policies of a folder anew. */
export async function policyReload(
  folder: string,
  { catalogs, keeper, news }: PolicyParts,
): Promise<PreparedReload> {
  // The change may name a table that was made a moment ago; what cannot be read again is bound as it was known.
  await Promise.allSettled(catalogs.databases().map((database) => catalogs.refreshNow(database)));
  const again = loadPolicies(folder);
  const keep = (problems: readonly PolicyProblem[]): void => {
    news.metrics.policyReload('kept-last-good');
    tellKept(news, keeper.policies, problems);
  };
  if (!again.ok)
    return { problems: again.problems, warnings: 0, version: '', commit: () => keep(again.problems), keep };
  return {
    problems: keeper.vetoes(again.set),
    warnings: again.warnings.length,
    version: again.set.version,
    commit() {
      keeper.put(again.set);
      news.metrics.policyReload('loaded');
      tellLoaded(news, keeper.policies, again.warnings);
    },
    keep,
  };
}

/** One after the other, so that the last one asked for is the last one in force. */
export function inTurn<Args extends readonly unknown[], T>(
  work: (...args: Args) => Promise<T>,
  failed: (error: unknown) => void,
): (...args: Args) => Promise<T> {
  let before: Promise<unknown> = Promise.resolve();
  return (...args) => {
    const next = before.then(() => work(...args));
    before = next.catch(failed);
    return next;
  };
}

/**
 * Work in its turn, of which no more than one waits: whoever asks meanwhile gets the answer of that one, which has read
 * nothing yet. So a storm of signals costs one reload behind the one that runs, and keeps nobody waiting for its turn.
 */
export function oneWaiting<T>(
  queue: (work: () => Promise<T>) => Promise<T>,
  work: () => Promise<T>,
): () => Promise<T> {
  let waiting: Promise<T> | undefined;
  return () =>
    (waiting ??= queue(() => {
      waiting = undefined;
      return work();
    }));
}
