/** Which views a role may read: the subject's key has to be shown, by itself or through an equality that always holds. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { governed, Refused, type Governed } from '../support/governed.js';
import { postgresVersions } from '../support/servers.js';

const join = 'FROM orders o JOIN customers c ON c.id = o.customer_id';
const views: Readonly<Record<string, string>> = {
  by_order_key: `SELECT o.customer_id AS k, c.email ${join}`,
  by_customer_key: `SELECT c.id AS k, o.total ${join}`,
  by_where:
    'SELECT o.customer_id AS k, c.email FROM orders o, customers c WHERE o.customer_id = c.id AND o.total > 0',
  nested: 'SELECT v.k, v.email, t.region FROM by_order_key v JOIN tickets t ON t.customer_id = v.k',
  no_key: `SELECT o.id AS order_id, c.email ${join}`,
  by_left_join:
    'SELECT o.customer_id AS k, c.email FROM orders o LEFT JOIN customers c ON c.id = o.customer_id',
  by_or:
    'SELECT o.customer_id AS k, c.email FROM orders o, customers c WHERE o.customer_id = c.id OR c.id = 2',
  by_subquery:
    'SELECT o.customer_id AS k, c.email FROM orders o, customers c WHERE EXISTS (SELECT FROM payments p WHERE p.customer_id = o.customer_id AND c.id = o.customer_id)',
  by_text:
    'SELECT o.customer_id AS k, c.email FROM orders o JOIN customers c ON c.id::text = o.customer_id::text',
  aggregated: `SELECT c.id AS k, count(*) AS n ${join} GROUP BY c.id`,
  // It is NULL where the customer is not the first.
  by_passing: 'SELECT z.k, c.region FROM customers c LEFT JOIN LATERAL (SELECT c.id AS k) z ON c.id = 1',
  by_masked: "SELECT id AS k, region FROM customers WHERE email LIKE '%example.com'",
};
const setup = Object.entries(views)
  .map(([name, sql]) => `CREATE VIEW ${name} AS ${sql};`)
  .concat('GRANT SELECT ON ALL TABLES IN SCHEMA public TO crm_support, crm_marketing')
  .join('\n');

describe.each(postgresVersions)('views for marketing on PostgreSQL %i', (version) => {
  let crm: Governed;
  beforeAll(async () => {
    crm = await governed(version, { setup });
  });
  afterAll(() => crm.close());

  it.each(['by_order_key', 'by_customer_key', 'by_where', 'nested'])(
    '%s shows people who consented',
    async (view) => {
      const result = await crm.run(`SELECT DISTINCT k FROM ${view} ORDER BY k`, crm.session('marketing'));
      expect(result.rows).toEqual([{ k: 1 }, { k: 3 }]);
      const all = await crm.run(`SELECT * FROM ${view}`, crm.session('marketing'));
      expect(JSON.stringify(all.rows)).not.toMatch(/canary/);
    },
  );

  it.each([
    'no_key',
    'by_left_join',
    'by_or',
    'by_subquery',
    'by_text',
    'aggregated',
    'by_passing',
    'by_masked',
  ])('%s is refused with what to do', async (view) => {
    const attempt = crm.run(`SELECT * FROM ${view}`, crm.session('marketing'));
    await expect(attempt).rejects.toBeInstanceOf(Refused);
  });
});
