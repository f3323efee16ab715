/** Writes through views, and to what is no plain table: guarded like the table behind, kept as they are, or refused. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { crmPolicy, Refused, type Governed } from '../support/governed.js';
import { postgresVersions } from '../support/servers.js';
import { callsSetup, withCalls } from '../support/write-attempts.js';
import { judgesWrites, startWriteWorlds, type WriteWorlds } from '../support/write-worlds.js';

const setup = `${callsSetup}
  CREATE VIEW people AS SELECT id, first_name AS given, last_name, email, notes AS remark, region, upper(last_name) AS loud FROM customers;
  CREATE VIEW europeans AS SELECT * FROM people WHERE region = 'EU' WITH CHECK OPTION;
  CREATE VIEW ratios AS SELECT customer_id, minutes, body, 100 / (minutes - 7) AS r FROM calls;
  CREATE VIEW joined AS SELECT o.id, o.customer_id, c.region FROM orders o JOIN customers c ON c.id = o.customer_id;
  CREATE TABLE checked (customer_id int, n int, hidden text, CHECK (n < length(hidden)));
  INSERT INTO checked VALUES (1, 5, 'canary-checked');
  CREATE VIEW rechecked AS SELECT customer_id AS c, n AS number, hidden AS h FROM checked;
  CREATE TABLE open_table (id int, v text);
  CREATE VIEW open_view AS SELECT id AS i, v AS w FROM open_table;
  CREATE TABLE ruled (id int);
  CREATE RULE tells AS ON DELETE TO ruled DO INSTEAD SELECT * FROM customers;
  CREATE VIEW over_ruled AS SELECT * FROM ruled;
  CREATE VIEW over_over AS SELECT * FROM over_ruled;
  CREATE VIEW middle AS SELECT id FROM open_table;
  CREATE RULE tells AS ON DELETE TO middle DO INSTEAD SELECT * FROM customers;
  CREATE VIEW over_middle AS SELECT * FROM middle;
  CREATE VIEW triggered AS SELECT id, first_name || ' ' || last_name AS name, region FROM customers;
  CREATE FUNCTION moves() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN UPDATE customers SET region = NEW.region WHERE id = OLD.id; RETURN NEW; END';
  CREATE TRIGGER moves INSTEAD OF UPDATE ON triggered FOR EACH ROW EXECUTE FUNCTION moves();
  CREATE TABLE far (customer_id int, body text);
  GRANT ALL ON ALL TABLES IN SCHEMA public TO crm_support, crm_marketing;
  REVOKE INSERT, UPDATE, DELETE ON consents FROM crm_support, crm_marketing;`;

/** Only a superuser makes a foreign-data wrapper. */
const farAway = `
  DROP TABLE far;
  CREATE FOREIGN DATA WRAPPER nowhere;
  CREATE SERVER nowhere FOREIGN DATA WRAPPER nowhere;
  CREATE FOREIGN TABLE far (customer_id int, body text) SERVER nowhere;
  GRANT ALL ON far TO crm_support, crm_marketing;`;

const policy = withCalls(crmPolicy)
  .replace('public.calls.body]', 'public.calls.body, public.checked.hidden, public.far.body]')
  .replace(
    '  public.calls:',
    '  public.far: { key: customer_id }\n  public.checked: { key: customer_id }\n  public.calls:',
  );

