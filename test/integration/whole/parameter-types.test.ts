/** A Parse message names types of parameters by OID, past the statement's text: they are held to the same rule. */
import pg from 'pg';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { startProxy, type Proxy } from '../../support/proxy.js';

let proxy: Proxy;
const oids = new Map<string, number>();

beforeAll(async () => {
  proxy = await startProxy(18);
  // Through the proxy, which reads the catalog again after DDL that it saw.
  const admin = await proxy.connect('crm_admin');
  await admin.query(
    `CREATE FUNCTION known(text) RETURNS boolean LANGUAGE sql STABLE AS
       $$ SELECT EXISTS (SELECT FROM customers WHERE notes LIKE $1) $$;
     CREATE DOMAIN known_note AS text CHECK (known(VALUE));
     CREATE DOMAIN short_note AS text CHECK (length(VALUE) < 9)`,
  );
  const client = await proxy.connect('crm_support');
  await vi.waitFor(
    async () => expect(client.query(`SELECT ''::known_note`)).rejects.toThrow(/calls a function/),
    9_000,
  );
  const { rows } = await proxy.db.query(
    `SELECT typname, oid FROM pg_type WHERE typname LIKE '%known_note' OR typname = 'short_note'`,
  );
  for (const { typname, oid } of rows as { typname: string; oid: number }[]) oids.set(typname, oid);
});
afterAll(() => proxy.stop());

/** pg hands `types` on to Parse, and asks it for the parsers of results too. */
function declared(type: string, value: string): pg.QueryConfig {
  const getTypeParser: typeof pg.types.getTypeParser = pg.types.getTypeParser.bind(pg.types);
  const types = Object.assign([oids.get(type)!], { getTypeParser });
  return { text: 'SELECT $1 IS NULL AS n', values: [value], types };
}

it.each(['known_note', '_known_note'])('refuses a parameter of type %s', async (type) => {
  const client = await proxy.connect('crm_support');
  for (const value of ['canary%', '{canary%}']) {
    await expect(client.query(declared(type, value))).rejects.toMatchObject({
      code: '42501',
      message: expect.stringContaining('the type of a parameter') as string,
    });
  }
  await expect(client.query('SELECT 1 AS n')).resolves.toMatchObject({ rows: [{ n: 1 }] });
});

it('takes a parameter of a domain that checks with built-in functions', async () => {
  const client = await proxy.connect('crm_support');
  await expect(client.query(declared('short_note', 'x'))).resolves.toMatchObject({ rows: [{ n: false }] });
});
