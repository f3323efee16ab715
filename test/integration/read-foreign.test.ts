/** Foreign tables (postgres_fdw, here a way back into the same database): labels and subjects hold for them as for tables. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { crmPolicy, governed, Refused, type Governed } from '../support/governed.js';

const policy = crmPolicy
  .replace('public.tickets.subject]', 'public.tickets.subject, public.far_orders.status]')
  .replace('  public.tickets: {', '  public.far_orders: { key: customer_id }\n  public.tickets: {');

describe.each([18, 15] as const)('foreign tables on PostgreSQL %i', (version) => {
  let crm: Governed;
  let strict: Governed;
  beforeAll(async () => {
    const open = async (text: string): Promise<Governed> => {
      const made = await governed(version, {
        policy: text,
        setup: 'CREATE TABLE far_orders (id integer, customer_id integer, status text)',
      });
      const { host, port, name } = made.db;
      await made.db.query(`
        DROP TABLE far_orders;
        CREATE EXTENSION postgres_fdw;
        CREATE SERVER back FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '${host}', port '${port}', dbname '${name}');
        CREATE USER MAPPING FOR PUBLIC SERVER back OPTIONS (user 'crm_admin', password 'admin');
        CREATE FOREIGN TABLE far_orders (id integer, customer_id integer, status text) SERVER back OPTIONS (table_name 'orders');
        CREATE FOREIGN TABLE far_products (id integer, name text) SERVER back OPTIONS (table_name 'products');
        CREATE VIEW far_view AS SELECT id, customer_id, status FROM far_orders;
        GRANT SELECT ON far_orders, far_products, far_view TO PUBLIC`);
      await made.refresh();
      return made;
    };
    crm = await open(policy);
    strict = await open(policy.replace('unlisted_tables: allow', 'unlisted_tables: deny'));
  });
  afterAll(() => Promise.all([crm.close(), strict.close()]));

  it.each(['SELECT * FROM far_orders ORDER BY id', 'SELECT * FROM far_view ORDER BY id'])(
    'masks and filters: %s',
    async (sql) => {
      expect((await crm.run(sql, crm.session('marketing'))).rows).toEqual([
        { id: 10, customer_id: 1, status: '***' },
        { id: 12, customer_id: 3, status: '***' },
        { id: 14, customer_id: 1, status: '***' },
      ]);
    },
  );

  it('lets no condition on a hidden value reach the other server', async () => {
    const sql = "SELECT id FROM far_orders WHERE status = 'open' OR status::int = 1";
    await expect(crm.run(sql, crm.session('marketing'))).rejects.toMatchObject({
      code: '22P02',
      message: expect.stringMatching(/"\*\*\*"/) as unknown,
    });
  });

  it('follows the rule for unlisted tables', async () => {
    const sql = 'SELECT name FROM far_products WHERE id = 1';
    expect((await crm.run(sql, crm.session('marketing'))).rows).toEqual([{ name: 'Teapot' }]);
    await expect(strict.run(sql, strict.session('marketing'))).rejects.toBeInstanceOf(Refused);
  });
});
