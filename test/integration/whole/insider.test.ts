/** What an insider tries over the wire, statement after statement in one session, in both protocols. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TestRole } from '../../support/databases.js';
import { startProxy, type Proxy } from '../../support/proxy.js';
import { postgresVersions } from '../../support/servers.js';

const sessions: readonly (readonly [TestRole, readonly string[]])[] = [
  [
    'crm_support',
    [
      'PREPARE q AS SELECT notes FROM customers WHERE id = $1',
      'EXECUTE q(1)',
      "EXECUTE q(length(query_to_xml('select notes from customers', true, true, '')::text))",
    ],
  ],
  [
    'crm_support',
    [
      'BEGIN',
      'DECLARE c SCROLL CURSOR WITH HOLD FOR SELECT notes, email FROM customers',
      'FETCH ALL c',
      'COMMIT',
      'FETCH FIRST c',
    ],
  ],
  [
    'crm_support',
    [
      'SELECT xmlforest(c.notes) FROM customers c',
      "SELECT x.* FROM customers c, XMLTABLE('/r' PASSING xmlelement(name r, c.notes) COLUMNS n text PATH '.') x",
      "SELECT profile #> '{social}', jsonb_path_query(profile, '$.**') FROM customers",
      'SELECT * FROM jsonb_to_record((SELECT profile FROM customers WHERE id = 1)) AS x(social jsonb)',
      'SELECT j.* FROM (customers c JOIN tickets t ON t.customer_id = c.id) j',
    ],
  ],
  [
    'crm_support',
    [
      'SET search_path = pg_temp, public',
      'SELECT notes FROM customers',
      'RESET ALL',
      'SELECT notes FROM customers',
      'DISCARD ALL',
      'SELECT notes FROM customers',
    ],
  ],
  [
    'crm_support',
    [
      'INSERT INTO app_log (message) SELECT c::text FROM customers c RETURNING message',
      'WITH z AS (SELECT notes AS n FROM customers) INSERT INTO app_log (message) SELECT n FROM z RETURNING *',
    ],
  ],
  [
    'crm_marketing',
    [
      "UPDATE customers SET email = 'x@y.z' WHERE id = 2 RETURNING *",
      'UPDATE orders SET customer_id = 1 WHERE id = 11 RETURNING *',
      'SELECT id FROM orders ORDER BY 1 / (total - 59)',
      'SELECT * FROM customers c LEFT JOIN orders o ON o.customer_id = c.id AND 1 / (o.total - 59) > 0',
    ],
  ],
];

describe.each(postgresVersions)('an insider on PostgreSQL %i', (version) => {
  let proxy: Proxy;
  beforeAll(async () => {
    proxy = await startProxy(version);
  });
  afterAll(() => proxy.stop());

  describe.each(['simple', 'extended'] as const)('over the %s protocol', (protocol) => {
    it.each(sessions)('as %s learns nothing from %j', async (role, statements) => {
      const client = await proxy.connect(role);
      let seen = '';
      client.on('notice', (notice) => (seen += JSON.stringify(notice)));
      for (const text of statements) {
        try {
          const result = await client.query(
            protocol === 'simple' ? { text } : { text, values: [], name: '' },
          );
          seen += JSON.stringify(result.rows);
        } catch (error) {
          seen += JSON.stringify(error, Object.getOwnPropertyNames(error));
        }
      }
      expect(seen).not.toMatch(/canary-|[a-z]\.canary|@canary|4111-|5500-|-000000\d|1985-02-03/);
      if (role === 'crm_marketing') expect(seen).not.toMatch(/Secretname|Bob|x@y\.z|59\.00/);
      // The session lives on whatever was refused.
      expect((await client.query('SELECT 1 AS n')).rows).toEqual([{ n: 1 }]);
    });
  });
});
