/**
 * Objects of an earlier schema that take the names of built-in ones, as a careless or hostile migration leaves them: they
 * must turn no mask and no consent test off, and no call may reach a function that nobody reviewed.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { governed, type Governed, Refused } from '../support/governed.js';

const hostile = `
  CREATE SCHEMA evil;
  GRANT USAGE ON SCHEMA evil TO PUBLIC;
  CREATE FUNCTION evil.always(text, text) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';
  CREATE FUNCTION evil.left(text, integer) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT $1';
  CREATE FUNCTION evil.left(character varying, integer) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT $1::text';
  CREATE FUNCTION evil.repeat(text, integer) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT ''hijacked''';
  CREATE FUNCTION evil.now() RETURNS timestamptz LANGUAGE sql AS 'SELECT timestamptz ''1970-01-01''';
  CREATE FUNCTION evil.timezone(text, timestamptz) RETURNS timestamp LANGUAGE sql AS 'SELECT timestamp ''1970-01-01''';
  CREATE FUNCTION evil.date_trunc(text, date) RETURNS date LANGUAGE sql AS 'SELECT $2';
  CREATE FUNCTION evil.date_trunc(text, timestamp) RETURNS timestamp LANGUAGE sql AS 'SELECT $2';
  CREATE OPERATOR evil.= (LEFTARG = text, RIGHTARG = text, FUNCTION = evil.always);
  CREATE FUNCTION evil.glue(text, text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT $1';
  CREATE OPERATOR evil.|| (LEFTARG = text, RIGHTARG = text, FUNCTION = evil.glue);
  CREATE FUNCTION evil.after(timestamptz, timestamptz) RETURNS boolean LANGUAGE sql AS 'SELECT true';
  CREATE OPERATOR evil.> (LEFTARG = timestamptz, RIGHTARG = timestamptz, FUNCTION = evil.after);
  CREATE DOMAIN evil.jsonb AS pg_catalog.text;
  CREATE DOMAIN evil.text AS pg_catalog.text CHECK (VALUE IS NULL);
  CREATE DOMAIN evil.varchar AS pg_catalog.varchar(3);
  CREATE TABLE evil.pg_class (relname name);
  CREATE TABLE evil.customers (id integer, email text);
  INSERT INTO evil.customers VALUES (1, 'not the address');
  GRANT SELECT ON ALL TABLES IN SCHEMA evil TO PUBLIC;
  CREATE FUNCTION public.length(public.customers) RETURNS text LANGUAGE sql SECURITY DEFINER
    AS 'SELECT string_agg(notes, '','') FROM public.customers';
`;

describe.each([18, 15] as const)('hostile names on PostgreSQL %i', (version) => {
  let crm: Governed;
  let plain: Governed;
  beforeAll(async () => {
    crm = await governed(version, { setup: hostile });
    plain = await governed(version);
  });
  afterAll(() => Promise.all([crm.close(), plain.close()]));

  const paths = [
    ['evil', 'public'],
    ['evil', 'pg_catalog', 'public'],
    ['public', 'evil', 'pg_catalog'],
  ];
  it.each(paths.flatMap((path) => (['support', 'marketing'] as const).map((role) => ({ path, role }))))(
    'change nothing that $role sees under search_path $path',
    async ({ path, role }) => {
      const sql = [
        'SELECT * FROM public.customers ORDER BY id',
        'SELECT c FROM public.customers c ORDER BY id',
        'SELECT * FROM public.orders ORDER BY id',
        'SELECT * FROM public.order_items ORDER BY 1, 2',
        'SELECT * FROM public.tickets ORDER BY 1',
        'SELECT reltuples FROM pg_catalog.pg_class WHERE relname OPERATOR(pg_catalog.=) $$orders$$',
        ...(role === 'support' ? ['SELECT * FROM public.leads ORDER BY 1'] : []),
      ];
      const quoted = path.map((schema) => `"${schema}"`).join(', ');
      for (const each of sql) {
        await crm.run(`SET search_path = ${quoted}`, crm.session(role));
        const attacked = await crm.run(each, crm.session(role, { searchPath: path }));
        await crm.run('RESET search_path', crm.session(role));
        expect(
          attacked.rows.map((row: Record<string, unknown>) => Object.values(row)),
          each,
        ).toEqual(
          (await plain.run(each, plain.session(role))).rows.map((row: Record<string, unknown>) =>
            Object.values(row),
          ),
        );
      }
    },
  );

  it.each([
    // A functional call in attribute notation has no place for pg_catalog.
    'SELECT c.length FROM customers c',
    'SELECT (c).length FROM customers c',
    'SELECT (SELECT c.length) FROM customers c',
    "SELECT ('/etc/passwd'::text).pg_read_file",
    "SELECT TREAT('/etc/passwd' AS pg_read_file)",
    "SELECT x.query_to_xml FROM (SELECT 'select 1'::text AS q) x",
    // The arguments of EXECUTE are expressions too.
    "EXECUTE p(query_to_xml('select notes from public.customers', true, true, '')::text)",
    "EXECUTE p(pg_catalog.table_to_xml('public.customers', true, true, '')::text)",
    'EXECUTE p(evil.left($$x$$, 1))',
  ])('are not reached by: %s', async (sql) => {
    await expect(crm.run(sql, crm.session('support'))).rejects.toBeInstanceOf(Refused);
  });

  it('a schema keeps its table where both of a name are read', async () => {
    const sql =
      'SELECT public.customers.email AS ours, (SELECT evil.customers.email FROM evil.customers) AS theirs FROM public.customers WHERE id OPERATOR(pg_catalog.=) 1';
    const { rows } = await crm.run(sql, crm.session('support'));
    expect(rows).toEqual([{ ours: 'a***@example.com', theirs: 'not the address' }]);
  });

  it('a schema means the outer table inside a subquery over another of that name', async () => {
    const column =
      'SELECT (SELECT public.customers.email FROM evil.customers LIMIT 1) AS v FROM public.customers WHERE id OPERATOR(pg_catalog.=) 1';
    expect((await crm.run(column, crm.session('support'))).rows).toEqual([{ v: 'a***@example.com' }]);
    const row =
      'SELECT (SELECT public.customers::text FROM evil.customers LIMIT 1) AS v FROM public.customers WHERE id OPERATOR(pg_catalog.=) 1';
    await expect(crm.run(row, crm.session('support'))).rejects.toThrow();
  });

  it('EXECUTE takes ordinary arguments', async () => {
    await crm.run('PREPARE p(text) AS SELECT $1 AS x', crm.session('support'));
    const { rows } = await crm.run("EXECUTE p(upper('a'))", crm.session('support'));
    expect(rows).toEqual([{ x: 'A' }]);
  });
});
