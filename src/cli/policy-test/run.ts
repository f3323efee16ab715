/**
 * Runs policy tests: fixture, catalog, policy and the enforced SQL all on one connection, in a transaction that is rolled
 * back, so that nothing of a test outlives it. The plan comes from the proxy's own planner.
 */
import type pg from 'pg';
import type { Catalog } from '../../catalog/types.js';
import type { EnforceContext, Planner, QueryPlan, SessionFacts } from '../../enforce/types.js';
import type { BoundPolicy } from '../../policy/types.js';
import { queryText, serverErrorOf, type QueryAnswer } from '../database.js';
import { reasonOf } from '../exit.js';
import { utf8 } from '../explain/explanation.js';
import type { CaseResult } from '../output/junit.js';
import { findings, type Actual } from './compare.js';
import { fixturePath, loadFixture } from './fixture.js';
import type { LocatedTest } from './load.js';

export interface TestBench {
  readonly client: pg.Client;
  readonly planner: Planner;
  /** Reads the catalog over the client, inside its transaction. */
  loadCatalog(): Promise<Catalog>;
  /** Throws a CommandFailure that names the problems when the policy does not fit the catalog. */
  bind(catalog: Catalog): BoundPolicy;
}

/** Tests with the same fixture share one transaction; each runs in a savepoint of its own. */
export async function runTests(
  tests: readonly LocatedTest[],
  bench: TestBench,
  report: (result: CaseResult) => void,
): Promise<CaseResult[]> {
  const groups = new Map<string | undefined, LocatedTest[]>();
  for (const test of tests) {
    const fixture = test.fixture === undefined ? undefined : fixturePath(test.fixture, test.file);
    const group = groups.get(fixture);
    if (group === undefined) groups.set(fixture, [test]);
    else group.push(test);
  }
  const results: CaseResult[] = [];
  for (const [fixture, group] of groups) {
    await bench.client.query('BEGIN');
    try {
      if (fixture !== undefined) await loadFixture(bench.client, fixture);
      const catalog = await bench.loadCatalog();
      const context = { catalog, policy: bench.bind(catalog) };
      const searchPath = await searchPathOf(bench.client);
      for (const test of group) {
        const result = await runOne(test, bench, context, searchPath);
        report(result);
        results.push(result);
      }
    } finally {
      await bench.client.query('ROLLBACK');
    }
  }
  return results;
}

async function searchPathOf(client: pg.Client): Promise<string[]> {
  const answer = await queryText(client, 'SELECT pg_catalog.unnest(pg_catalog.current_schemas(false))');
  return answer.rows.map((row) => row[0] ?? '');
}

async function runOne(
  test: LocatedTest,
  bench: TestBench,
  context: EnforceContext,
  searchPath: readonly string[],
): Promise<CaseResult> {
  const started = performance.now();
  const found = await findingsOf(test, bench, context, searchPath);
  return {
    file: test.file,
    line: test.place.line,
    name: test.name,
    durationMs: performance.now() - started,
    findings: found,
  };
}

async function findingsOf(
  test: LocatedTest,
  bench: TestBench,
  context: EnforceContext,
  searchPath: readonly string[],
): Promise<string[]> {
  const facts = sessionFacts(test, context, searchPath);
  if (typeof facts === 'string') return [facts];
  const query = await bench.planner.plan(Buffer.from(test.sql), facts, context);
  if (query.plans.some((plan) => plan.facts.effect?.kind === 'transaction')) {
    return [
      'a policy test runs in a transaction that is rolled back: remove the transaction control from its sql',
    ];
  }
  await bench.client.query('SAVEPOINT pgveil_test');
  try {
    const actual = await execute(bench.client, query);
    if (actual.kind === 'error') {
      const found = findings(test.expect, actual);
      return found.length > 0 && lacksPrivilege(actual) ? [...found, privilegeHint] : found;
    }
    if (test.expect.same_as === undefined) return findings(test.expect, actual);
    const reference = await referenceOf(test.expect.same_as, bench);
    if (typeof reference === 'string') return [reference];
    return findings(test.expect, { ...actual, reference });
  } finally {
    await bench.client.query('ROLLBACK TO SAVEPOINT pgveil_test');
  }
}

/** The catalog's own login needs no right on any table, and with that no test can run. */
const privilegeHint =
  'tests run with the rights of the login of catalog.url: for this command set PGVEIL_CATALOG_URL to one that may do what an application may';

/** Refused by the server, and not by the policy. */
function lacksPrivilege({ sqlstate, message }: Extract<Actual, { kind: 'error' }>): boolean {
  return sqlstate === '42501' && !message.startsWith('pgveil: ');
}

/** Who asks; a text when the test names somebody the policy does not know. */
function sessionFacts(
  test: LocatedTest,
  { policy, catalog }: EnforceContext,
  searchPath: readonly string[],
): SessionFacts | string {
  const role = policy.roles.get(test.as.role);
  if (role === undefined) return `the policy has no role "${test.as.role}"`;
  const purpose = test.as.purpose ?? (role.purposes.length === 1 ? role.purposes[0] : undefined);
  if (purpose === undefined)
    return `role "${test.as.role}" has several purposes: name one of ${role.purposes.join(', ')}`;
  return {
    user: test.as.user ?? 'policy_test',
    database: catalog.database,
    role: test.as.role,
    purpose,
    actor: new Map(Object.entries(test.as.actor ?? {}).map(([name, value]) => [name, String(value)])),
    searchPath,
  };
}

/** Statements run one after the other until one fails, as the server runs a simple query; the last one is the result. */
async function execute(client: pg.Client, query: QueryPlan): Promise<Actual> {
  let last: Actual = {
    kind: 'result',
    result: { columns: [], rows: [] },
    rowCount: 0,
    outputs: undefined,
    reference: undefined,
  };
  for (const plan of query.plans) {
    if (plan.kind === 'refuse') {
      return { kind: 'error', sqlstate: plan.refusal.sqlstate, message: `pgveil: ${plan.refusal.message}` };
    }
    try {
      const answer = await queryText(client, utf8(plan.sql));
      last = {
        kind: 'result',
        result: answer,
        rowCount: answer.rowCount,
        outputs: plan.facts.outputs,
        reference: undefined,
      };
    } catch (error) {
      const server = serverErrorOf(error);
      if (server === undefined) throw error;
      return { kind: 'error', sqlstate: server.sqlstate, message: server.message };
    }
  }
  return last;
}

const TRANSACTION_CONTROL = new Set([
  'BEGIN',
  'START',
  'COMMIT',
  'END',
  'ROLLBACK',
  'ABORT',
  'PREPARE',
  'RELEASE',
]);

/** What the exempt statement gives; a text when it cannot be run. */
async function referenceOf(sql: string, bench: TestBench): Promise<QueryAnswer | string> {
  const command = bench.planner.describe(Buffer.from(sql)).command.split(' ', 1)[0] ?? '';
  if (TRANSACTION_CONTROL.has(command.toUpperCase()))
    return 'same_as must be a query, not transaction control';
  try {
    // The extended protocol takes one statement only, so nothing can follow the query.
    return await queryText(bench.client, sql, 'extended');
  } catch (error) {
    return `same_as failed: ${reasonOf(error)}`;
  }
}
