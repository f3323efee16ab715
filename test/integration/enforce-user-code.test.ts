/**
 * Code that users and extensions brought, behind names, operators, casts, types and operator classes: nothing of it runs
 * for a governed session unless the policy lists it or it was reviewed. `spill` stands for what reads a protected table.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { crmPolicy, governed, type Governed, Refused } from '../support/governed.js';

const setup = `
  CREATE FUNCTION spill(text) RETURNS text LANGUAGE plpgsql STABLE AS
    $$ BEGIN RETURN (SELECT string_agg(email, ',') FROM customers); END $$;
  CREATE FUNCTION spilt(text) RETURNS boolean LANGUAGE sql STABLE AS
    $$ SELECT EXISTS (SELECT FROM customers WHERE notes LIKE $1) $$;
  CREATE FUNCTION spilt(text, text) RETURNS boolean LANGUAGE sql STABLE AS $$ SELECT spilt($1) $$;
  CREATE FUNCTION spill_step(text, text) RETURNS text LANGUAGE sql STABLE AS $$ SELECT spill($2) $$;
  CREATE AGGREGATE spill_all(text) (SFUNC = spill_step, STYPE = text);
  CREATE OPERATOR ~~~~ (FUNCTION = spilt, LEFTARG = text, RIGHTARG = text);
  CREATE OPERATOR !@ (FUNCTION = pg_catalog.ts_stat, LEFTARG = text, RIGHTARG = text);
  CREATE OPERATOR =|= (FUNCTION = pg_catalog.texteq, LEFTARG = text, RIGHTARG = text);
  CREATE DOMAIN known_note AS text CHECK (spilt(VALUE));
  CREATE DOMAIN known_by_operator AS text CHECK (VALUE ~~~~ VALUE);
  CREATE DOMAIN known_twice AS known_note;
  CREATE DOMAIN plain_email AS text CHECK (VALUE LIKE '%@%');
  CREATE TYPE boxed AS (note known_note, n int);
  CREATE TYPE twice_boxed AS (b boxed);
  CREATE TYPE sealed AS (n int);
  CREATE FUNCTION sealed_text(sealed) RETURNS text LANGUAGE sql STABLE AS $$ SELECT spill('') $$;
  CREATE CAST (sealed AS text) WITH FUNCTION sealed_text(sealed) AS IMPLICIT;
  CREATE TABLE seals (id int PRIMARY KEY, s sealed);
  CREATE TABLE notes_known (id int PRIMARY KEY, note known_note);
  CREATE VIEW coerced AS SELECT id FROM products WHERE (name::known_note) IS NOT NULL;
  CREATE VIEW over_coerced AS SELECT id FROM coerced;
  CREATE VIEW recast AS SELECT s::text AS t FROM seals;
  CREATE DOMAIN upper AS text CHECK (spilt(VALUE));
  CREATE FUNCTION twin(text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT $1 $$;
  CREATE FUNCTION twin(integer) RETURNS text LANGUAGE sql STABLE AS $$ SELECT spill('') $$;
  CREATE FUNCTION listed(text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT 'listed' $$;
  GRANT SELECT ON seals, notes_known, coerced, over_coerced, recast TO crm_support;
`;

const policy = `${crmPolicy}\nfunctions: ["public.listed", "public.twin(text)"]\n`;

/** Statements that would run code of a user's. */
const refused = [
  `SELECT spill('')`,
  `SELECT public.spill('')`,
  `SELECT spill_all(region) FROM customers`,
  `SELECT spill_all(region) OVER () FROM customers`,
  `SELECT * FROM spill('')`,
  `SELECT (c.region).spill FROM customers c`,
  `SELECT 'x' ~~~~ 'y'`,
  `SELECT 'x' OPERATOR(public.~~~~) 'y'`,
  `SELECT 1 WHERE 'x' ~~~~ ANY (ARRAY['y'])`,
  `SELECT id FROM customers ORDER BY region USING ~~~~`,
  `SELECT 'SELECT 1' !@ 'x'`,
  `SELECT 'canary%'::known_note`,
  `SELECT 'canary%'::public.known_note`,
  `SELECT CAST('canary%' AS known_twice)`,
  `SELECT 'a'::known_by_operator`,
  `SELECT '{a}'::known_note[]`,
  `SELECT '{a}'::_known_note`,
  `SELECT known_note 'canary%'`,
  `SELECT known_note('canary%')`,
  `SELECT public.known_note('canary%')`,
  `SELECT '(a,1)'::boxed`,
  `SELECT '("(a,1)")'::twice_boxed`,
  `SELECT ROW('a', 1)::boxed`,
  `SELECT (NULL::notes_known).note`,
  `SELECT * FROM json_to_record('{"note": "a"}') AS r (note known_note)`,
  `SELECT * FROM jsonb_populate_record(NULL::boxed, '{"note": "a"}')`,
  `SELECT jsonb_populate_record(n, '{"note": "canary%"}') FROM notes_known n`,
  `SELECT pg_input_is_valid('canary%', 'known_note')`,
  `SELECT * FROM XMLTABLE('/a' PASSING '<a>x</a>' COLUMNS note known_note PATH '.')`,
  `PREPARE p (known_note) AS SELECT $1`,
  `SELECT s::text FROM seals`,
  `SELECT length(s) FROM seals`,
  `SELECT 'x' || s FROM seals`,
  `SELECT '(1)'::sealed || ''`,
  `SELECT id FROM coerced`,
  `SELECT id FROM over_coerced`,
  `SELECT 1 FROM recast`,
  `SELECT twin(1)`,
  `SELECT twin('x')`,
  `SELECT ts_rewrite('a'::tsquery, 'SELECT 1')`,
  `SELECT current_query()`,
  `SELECT query_to_xml('SELECT 1', true, true, '')`,
  `SELECT pg_catalog.table_to_xml('customers', true, true, '')`,
  `SELECT * FROM ts_stat('SELECT 1')`,
  `SELECT textin('x')`,
  `SELECT numeric_avg(NULL)`,
  `SELECT array_in('{x}', 'known_note'::regtype, -1)`,
  `SELECT domain_in('canary%', 'known_note'::regtype, -1)`,
  `SELECT pg_stat_get_live_tuples('customers'::regclass)`,
  `SELECT setval('customers_id_seq', 1)`,
  `SELECT pg_sequence_last_value('customers_id_seq')`,
  `SELECT currtid2('customers', '(0,1)')`,
  `SELECT txid_status(1)`,
  `SELECT pg_read_file('PG_VERSION')`,
  `SELECT lo_get(1)`,
  `SELECT pg_cancel_backend(1)`,
  `SELECT pg_notify('a', 'b')`,
  `SELECT pg_export_snapshot()`,
];

