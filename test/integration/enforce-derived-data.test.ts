/** Protected data under a name that carries no label: what children compute, and columns of a protected table's row type. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { crmPolicy, governed, Refused, type Governed } from '../support/governed.js';
import { postgresVersions } from '../support/servers.js';

const setup = `
  CREATE TABLE par (id int, region text, email text, g text GENERATED ALWAYS AS (upper(region)) STORED);
  CREATE VIEW par_view AS SELECT id, g FROM par;
  CREATE TABLE snap (id int, snapshot customers, arr customers[]);
  INSERT INTO snap SELECT c.id, c, ARRAY[c] FROM customers c;
  CREATE DOMAIN cust_d AS customers;
  CREATE TABLE snapd (id int, d cust_d);
  INSERT INTO snapd SELECT c.id, c FROM customers c;
  CREATE TYPE wrapped AS (at timestamptz, was customers);
  CREATE TABLE history (id int, entry wrapped, entries wrapped[], mail text GENERATED ALWAYS AS ((entry).was.email) STORED);
  INSERT INTO history (id, entry, entries)
    SELECT c.id, ROW(now(), c)::wrapped, ARRAY[ROW(now(), c)::wrapped] FROM customers c;
  CREATE TABLE vip (card text) INHERITS (customers);
  CREATE TABLE vip_log (id int, was vip);
  INSERT INTO vip_log SELECT id, ROW(c.*, 'x')::vip FROM customers c;
  CREATE TABLE directory_log (id int, was customer_directory);
  INSERT INTO directory_log SELECT d.id, d FROM customer_directory d;
  CREATE TABLE consent_log (id int, was consents);
  CREATE TABLE product_log (id int, was products);
  INSERT INTO product_log SELECT p.id, p FROM products p;
  `;
const grant = 'GRANT SELECT ON ALL TABLES IN SCHEMA public TO crm_support;';
/** Older servers want the parent's own expression. */
const child = `
  CREATE TABLE par_child (id int, region text, email text, g text GENERATED ALWAYS AS (lower(email)) STORED);
  ALTER TABLE par_child INHERIT par;
  INSERT INTO par_child VALUES (1, 'EU', 'X.canary1@example.com');`;
/** Virtual generated columns came with 18; a partition may number its columns otherwise than its parent. */
const virtual = `
  CREATE TABLE virt (id int, email text, v text GENERATED ALWAYS AS (upper(email)) VIRTUAL,
    w int GENERATED ALWAYS AS (length(email)) VIRTUAL);
  INSERT INTO virt VALUES (1, 'x.canary1@example.com');
  CREATE VIEW virt_view AS SELECT v FROM virt;`;
const partitions = `
  CREATE TABLE parted (id int, email text, g text GENERATED ALWAYS AS (upper(email)) STORED) PARTITION BY RANGE (id);
  CREATE TABLE parted_1 (gone int, also int, email text, id int, g text GENERATED ALWAYS AS (upper(email)) STORED);
  ALTER TABLE parted_1 DROP gone, DROP also;
  ALTER TABLE parted ATTACH PARTITION parted_1 FOR VALUES FROM (0) TO (10);
  INSERT INTO parted VALUES (1, 'x.canary1@example.com');`;
const policyFor = (version: number): string => {
  const more = version === 18 ? ', public.virt.email' : '';
  return crmPolicy.replace(
    'public.leads.email]',
    `public.leads.email, public.par.email, public.parted.email${more}]`,
  );
};

describe.each(postgresVersions)('derived data on PostgreSQL %i', (version) => {
  let crm: Governed;
  beforeAll(async () => {
    crm = await governed(version, {
      policy: policyFor(version),
      setup: setup + partitions + (version === 18 ? child + virtual : '') + grant,
    });
  });
  afterAll(() => crm.close());

  it.each([
    'SELECT g FROM par',
    'SELECT * FROM par',
    'SELECT g FROM par_view',
    "SELECT id FROM par WHERE g LIKE '%canary%'",
  ])('of a child is no clearer than its sources: %s', async (sql) => {
    const { rows } = await crm.run(sql, crm.session('support'));
    expect(JSON.stringify(rows)).not.toMatch(/canary/);
    if (sql.includes('WHERE')) expect(rows).toEqual([]);
  });

  it.each([
    'SELECT * FROM parted',
    'SELECT g FROM parted',
    'SELECT * FROM parted_1',
    'SELECT p FROM parted_1 p',
    ...(version === 18
      ? [
          'SELECT v FROM virt',
          'SELECT * FROM virt',
          'SELECT w::text FROM virt',
          'SELECT v FROM virt_view',
          'SELECT virt FROM virt',
        ]
      : []),
  ])('of a generated column or a partition is no clearer than its sources: %s', async (sql) => {
    const { rows } = await crm.run(sql, crm.session('support'));
    expect(rows).toHaveLength(1);
    expect(JSON.stringify(rows)).not.toMatch(/canary|21/i);
  });

  it.each([
    'SELECT snapshot FROM snap',
    'SELECT (snapshot).email FROM snap',
    'SELECT (arr[1]).email FROM snap',
    'SELECT to_jsonb(s) FROM snap s',
    'SELECT d FROM snapd',
    'SELECT (d).email FROM snapd',
    'SELECT * FROM snap',
    'SELECT (entry).was FROM history',
    'SELECT ((entries[1]).was).email FROM history',
    'SELECT mail FROM history',
    'SELECT was FROM vip_log',
    'SELECT (was).full_name FROM directory_log',
    'SELECT was FROM consent_log',
    'INSERT INTO app_log (message) SELECT (snapshot).email FROM snap',
    "UPDATE snap SET id = 0 WHERE (snapshot).email LIKE 'a%'",
    'UPDATE snap SET id = 0 RETURNING snapshot',
  ])('of a row type is refused: %s', async (sql) => {
    await expect(crm.run(sql, crm.session('support'))).rejects.toBeInstanceOf(Refused);
  });

  it.each([
    ['SELECT id FROM snap WHERE id = 1', [{ id: 1 }]],
    ['SELECT (was).name FROM product_log WHERE id = 1', [{ name: 'Teapot' }]],
  ])('leaves what is not protected open: %s', async (sql, rows) => {
    expect((await crm.run(sql, crm.session('support'))).rows).toEqual(rows);
  });
});