/** Each gives, and leaves, what it would over tables that hold what the role sees. */
const statements = [
  "UPDATE people SET region = 'x'",
  "UPDATE people SET given = remark, last_name = email WHERE remark LIKE '%*%' RETURNING id, given",
  "UPDATE people SET region = 'x' WHERE remark LIKE '%canary%' RETURNING *",
  'UPDATE people SET region = remark WHERE remark::int > 0',
  'UPDATE people p SET region = p.loud RETURNING p.id, p.region',
  "UPDATE europeans SET given = 'x' WHERE id < 4 RETURNING id, email",
  "UPDATE europeans SET region = 'US'",
  'UPDATE people SET loud = 1',
  'DELETE FROM ratios',
  'DELETE FROM ratios WHERE minutes > 6 RETURNING customer_id, body',
  'DELETE FROM ratios WHERE r > 5 RETURNING r',
  // A copy of the condition beside the guard would divide by zero in a withheld row.
  'SELECT customer_id, r FROM ratios WHERE r > 5',
  "INSERT INTO ratios (customer_id, minutes, body) VALUES (1, 1, 'new')",
  'UPDATE ratios SET minutes = length(body)',
  "WITH u AS (UPDATE people SET region = 'x' RETURNING email, remark) SELECT * FROM u",
  'UPDATE calls c SET minutes = 0 FROM people p WHERE p.id = c.customer_id AND p.remark = c.body RETURNING c.customer_id',
  "UPDATE joined SET region = 'x'",
  'INSERT INTO people (id, given, last_name) SELECT id + 5000, email, remark FROM people WHERE remark IS NOT NULL RETURNING given, last_name',
  "UPDATE open_view SET w = 'x' RETURNING *",
  'INSERT INTO open_view SELECT id, remark FROM people RETURNING w',
] as const;

const newVersions = [
  "MERGE INTO ratios r USING generate_series(1, 6) s(id) ON r.customer_id = s.id AND r.body = '***' WHEN MATCHED THEN UPDATE SET minutes = 1 WHEN NOT MATCHED THEN INSERT (customer_id, minutes) VALUES (1, s.id) WHEN NOT MATCHED BY SOURCE THEN DELETE",
  'UPDATE people SET region = remark RETURNING old.region, new.region, old.remark',
] as const;

describe.each(postgresVersions)('writes through views on PostgreSQL %i', (version) => {
  const all = version === 18 ? [...statements, ...newVersions] : statements;
  let plain: Governed;
  let worlds: WriteWorlds;
  beforeAll(async () => {
    worlds = await startWriteWorlds(version, { setup, policy });
    plain = worlds.plain;
    await plain.db.query(farAway);
    await plain.refresh();
  });
  afterAll(() => worlds.stop());

  judgesWrites(() => worlds, all);

  it('keeps the stored value where a mask is saved through a view', async () => {
    await plain.raw('BEGIN', 'support');
    await plain.run(
      "UPDATE people SET email = 'a***@example.com', region = 'x' WHERE id = 1",
      plain.session('support'),
    );
    const { rows } = await plain.raw('SELECT email, region FROM customers WHERE id = 1', 'support');
    await plain.raw('ROLLBACK', 'support');
    expect(rows).toEqual([{ email: 'ada.canary1@example.com', region: 'x' }]);
  });

  it('fires an INSTEAD OF trigger for visible rows alone', async () => {
    await plain.raw('BEGIN', 'marketing');
    const { rowCount } = await plain.run("UPDATE triggered SET region = 'x'", plain.session('marketing'));
    const { rows } = await plain.raw("SELECT id FROM customers WHERE region = 'x' ORDER BY id", 'marketing');
    await plain.raw('ROLLBACK', 'marketing');
    expect([rowCount, rows]).toEqual([2, [{ id: 1 }, { id: 3 }]]);
  });

  it.each<[string, string]>([
    ['a CHECK constraint as an oracle', 'UPDATE rechecked SET number = 13'],
    ['a rule of the table behind an open view', 'DELETE FROM over_ruled'],
    ['a rule two views further in', 'DELETE FROM over_over'],
    ['a rule of a view in between', 'DELETE FROM over_middle'],
    ['a foreign table', "UPDATE far SET body = 'x'"],
    ['a foreign table in WITH', 'WITH d AS (DELETE FROM far RETURNING body) SELECT * FROM d'],
    ['a view that hides the key of its rows', 'UPDATE region_counts SET region = $$x$$'],
    ['COPY into a view', 'COPY people (id, given, last_name) FROM STDIN'],
  ])('refuses %s', async (_name, sql) => {
    await expect(plain.run(sql, plain.session('support'))).rejects.toBeInstanceOf(Refused);
  });
});
