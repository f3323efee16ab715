/** Who acts is what the session has claimed by settings, in every way that PostgreSQL sets and takes back a setting. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startProxy, type Proxy } from '../../support/proxy.js';
import { postgresVersions } from '../../support/servers.js';
import {
  AGENT,
  bySettings,
  NO,
  policyFolder,
  REGIONAL,
  SELLER,
  tell,
  WHO,
  type PolicyFolder,
} from './support.js';

type Script = readonly (readonly [sql: string, expected: string])[];

const agent: Script = [["SET pgveil.role = 'agent'", 'SET']];

const scripts: Readonly<Record<string, Script>> = {
  'nothing claimed: nothing but an error': [
    [WHO, NO],
    ['SELECT relname FROM pg_class', NO],
    ['SELECT count(*) FROM products', NO],
    ["SELECT 'customers'::regclass", NO],
    ['TABLE customers', NO],
    ['COPY customers TO STDOUT', NO],
    ['LOCK TABLE products', NO],
    ['EXPLAIN SELECT * FROM customers', NO],
    ["INSERT INTO app_log (message) VALUES ('x')", NO],
    [`PREPARE early AS ${WHO}`, NO],
    ['BEGIN', 'BEGIN'],
    [`DECLARE early CURSOR WITH HOLD FOR ${WHO}`, NO],
    ['ROLLBACK', 'ROLLBACK'],
    ['FETCH ALL early', '34000'],
    ['EXECUTE early', NO],
    ["SELECT set_config('search_path', 'x', false) FROM customers", NO],
  ],
  'nothing claimed: what reads nothing runs': [
    ['SELECT 1', '1'],
    ['SELECT current_database() IS NULL', NO],
    ['SHOW pgveil.role', '""'],
    ['SHOW transaction_isolation', '"read committed"'],
    ['SET application_name = x', 'SET'],
    ['BEGIN', 'BEGIN'],
    ['SAVEPOINT s', 'SAVEPOINT'],
    ['COMMIT', 'COMMIT'],
    ['DISCARD ALL', 'DISCARD'],
    ['DEALLOCATE ALL', 'DEALLOCATE'],
  ],
  'SET, in every spelling': [
    ...agent,
    [WHO, AGENT],
    ['SHOW pgveil.role', '"agent"'],
    ['SHOW pgveil.purpose', '"support"'],
    ["SELECT current_setting('pgveil.role')", '"agent"'],
    ["SELECT current_setting('pgveil.purpose', true), current_setting('PGVEIL.actor')", '"support",""'],
    ['SET SESSION pgveil.role TO regional', 'SET'],
    [WHO, REGIONAL],
    ['SET "pgveil"."role" = agent', 'SET'],
    [WHO, AGENT],
    ['SET "pgveil.role" = "regional"', 'SET'],
    [WHO, REGIONAL],
    ["SET PGVEIL.Role = 'agent'", 'SET'],
    [WHO, AGENT],
    ['SET "PGVEIL.ROLE" = regional', 'SET'],
    [WHO, REGIONAL],
    ['SET pgveil.role TO DEFAULT', 'SET'],
    [WHO, NO],
    ["SET pgveil.role = ''", 'SET'],
    [WHO, NO],
  ],
  'RESET, RESET ALL, DISCARD ALL': [
    ...agent,
    ['RESET pgveil.role', 'RESET'],
    [WHO, NO],
    ...agent,
    ['RESET ALL', 'RESET'],
    [WHO, NO],
    ...agent,
    ['DISCARD ALL', 'DISCARD'],
    [WHO, NO],
    ['SHOW pgveil.role', '""'],
  ],
  'set_config with constants, and no other': [
    ["SELECT set_config('pgveil.role', 'agent', false)", '"agent"'],
    [WHO, AGENT],
    [
      "SELECT pg_catalog.set_config('pgveil.role', 'seller', false), set_config('pgveil.purpose', 'billing', false) AS p",
      '"seller","billing"',
    ],
    [WHO, SELLER],
    ["SELECT set_config('pgveil.role', 'agent', true)", '"agent"'],
    [WHO, SELLER],
    ["SELECT set_config('pgveil.role', lower('AGENT'), false)", NO],
    ["SELECT set_config('pgveil.ro' || 'le', 'agent', false)", NO],
    ["SELECT set_config('pgveil.role', 'agent', false) WHERE true", NO],
    ["SELECT set_config('pgveil.role', 'agent', false) FROM products", NO],
    ["SELECT 1, set_config('pgveil.role', 'agent', false)", NO],
    ["SELECT set_config('pgveil.role', NULL, false)", NO],
    ["SELECT set_config('pgveil.role', 'agent', NULL)", NO],
    ["SELECT public.set_config('pgveil.role', 'agent', false)", NO],
    ["PREPARE s AS SELECT set_config('pgveil.role', 'agent', false)", NO],
    ["SELECT set_config('session_authorization', 'crm_admin', false)", NO],
    ["SELECT set_config('role', 'crm_admin', false)", NO],
    ["SELECT set_config('client_min_messages', 'debug5', false)", NO],
    [
      "SELECT set_config('application_name', 'x', false), set_config('search_path', 'public, pg_temp', true)",
      '"x","public, pg_temp"',
    ],
    [WHO, SELLER],
  ],
  'what may not be claimed is refused at SET and changes nothing': [
    ["SET pgveil.role = 'admin'", NO],
    ["SET pgveil.role = 'Agent'", NO],
    ["SET pgveil.purpose = 'fraud'", NO],
    ['SET pgveil.role = agent, seller', NO],
    ["SET pgveil.other = 'agent'", NO],
    ["SET pgveil.token = 'x.y.z'", NO],
    ["SET pgveil.actor = 'EU'", '22023'],
    ['SET pgveil.actor = \'{"a": [1]}\'', '22023'],
    ["SET pgveil.actor = '[]'", '22023'],
    ['SET pgveil.actor = \'{"a": 90071992547409931}\'', '22023'],
    [WHO, NO],
    ...agent,
    ["SET pgveil.purpose = 'billing'", NO],
    ["SET pgveil.role = 'admin'", NO],
    ['SET ROLE crm_admin', NO],
    ['SET SESSION AUTHORIZATION crm_admin', NO],
    [WHO, AGENT],
  ],
  'a role with several purposes wants one': [
    ["SET pgveil.role = 'seller'", 'SET'],
    [WHO, NO],
    ["SET pgveil.purpose = 'billing'", 'SET'],
    [WHO, SELLER],
    ['SELECT count(*)::int FROM customers', '6'],
    ["SET pgveil.purpose = 'marketing'", 'SET'],
    ['SELECT count(*)::int < 6 FROM customers', 'true'],
    // The purpose of the former role stays, as a setting does, and is none of the new one's.
    ["SET pgveil.role = 'agent'", 'SET'],
    [WHO, NO],
    ['RESET pgveil.purpose', 'RESET'],
    [WHO, AGENT],
  ],
  'a transaction that is rolled back takes its claim with it': [
    ...agent,
    ['BEGIN', 'BEGIN'],
    ["SET pgveil.role = 'regional'", 'SET'],
    [WHO, REGIONAL],
    ['ROLLBACK', 'ROLLBACK'],
    [WHO, AGENT],
    ['BEGIN', 'BEGIN'],
    ["SET pgveil.role = 'regional'", 'SET'],
    ['COMMIT', 'COMMIT'],
    [WHO, REGIONAL],
  ],
  'SET LOCAL ends with its transaction': [
    ['BEGIN', 'BEGIN'],
    ["SET LOCAL pgveil.role = 'agent'", 'SET'],
    [WHO, AGENT],
    ["SET LOCAL pgveil.role = 'regional'", 'SET'],
    [WHO, REGIONAL],
    ['COMMIT', 'COMMIT'],
    [WHO, NO],
    ["SET LOCAL pgveil.role = 'agent'", 'SET'],
    [WHO, NO],
    ['BEGIN', 'BEGIN'],
    ...agent,
    ["SET LOCAL pgveil.role = 'regional'", 'SET'],
    [WHO, REGIONAL],
    ['COMMIT', 'COMMIT'],
    [WHO, AGENT],
    ['BEGIN', 'BEGIN'],
    ["SET LOCAL pgveil.role = 'regional'", 'SET'],
    ['COMMIT AND CHAIN', 'COMMIT'],
    [WHO, AGENT],
    ['ROLLBACK', 'ROLLBACK'],
  ],
  savepoints: [
    ...agent,
    ['BEGIN', 'BEGIN'],
    ['SAVEPOINT a', 'SAVEPOINT'],
    ["SET pgveil.role = 'regional'", 'SET'],
    ['SAVEPOINT b', 'SAVEPOINT'],
    ["SET LOCAL pgveil.role = ''", 'SET'],
    [WHO, NO],
    ['ROLLBACK TO b', 'ROLLBACK'],
    [WHO, REGIONAL],
    ['RELEASE b', 'RELEASE'],
    [WHO, REGIONAL],
    ['SELECT 1/0', '22012'],
    [WHO, '25P02'],
    ['ROLLBACK TO a', 'ROLLBACK'],
    [WHO, AGENT],
    ['COMMIT', 'COMMIT'],
    [WHO, AGENT],
  ],
  'COMMIT of a failed transaction is a rollback': [
    ...agent,
    ['BEGIN', 'BEGIN'],
    ["SET pgveil.role = 'regional'", 'SET'],
    ['SELECT 1/0', '22012'],
    ["SET pgveil.role = 'agent'", '25P02'],
    ['COMMIT', 'ROLLBACK'],
    [WHO, AGENT],
  ],
  'a refusal fails the transaction, and its claim': [
    ...agent,
    ['BEGIN', 'BEGIN'],
    ["SET pgveil.role = 'regional'", 'SET'],
    ["SET pgveil.role = 'admin'", NO],
    [WHO, '25P02'],
    ['ROLLBACK', 'ROLLBACK'],
    [WHO, AGENT],
  ],
  'SQL inside strings claims nothing': [
    ...agent,
    ["SELECT 'SET pgveil.role = regional'", '"SET pgveil.role = regional"'],
    ["SELECT /* SET pgveil.role = 'regional' */ 1", '1'],
    ["DO $$ BEGIN SET pgveil.role = 'regional'; END $$", NO],
    ["SELECT query_to_xml('select set_config(''pgveil.role'', ''regional'', false)', true, true, '')", NO],
    [WHO, AGENT],
  ],
  'attributes are typed by the column, and a missing one shows no rows': [
    ["SET pgveil.role = 'regional'", 'SET'],
    ['SELECT id FROM tickets ORDER BY id', ''],
    ['SET pgveil.actor = \'{"region": "EU", "above": 11}\'', 'SET'],
    ['SELECT id FROM tickets ORDER BY id', '1 2'],
    ['SELECT id FROM orders ORDER BY id', '12 13 14'],
    ['SET pgveil.actor = \'{"region": "US", "above": "12"}\'', 'SET'],
    ['SELECT id FROM tickets ORDER BY id', '3'],
    ['SELECT id FROM orders ORDER BY id', '13 14'],
    ['SET pgveil.actor = \'{"region": "EU\'\' OR true --", "above": "0 OR true"}\'', 'SET'],
    ['SELECT id FROM tickets ORDER BY id', ''],
    ['SELECT id FROM orders ORDER BY id', '22P02'],
    ['SET pgveil.actor = \'{"region": null, "above": true}\'', 'SET'],
    ['SELECT id FROM tickets ORDER BY id', ''],
    ['SELECT id FROM orders ORDER BY id', '22P02'],
    ['RESET pgveil.actor', 'RESET'],
    ['SELECT count(*)::int FROM orders', '0'],
  ],
};

describe.each(postgresVersions)('claims by settings on PostgreSQL %i', (version) => {
  let folder: PolicyFolder;
  let proxy: Proxy;
  beforeAll(async () => {
    folder = policyFolder([bySettings]);
    proxy = await startProxy(version, { policies: folder.path });
  });
  afterAll(async () => {
    await proxy.stop();
    folder.remove();
  });

  describe.each(['simple', 'extended'] as const)('over the %s protocol', (protocol) => {
    it.each(Object.keys(scripts))('%s', async (name) => {
      const client = await proxy.connect('crm_support');
      const script = scripts[name]!;
      const told: string[][] = [];
      for (const [sql] of script) told.push([sql, await tell(client, sql, protocol)]);
      expect(told).toEqual(script);
      await client.end();
    });
  });
});
