/** Writes to tables with rules, triggers, CHECK constraints, generated columns, partitions and children. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { crmPolicy, governed, Refused, type Governed } from '../support/governed.js';
import { postgresVersions } from '../support/servers.js';

const setup = `
  CREATE TABLE parent (id int, v text, secret text);
  CREATE TABLE child (extra text) INHERITS (parent);
  INSERT INTO parent VALUES (1, 'v', 'canary-p');
  INSERT INTO child VALUES (2, 'v', 'canary-c', 'canary-e');
  CREATE TABLE part (id int, v text, secret text) PARTITION BY LIST (id);
  CREATE TABLE part_1 PARTITION OF part FOR VALUES IN (1);
  CREATE TABLE part_2 PARTITION OF part FOR VALUES IN (2);
  INSERT INTO part VALUES (1, 'v', 'canary-x');
  CREATE TABLE ruled (id int, v text);
  CREATE TABLE plain (id int);
  INSERT INTO ruled VALUES (1, 'canary-r');
  CREATE RULE tells AS ON DELETE TO ruled DO INSTEAD SELECT * FROM ruled;
  CREATE RULE tells AS ON DELETE TO plain DO INSTEAD SELECT * FROM ruled;
  CREATE TABLE triggered (id int, v text, w int);
  INSERT INTO triggered VALUES (1, 'canary-t', 0);
  CREATE FUNCTION copies() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.w = NEW.w + 1; RETURN NEW; END';
  CREATE TRIGGER copies BEFORE UPDATE ON triggered FOR EACH ROW EXECUTE FUNCTION copies();
  CREATE TABLE made (i int GENERATED ALWAYS AS IDENTITY, a text, g text GENERATED ALWAYS AS (upper(a)) STORED);
  INSERT INTO made (a) VALUES ('canary-g');
  CREATE TABLE checked (id int PRIMARY KEY, n int, free int, hidden int, CHECK (n < hidden), CHECK (hidden > 0));
  INSERT INTO checked VALUES (1, 5, 0, 42);
  GRANT ALL ON ALL TABLES IN SCHEMA public TO crm_support;`;
const labelled =
  'parent.secret child.extra part.secret ruled.v triggered.v made.a made.g checked.hidden'.split(' ');
const policy = crmPolicy.replace(
  'labels:',
  `labels:\n  some.secret: [${labelled.map((each) => `public.${each}`).join(', ')}]`,
);

describe.each(postgresVersions)('writes to tables of every make on PostgreSQL %i', (version) => {
  let crm: Governed;
  beforeAll(async () => {
    crm = await governed(version, { setup, policy });
  });
  afterAll(() => crm.close());

  async function write(sql: string): Promise<unknown[]> {
    await crm.raw('BEGIN', 'support');
    try {
      return (await crm.run(sql, crm.session('support'), undefined, 'array')).rows as unknown[];
    } finally {
      await crm.raw('ROLLBACK', 'support');
    }
  }

  it.each<[string, string, unknown[]]>([
    [
      'a parent and its children',
      "UPDATE parent SET v = 'x' RETURNING *",
      [
        [1, 'x', '***'],
        [2, 'x', '***'],
      ],
    ],
    ['a parent ONLY', "UPDATE ONLY parent SET v = 'x' RETURNING *", [[1, 'x', '***']]],
    ['a child', 'DELETE FROM child RETURNING *', [[2, 'v', '***', '***']]],
    ['a row that moves to another partition', 'UPDATE part SET id = 2 RETURNING *', [[2, 'v', '***']]],
    ['a partition', "UPDATE part_1 SET secret = '***' RETURNING *", [[1, 'v', '***']]],
    ['a trigger that changes the row', 'UPDATE triggered SET w = 1 RETURNING *', [[1, '***', 2]]],
    ['a generated column', "UPDATE made SET a = 'new' RETURNING *", [[1, '***', '***']]],
    ['DEFAULT for generated columns', 'UPDATE made SET g = DEFAULT RETURNING g', [['***']]],
    [
      'a hidden column that a CHECK ties to nothing else',
      'UPDATE checked SET hidden = 50 RETURNING *',
      [[1, 5, 0, 0]],
    ],
    ['a column beside the CHECK', 'UPDATE checked SET free = 1 RETURNING *', [[1, 5, 1, 0]]],
    [
      'an INSERT, whose values the client knows',
      'INSERT INTO checked VALUES (2, 1, 1, 2) RETURNING id, hidden',
      [[2, 0]],
    ],
  ])('understands %s', async (_name, sql, rows) => {
    expect(await write(sql)).toEqual(rows);
  });

  it.each<[string, string]>([
    ['a rule that shows the rows', 'DELETE FROM ruled'],
    ['a rule of an open table that shows rows of a protected one', 'DELETE FROM plain'],
    ['a CHECK as an oracle', 'UPDATE checked SET n = 41'],
    ['the same beside the mask of the hidden column', 'UPDATE checked SET n = 41, hidden = 0'],
    [
      'the same in ON CONFLICT',
      'INSERT INTO checked VALUES (1, 1, 1, 2) ON CONFLICT (id) DO UPDATE SET n = 41',
    ],
  ])('refuses %s', async (_name, sql) => {
    await expect(write(sql)).rejects.toBeInstanceOf(Refused);
  });
});