/** Statements that have nothing of the kind, with their one value. */
const works: readonly (readonly [string, unknown])[] = [
  [`SELECT upper('x')`, 'X'],
  [`SELECT upper(region) FROM customers WHERE id = 1`, 'EU'],
  [`SELECT listed('x')`, 'listed'],
  [`SELECT public.listed('x')`, 'listed'],
  [`SELECT 'a' =|= 'a'`, true],
  [`SELECT 'x' OPERATOR(pg_catalog.=) 'y'`, false],
  [`SELECT 'a@b'::plain_email`, 'a@b'],
  [`SELECT plain_email 'a@b'`, 'a@b'],
  [`SELECT id::text || '' FROM customers WHERE id = 1`, '1'],
  [`SELECT count(*)::int FROM notes_known`, 0],
  [`SELECT ts_rewrite('a & b'::tsquery, 'a'::tsquery, 'c'::tsquery)::text`, `'b' & 'c'`],
  [`SELECT extract(year FROM date '2020-02-03')::int`, 2020],
  [`SELECT substring('abc' FROM 2 FOR 1)`, 'b'],
  [`SELECT substring('abc', 2)`, 'bc'],
  [`SELECT overlay('abc' PLACING 'x' FROM 2)`, 'axc'],
  [`SELECT trim(both 'x' FROM 'xax')`, 'a'],
  [`SELECT position('b' IN 'abc')`, 2],
  [`SELECT pg_table_size('customers')`, null],
  [`SELECT pg_size_pretty(pg_total_relation_size('customers'::regclass))`, null],
  [`SELECT pg_relation_size('customers', 'main')`, null],
  [`SELECT pg_database_size(current_database())`, null],
  [`SELECT sum(pg_table_size(c.oid)) FROM pg_class c`, null],
  [`SELECT pg_catalog.pg_indexes_size($$customers$$)`, null],
  [`SELECT * FROM pg_table_size('customers') AS size`, null],
];

