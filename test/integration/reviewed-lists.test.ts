/**
 * The reviewed lists of functions and catalogs against real servers of every supported major: nothing that a server has is
 * unclassified, and nothing is listed that no server has.
 */
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  serverFunctions,
  signatureOf,
  supportedVersions,
  type ServerFunction,
} from '../../scripts/functions/server-functions.js';
import { startPostgres, type PostgresServer } from '../../src/cli/launch/postgres.js';
import { builtinFunction, reviewedSignatures } from '../../src/enforce/builtin-functions.js';
import { informationFunctions } from '../../src/enforce/data/information-functions.js';
import { statefulFunctions, statelessVolatile } from '../../src/enforce/data/stateful-functions.js';
import { hiddenColumns, ownRowsOnly } from '../../src/enforce/data/system-catalogs.js';
import { reviewedCatalogs } from '../../src/enforce/system-catalogs.js';

const seenFunctions = new Set<string>();
const seenCatalogs = new Set<string>();

describe.each(supportedVersions)('PostgreSQL %i', (version) => {
  let server: PostgresServer;
  let client: pg.Client;
  let functions: readonly ServerFunction[];

  const list = async (query: string): Promise<string[]> =>
    (await client.query<{ value: string }>(query)).rows.map((row) => row.value);

  beforeAll(async () => {
    server = await startPostgres({ version });
    const { host, port, superuser: user, password } = server;
    client = new pg.Client({ host, port, user, password, database: 'postgres' });
    await client.connect();
    functions = await serverFunctions(client);
  });

  afterAll(async () => {
    await client.end();
    await server.stop();
  });

  it('has no function of pg_catalog that is neither allowed nor refused for a reason', () => {
    const unknown = functions.map(signatureOf).filter((signature) => !reviewedSignatures.has(signature));
    for (const one of functions) seenFunctions.add(signatureOf(one));
    expect(unknown).toEqual([]);
    expect(functions.length).toBeGreaterThan(3_000);
  });

  it('has no volatile function that is open and of which nobody said whether it counts its calls', () => {
    const open = functions.filter(
      (one) =>
        one.volatility === 'v' && builtinFunction(one.name, one.arguments.join(', ')).kind !== 'refused',
    );
    const unknown = open.filter(({ name }) => !statefulFunctions.has(name) && !statelessVolatile.has(name));
    expect(unknown.map(signatureOf)).toEqual([]);
  });

  it('has the functions in information_schema that were reviewed, and no other', async () => {
    const there = await list(`
      SELECT p.proname::text AS value FROM pg_proc p
      WHERE p.pronamespace = 'information_schema'::regnamespace ORDER BY p.proname COLLATE "C"`);
    expect(there).toEqual([...informationFunctions].sort());
  });

  it('has neither defaults nor VARIADIC where the overloads of a name differ in verdict', () => {
    const kinds = new Map<string, Set<string>>();
    for (const one of functions) {
      const verdict = builtinFunction(one.name, one.arguments.join(', ')).kind;
      kinds.set(one.name, (kinds.get(one.name) ?? new Set()).add(verdict));
    }
    const mixed = functions.filter((one) => kinds.get(one.name)!.size > 1);
    expect(new Set(mixed.map((one) => one.name))).toEqual(new Set(['ts_rewrite']));
    expect(mixed.filter((one) => one.defaults > 0 || one.variadic)).toEqual([]);
  });

  it('has no operator, cast or aggregate of its own that calls a refused function', async () => {
    const behind = await list(`
      SELECT DISTINCT p.proname || '(' || oidvectortypes(p.proargtypes) || ')' AS value FROM pg_proc p
      WHERE p.oid IN (SELECT oprcode FROM pg_operator WHERE oid < 16384 UNION SELECT castfunc FROM pg_cast WHERE oid < 16384)`);
    const refused = behind.filter((signature) => reviewedSignatures.get(signature)?.kind !== 'allowed');
    expect(refused).toEqual([]);
    expect(behind.length).toBeGreaterThan(800);
  });

  it('has no catalog that is neither open nor refused for a reason', async () => {
    const catalogs = await list(`
      SELECT n.nspname || '.' || c.relname AS value FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE n.nspname IN ('pg_catalog', 'information_schema') AND c.relkind IN ('r', 'v', 'm', 'f', 'p', 'S')`);
    for (const name of catalogs) seenCatalogs.add(name);
    expect(catalogs.filter((name) => !reviewedCatalogs.has(name))).toEqual([]);
  });

  it('has every hidden column in the type of what stands for it', async () => {
    for (const [catalog, columns] of Object.entries(hiddenColumns)) {
      for (const [name, constant] of Object.entries(columns)) {
        const types = await list(`
          SELECT format_type(atttypid, NULL) AS value FROM pg_attribute
          WHERE attrelid = 'pg_catalog.${catalog}'::regclass AND attname = '${name}'`);
        // pg_class.relallfrozen came with PostgreSQL 18.
        if (types.length === 0) expect([version, name]).toEqual([expect.any(Number), 'relallfrozen']);
        else expect(await list(`SELECT pg_typeof(${constant})::text AS value`)).toEqual(types);
      }
    }
    for (const [catalog, name] of Object.entries(ownRowsOnly)) {
      expect(
        await list(`SELECT DISTINCT pg_typeof(${name})::text AS value FROM pg_catalog.${catalog}`),
      ).toEqual(['integer']);
    }
  });
});

describe('over all versions', () => {
  it('lists no function that no version has', () => {
    expect([...reviewedSignatures.keys()].filter((signature) => !seenFunctions.has(signature))).toEqual([]);
  });

  it('lists no catalog that no version has', () => {
    expect([...reviewedCatalogs].filter((name) => !seenCatalogs.has(name))).toEqual([]);
  });
});
