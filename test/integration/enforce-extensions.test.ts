/** Extensions behind governed sessions: the reviewed ones work as they are, those that run SQL or tell sizes do not. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { governed, type Governed, Refused } from '../support/governed.js';

const extensions = `
  citext pg_trgm hstore "uuid-ossp" unaccent pgcrypto fuzzystrmatch intarray ltree isn cube
  dblink tablefunc xml2 pg_stat_statements pgstattuple lo sslinfo
`
  .trim()
  .split(/\s+/);

const setup = `
  CREATE TABLE people (id int PRIMARY KEY, nick citext, tags hstore, path ltree, codes int[], isbn isbn);
  INSERT INTO people VALUES (1, 'Ada', 'a=>1', 'top.x', '{1,2}', '978-0-393-04002-9'), (2, 'bob', 'b=>2', 'top.y', '{2,3}', NULL);
  CREATE VIEW nicks AS SELECT id, nick, similarity(nick::text, 'ada') AS likeness FROM people WHERE nick <> 'x';
  GRANT SELECT ON people, nicks TO crm_support;
`;

const works: readonly (readonly [string, unknown])[] = [
  [`SELECT id FROM people WHERE nick = 'ADA'`, 1],
  [`SELECT count(DISTINCT nick)::int FROM people`, 2],
  [`SELECT max(nick) FROM people`, 'bob'],
  [`SELECT nick FROM people ORDER BY nick DESC LIMIT 1`, 'bob'],
  [`SELECT count(*)::int FROM (SELECT nick FROM people GROUP BY nick) AS g`, 2],
  [`SELECT replace(nick, 'ADA', 'x') FROM people WHERE id = 1`, 'x'],
  [`SELECT nick::text || '' FROM people WHERE id = 1`, 'Ada'],
  [`SELECT 'A'::citext = 'a'`, true],
  [`SELECT tags -> 'a' FROM people WHERE id = 1`, '1'],
  [`SELECT akeys(tags) FROM people WHERE id = 1`, ['a']],
  [`SELECT public.hstore('k', 'v') -> 'k'`, 'v'],
  [`SELECT id FROM people WHERE path <@ 'top.y'`, 2],
  [`SELECT codes & '{2}'::int[] FROM people WHERE id = 1`, [2]],
  [`SELECT isbn::text FROM people WHERE id = 1`, '0-393-04002-X'],
  [`SELECT similarity('abc', 'abc')`, 1],
  [`SELECT 'abc' % 'abc'`, true],
  [`SELECT email % 'x' FROM customers WHERE id = 1`, false],
  [`SELECT unaccent('é')`, 'e'],
  [`SELECT levenshtein('a', 'b')`, 1],
  [`SELECT length(uuid_generate_v4()::text)`, 36],
  [`SELECT encode(digest('x', 'md5'), 'hex')`, '9dd4e461268c8034f5c8564e155c67a6'],
  [`SELECT nick FROM nicks WHERE id = 1`, 'Ada'],
];

const refused = [
  `SELECT * FROM dblink('dbname=postgres', 'SELECT 1') AS t (a int)`,
  `SELECT dblink_connect('dbname=postgres')`,
  `SELECT * FROM crosstab('SELECT 1, 2, 3') AS t (a int, b int)`,
  `SELECT * FROM normal_rand(1, 0, 1)`,
  `SELECT * FROM connectby('customers', 'id', 'id', '1', 0) AS t (a int, b int, c int)`,
  `SELECT * FROM xpath_table('id', 'notes', 'customers', '/', 'true') AS t (a int, b text)`,
  `SELECT * FROM pg_stat_statements`,
  `SELECT pg_stat_statements_reset()`,
  `SELECT * FROM pgstattuple('customers')`,
  `SELECT lo_oid(1::lo)`,
  `SELECT ssl_is_used()`,
  `SELECT set_limit(0.1)`,
  `SELECT isn_weak(true)`,
  `SELECT populate_record(NULL::people, 'id=>1'::hstore)`,
];

describe.each([15, 18] as const)('PostgreSQL %i', (version) => {
  let on: Governed;

  beforeAll(async () => {
    on = await governed(version);
    for (const name of extensions) await on.db.query(`CREATE EXTENSION ${name} SCHEMA public`);
    await on.db.query(setup, 'crm_admin');
    await on.refresh();
  });
  afterAll(() => on.close());

  it.each(works)('runs %s', async (sql, expected) => {
    const { rows } = await on.run(sql, on.session('support'), undefined, 'array');
    expect((rows as unknown[][])[0]?.[0]).toEqual(expected);
  });

  it.each(refused)('refuses %s', async (sql) => {
    await expect(on.run(sql, on.session('support'))).rejects.toThrow(Refused);
  });

  it('gives the comparison of citext to citext, not to text, though built-in names have overloads of it', async () => {
    const sql = `SELECT strpos(nick, 'DA'), split_part(nick, 'D', 1), translate(nick, 'A', 'z') FROM people WHERE id = 1`;
    const [ours, theirs] = [await on.run(sql, on.session('support')), await on.raw(sql, 'support')];
    expect(ours.rows).toEqual(theirs.rows);
  });

  it('leaves functions of citext in SQL to pg_catalog while an operator of a user could take their operators over', async () => {
    await on.db.query(
      `CREATE FUNCTION same(int, int) RETURNS boolean LANGUAGE sql AS 'SELECT true';
       CREATE OPERATOR = (FUNCTION = same, LEFTARG = int, RIGHTARG = int)`,
      'crm_admin',
    );
    await on.refresh();
    try {
      const { plans } = await on.plan(`SELECT strpos(nick, 'DA') FROM people`, on.session('support'));
      expect(plans[0]).toMatchObject({ sql: expect.stringContaining('pg_catalog.strpos') as string });
    } finally {
      await on.db.query('DROP OPERATOR public.= (int, int)', 'crm_admin');
      await on.refresh();
    }
  });
});