describe.each([15, 18] as const)('PostgreSQL %i', (version) => {
  let on: Governed;

  beforeAll(async () => {
    on = await governed(version, { policy, setup });
    await on.db.query(`INSERT INTO seals VALUES (1, '(1)')`, 'crm_admin');
    await on.refresh();
  });
  afterAll(() => on.close());

  it.each(refused)('refuses %s', async (sql) => {
    await expect(on.run(sql, on.session('support'))).rejects.toThrow(Refused);
  });

  it.each(works)('runs %s', async (sql, expected) => {
    const { rows } = await on.run(sql, on.session('support'), undefined, 'array');
    expect((rows as unknown[][])[0]?.[0]).toEqual(expected);
  });

  it('keeps the name and the type of an answer that is left blank', async () => {
    const sql = `SELECT pg_table_size(c.oid), pg_catalog.pg_relation_size(c.oid::regclass) FROM pg_class c WHERE relname = 'customers'`;
    const [ours, theirs] = [await on.run(sql, on.session('support')), await on.raw(sql, 'support')];
    expect(ours.fields.map(({ name, dataTypeID }) => [name, dataTypeID])).toEqual(
      theirs.fields.map(({ name, dataTypeID }) => [name, dataTypeID]),
    );
  });

  it('says which function stands behind a refused type', async () => {
    const { plans } = await on.plan(`SELECT 'x'::known_twice`, on.session('support'));
    expect(plans[0]).toMatchObject({ kind: 'refuse', refusal: { code: 'function-not-allowed' } });
    expect(JSON.stringify(plans[0])).toContain('public.spilt');
  });

  it('lets a listed function stand behind an operator, a domain and a cast', async () => {
    const listing = `${crmPolicy}\nfunctions: [public.spilt, public.sealed_text]\n`;
    const open = await governed(version, { policy: listing, setup });
    try {
      for (const sql of [
        `SELECT 'x' ~~~~ 'y'`,
        `SELECT s::text FROM seals`,
        `SELECT 'canary-note-1%'::known_note`,
      ]) {
        await expect(open.run(sql, open.session('support'))).resolves.toBeDefined();
      }
    } finally {
      await open.close();
    }
  });

  it('refuses everything while a cast between built-in types calls an unlisted function', async () => {
    const cast = `CREATE FUNCTION int_date(integer) RETURNS date LANGUAGE sql AS $$ SELECT '2020-01-01'::date $$`;
    await on.db.query(`${cast}; CREATE CAST (integer AS date) WITH FUNCTION int_date(integer) AS IMPLICIT`);
    await on.refresh();
    try {
      await expect(on.run('SELECT 1', on.session('support'))).rejects.toThrow(/a cast between types/);
    } finally {
      await on.db.query('DROP CAST (integer AS date); DROP FUNCTION int_date(integer)');
      await on.refresh();
    }
  });

  it('refuses what a superuser put into pg_catalog, qualified or not', async () => {
    await on.db.query(
      `CREATE FUNCTION pg_catalog.upper(text, text) RETURNS text LANGUAGE sql AS $$ SELECT public.spill('') $$`,
    );
    await on.refresh();
    try {
      for (const sql of [
        `SELECT pg_catalog.upper('a', 'b')`,
        `SELECT upper('a', 'b')`,
        `SELECT upper('a')`,
      ]) {
        await expect(on.run(sql, on.session('support'))).rejects.toThrow(Refused);
      }
    } finally {
      await on.db.query('DROP FUNCTION pg_catalog.upper(text, text)');
      await on.refresh();
    }
  });
});
