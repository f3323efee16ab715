/**
 * What the commands that work without a proxy share: policies, the catalog, the proxy's own planner.
 * It opens and closes; the commands decide what to do with it.
 */
import type pg from 'pg';
import { createBinder, type Binder } from '../app/binder.js';
import { databaseUrls } from '../catalog/database-url.js';
import { loadCatalog, loadCatalogInTransaction } from '../catalog/load.js';
import type { Catalog } from '../catalog/types.js';
import type { Config } from '../config/schema.js';
import { createPlanner } from '../enforce/planner.js';
import type { EnforceContext, Planner } from '../enforce/types.js';
import { loadPolicies, type LoadedPolicySet } from '../policy/load.js';
import type { BoundPolicy, PolicyProblem } from '../policy/types.js';
import { defaultSqlLimits } from '../sql/limits.js';
import { openParser } from '../sql/parse.js';
import { connectDatabase, queryText } from './database.js';
import { ProblemsFailure } from './exit.js';
import type { TestBench } from './policy-test/run.js';

export interface Workshop {
  readonly config: Config;
  readonly set: LoadedPolicySet;
  readonly warnings: readonly PolicyProblem[];
  readonly planner: Planner;
  readonly bind: Binder;
  /** A connection of its own to the database of catalog.url, or to another one on that server. */
  connect(database?: string): Promise<pg.Client>;
  catalog(database?: string): Promise<{ readonly catalog: Catalog; readonly searchPath: readonly string[] }>;
  /** Catalog and policy that fit each other; fails with the problems when they do not. */
  bound(
    database?: string,
  ): Promise<{ readonly context: EnforceContext; readonly searchPath: readonly string[] }>;
  testBench(): Promise<TestBench>;
  close(): Promise<void>;
}

/** Fails with the problems when the policies cannot be used. */
export async function openWorkshop(config: Config): Promise<Workshop> {
  const loaded = loadPolicies(config.policies);
  if (!loaded.ok) throw new ProblemsFailure(loaded.problems);
  const { set, warnings } = loaded;
  const parser = await openParser();
  const limits = { ...defaultSqlLimits, statementBytes: config.limits.statement_bytes };
  const bind = createBinder(parser, limits);
  const planner = createPlanner({ parser, limits });
  const clients: pg.Client[] = [];

  const connect = async (database?: string): Promise<pg.Client> => {
    const url = database === undefined ? config.catalog.url : databaseUrls(config.catalog.url)(database);
    const client = await connectDatabase({ url, what: 'catalog.url', applicationName: 'pgveil' });
    clients.push(client);
    return client;
  };
  const boundOrFail = (catalog: Catalog): BoundPolicy => {
    const outcome = bind(set, catalog);
    if (!outcome.ok) throw new ProblemsFailure(outcome.problems);
    return outcome.policy;
  };
  const catalogOf: Workshop['catalog'] = async (database) => {
    const client = await connect(database);
    return { catalog: await loadCatalog(client), searchPath: await searchPathOf(client) };
  };
  return {
    config,
    set,
    warnings,
    planner,
    bind,
    connect,
    catalog: catalogOf,
    async bound(database) {
      const { catalog, searchPath } = await catalogOf(database);
      return { context: { catalog, policy: boundOrFail(catalog) }, searchPath };
    },
    async testBench() {
      const client = await connect();
      return { client, planner, loadCatalog: () => loadCatalogInTransaction(client), bind: boundOrFail };
    },
    async close() {
      await Promise.allSettled(clients.map((client) => client.end()));
      await parser.close();
    },
  };
}

/** The schemas that names are looked up in, as a session of this database starts out. */
async function searchPathOf(client: pg.Client): Promise<string[]> {
  const answer = await queryText(client, 'SELECT pg_catalog.unnest(pg_catalog.current_schemas(false))');
  return answer.rows.map((row) => row[0] ?? '');
}
