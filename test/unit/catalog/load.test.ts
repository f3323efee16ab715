import { readFile } from 'node:fs/promises';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadCatalog, loadCatalogInTransaction } from '../../../src/catalog/load.js';
import type { Catalog, Relation } from '../../../src/catalog/types.js';
import { createDatabase, type TestDatabase } from '../../support/databases.js';
import { postgresVersions } from '../../support/servers.js';

describe.each(postgresVersions)('loadCatalog on PostgreSQL %i', (version) => {
  let database: TestDatabase;
  let client: pg.Client;
  let catalog: Catalog;

  beforeAll(async () => {
    database = await createDatabase(version, { fixture: 'fixtures/crm.sql' });
    await database.query(await readFile('test/unit/catalog/structures.sql', 'utf8'));
    // The role that may read nothing but pg_catalog.
    client = await database.connect('pgveil_catalog');
    catalog = await loadCatalog(client);
  });
  afterAll(() => database.drop());

  const relation = (schema: string, name: string): Relation => {
    const found = catalog.relation(schema, name);
    if (found === undefined) throw new Error(`${schema}.${name} is not in the catalog`);
    return found;
  };
  const column = (schema: string, name: string, wanted: string) =>
    relation(schema, name).columns.find((one) => one.name === wanted);

  it('says whose structure it is', () => {
    expect(catalog.database).toBe(database.name);
    expect(Math.floor(catalog.serverVersion / 10_000)).toBe(version);
    expect(Date.now() - catalog.loadedAt).toBeLessThan(60_000);
  });

  it('knows the CRM’s columns with their exact types', () => {
    const customers = relation('public', 'customers');
    expect(customers.kind).toBe('table');
    expect(customers.columns.map((one) => `${one.attnum} ${one.name} ${one.type}`)).toEqual([
      '1 id integer',
      '2 first_name text',
      '3 last_name text',
      '4 email character varying(200)',
      '5 phone character varying(30)',
      '6 birth_date date',
      '7 region text',
      '8 notes text',
      '9 profile jsonb',
      '10 do_not_call boolean',
      '11 restricted_at timestamp with time zone',
      '12 created_at timestamp with time zone',
    ]);
    expect(column('public', 'customers', 'email')).toMatchObject({
      typmod: 204,
      baseType: 'character varying(200)',
      baseTypeName: 'varchar',
      typeCategory: 'S',
      notNull: false,
      generated: false,
      hasDefault: false,
    });
    expect(column('public', 'customers', 'id')).toMatchObject({ notNull: true, hasDefault: true });
    expect(column('public', 'customers', 'region')).toMatchObject({ notNull: true, hasDefault: true });
    expect(catalog.relationByOid(customers.oid)).toBe(customers);
  });

  it('knows keys and indexes', () => {
    expect(relation('public', 'customers').keys).toEqual([
      { columns: [1], primary: true },
      { columns: [4], primary: false },
    ]);
    expect(relation('public', 'order_items').keys).toEqual([{ columns: [1, 2], primary: true }]);
    expect(relation('public', 'consents').indexes).toContainEqual({
      columns: [2, 3, 5],
      unique: false,
      partial: false,
    });
  });

  it('takes as a key only what holds at every moment for every row', () => {
    const parts = relation('shop', 'parts');
    const [id, price, address] = ['id', 'price', 'address'].map(
      (name) => column('shop', 'parts', name)?.attnum,
    );
    expect(parts.keys).toEqual([{ columns: [address, id], primary: false }]);
    expect(parts.indexes).toContainEqual({ columns: [price], unique: true, partial: false });
    expect(parts.indexes).toContainEqual({ columns: [id], unique: true, partial: true });
    expect(parts.indexes).toContainEqual({ columns: [0, id], unique: true, partial: false });
  });

  it('leaves dropped columns out and keeps the numbers of the others', () => {
    expect(relation('shop', 'parts').columns.map((one) => one.attnum)).toEqual([1, 3, 4, 5, 6, 7, 8, 9]);
  });

  it('looks below domains on domains', () => {
    expect(column('shop', 'parts', 'code')).toMatchObject({
      type: 'shop.short_code',
      baseType: 'character varying(12)',
      baseTypeName: 'varchar',
      typeCategory: 'S',
      notNull: false,
    });
  });

  it.each([
    ['mood', { type: 'shop.mood', typeCategory: 'E', baseTypeName: 'mood' }],
    ['moods', { type: 'shop.mood[]', typeCategory: 'A', baseTypeName: '_mood' }],
    ['price', { type: 'numeric(8,3)', typeCategory: 'N', hasDefault: true, generated: false }],
    ['nickname', { type: 'shop.citext', typeCategory: 'S', baseTypeName: 'citext' }],
    ['doubled', { type: 'numeric', generated: true, hasDefault: false }],
    ['address', { type: 'inet', typeCategory: 'I' }],
  ])('knows the type of shop.parts.%s', (name, expected) => {
    expect(column('shop', 'parts', name)).toMatchObject(expected);
  });

  it('prints view definitions with qualified names', () => {
    const view = relation('public', 'customer_directory');
    expect(view.kind).toBe('view');
    expect(view.definition).toContain('FROM public.customers c');
    expect(relation('shop', 'cheap')).toMatchObject({ kind: 'materialized-view' });
    expect(relation('shop', 'cheap').definition).toContain('FROM shop.parts');
    expect(relation('public', 'customers').definition).toBeUndefined();
  });

  it('follows partitions and inheritance both ways', () => {
    const events = relation('shop', 'events');
    expect(events.kind).toBe('partitioned-table');
    expect(catalog.descendants(events.oid).map((one) => one.name)).toEqual(['events_2026', 'events_2026_05']);
    expect(relation('shop', 'events_2026_05').parents).toEqual([relation('shop', 'events_2026').oid]);
    expect(catalog.descendants(relation('shop', 'animals').oid)).toEqual([relation('shop', 'pets')]);
    expect(catalog.descendants(relation('shop', 'pets').oid)).toEqual([]);
  });

  it('keeps odd names, persistence and comments as they are', () => {
    const odd = relation('Odd Names', 'Say "hi"');
    expect(odd.persistence).toBe('unlogged');
    expect(odd.columns[0]?.name).toBe('A b');
    expect(relation('shop', 'parts').comment).toBe('what things are made of');
  });

  it('knows the system’s relations by their columns only', () => {
    const pgClass = relation('pg_catalog', 'pg_class');
    expect(pgClass.columns.find((one) => one.name === 'relname')?.type).toBe('name');
    expect(pgClass.keys).toEqual([]);
    expect(relation('information_schema', 'tables').columns.length).toBeGreaterThan(5);
    expect(relation('information_schema', 'tables').definition).toBeUndefined();
    expect(catalog.relations.filter((one) => one.schema === 'pg_toast')).toEqual([]);
  });

  it('tells users’ functions, operators and types from PostgreSQL’s', () => {
    expect(catalog.userFunctions('left')).toMatchObject([
      { schema: 'shop', signature: 'value text, n integer', language: 'sql', extension: undefined },
    ]);
    expect(catalog.userFunctions('shout')).toMatchObject([{ language: 'plpgsql' }]);
    expect(catalog.userFunctions('citextin')).toMatchObject([{ language: 'internal', extension: 'citext' }]);
    expect(catalog.userFunctions('upper')).toEqual([]);
    expect(catalog.hasBuiltinFunction('left')).toBe(true);
    expect(catalog.hasBuiltinFunction('shout')).toBe(false);
    expect(catalog.userOperators('=')).toContainEqual(
      expect.objectContaining({ schema: 'shop', functionLanguage: 'sql', extension: undefined }),
    );
    expect(catalog.userOperators('=')).toContainEqual(
      expect.objectContaining({ schema: 'shop', functionLanguage: 'c', extension: 'citext' }),
    );
    expect(catalog.userOperators('+')).toEqual([]);
    for (const name of ['mood', 'pair', 'code', 'citext', 'parts', '_mood']) {
      expect(catalog.userTypes(name)).toMatchObject([{ schema: 'shop' }]);
    }
    expect(catalog.userTypes('text')).toEqual([]);
  });

  it('knows schemas, also empty ones', () => {
    for (const name of ['public', 'shop', 'Odd Names', 'pg_catalog'])
      expect(catalog.hasSchema(name)).toBe(true);
    expect(catalog.hasSchema('odd names')).toBe(false);
    expect(catalog.relation('nowhere', 'customers')).toBeUndefined();
  });

  it('is the same for every role and every search_path', async () => {
    const owner = await database.connect('crm_admin');
    await owner.query('SET search_path = shop, public; SET quote_all_identifiers = on');
    expect((await loadCatalog(owner)).version).toBe(catalog.version);
  });

  it('leaves the connection’s settings as they were', async () => {
    const shown = await client.query<{ search_path: string }>('SHOW search_path');
    expect(shown.rows[0]?.search_path).toBe('"$user", public');
  });

  it('is not changed by rows or by other sessions’ temporary tables', async () => {
    const owner = await database.connect('crm_admin');
    await owner.query(`INSERT INTO app_log (message) VALUES ('x'); CREATE TEMP TABLE customers (id integer)`);
    expect((await loadCatalog(client)).version).toBe(catalog.version);
  });

  // Each changes something that a decision may rest on.
  it.each([
    'ALTER TABLE leads ADD COLUMN phone text',
    'ALTER TABLE leads ALTER COLUMN email TYPE varchar(100)',
    'ALTER TABLE leads RENAME COLUMN phone TO telephone',
    'ALTER TABLE leads DROP COLUMN telephone',
    'CREATE VIEW lead_sources AS SELECT source FROM leads',
    `CREATE OR REPLACE VIEW lead_sources AS SELECT upper(source) AS source FROM leads`,
    'CREATE UNIQUE INDEX leads_email ON leads (email)',
    'CREATE FUNCTION lower(leads) RETURNS text LANGUAGE sql AS $$ SELECT 1 $$',
    'CREATE SCHEMA later AUTHORIZATION crm_admin',
    'ALTER TABLE leads SET SCHEMA later',
  ])('has another version after %s', async (ddl) => {
    const before = await loadCatalog(client);
    await database.query(ddl);
    const after = await loadCatalog(client);
    expect(after.version).not.toBe(before.version);
    expect((await loadCatalog(client)).version).toBe(after.version);
  });

  it('sees what the caller’s own transaction has made, and leaves that transaction as it was', async () => {
    const owner = await database.connect('crm_admin');
    await owner.query('BEGIN; CREATE TABLE uncommitted (id integer)');
    const inside = await loadCatalogInTransaction(owner);
    expect(inside.relation('public', 'uncommitted')).toBeDefined();
    // Unqualified: the caller's search_path holds again.
    await owner.query('INSERT INTO uncommitted VALUES (1)');
    await owner.query('ROLLBACK');
    expect((await loadCatalog(client)).relation('public', 'uncommitted')).toBeUndefined();
  });

  it('ends its transaction when it fails', async () => {
    const locker = await database.connect();
    await locker.query('BEGIN; LOCK TABLE customers');
    await expect(loadCatalog(client)).rejects.toMatchObject({ code: '55P03' });
    await locker.query('ROLLBACK');
    await expect(loadCatalog(client)).resolves.toBeDefined();
  });
});
