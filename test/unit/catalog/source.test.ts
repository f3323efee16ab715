import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startPostgres } from '../../../src/cli/launch/postgres.js';
import type { RefreshReport } from '../../../src/catalog/database-catalog.js';
import { CatalogSource, type CatalogSourceOptions } from '../../../src/catalog/source.js';
import type { Catalog } from '../../../src/catalog/types.js';
import { createDatabase, type TestDatabase } from '../../support/databases.js';

describe('CatalogSource', () => {
  let database: TestDatabase;
  let source: CatalogSource;
  let changes: Catalog[];
  let reports: RefreshReport[];

  const start = (options: Partial<CatalogSourceOptions> = {}): CatalogSource => {
    changes = [];
    reports = [];
    source = new CatalogSource({
      url: database.url('pgveil_catalog').replace(database.name, 'postgres'),
      refreshMs: 60_000,
      staleAfterMs: 60_000,
      onChange: (_database, catalog) => changes.push(catalog),
      onRefresh: (report) => reports.push(report),
      ...options,
    });
    return source;
  };

  beforeEach(async () => {
    database = await createDatabase(18, { fixture: 'fixtures/crm.sql' });
  });
  afterEach(async () => {
    await source.stop();
    await database.drop();
  });

  it('loads the database of the client, whatever database its URL names', async () => {
    start();
    expect(source.current(database.name)).toBeUndefined();
    expect(source.isStale(database.name)).toBe(true);
    const catalog = await source.open(database.name);
    expect(catalog.database).toBe(database.name);
    expect(source.current(database.name)).toBe(catalog);
    expect(source.isStale(database.name)).toBe(false);
    expect(source.ageMs(database.name)).toBeLessThan(30_000);
    expect(source.databases()).toEqual([database.name]);
    expect(changes).toEqual([catalog]);
    expect(reports).toMatchObject([{ database: database.name, reason: 'first', result: 'changed' }]);
  });

  it('sees a relation that was created just before', async () => {
    start();
    await source.open(database.name);
    await database.query('CREATE TABLE brand_new (id integer)');
    const catalog = await source.refreshNow(database.name);
    expect(catalog.relation('public', 'brand_new')).toBeDefined();
    expect(source.current(database.name)).toBe(catalog);
  });

  it('keeps the same object while nothing changes', async () => {
    start();
    const catalog = await source.open(database.name);
    expect(await source.refreshNow(database.name)).toBe(catalog);
    expect(changes).toHaveLength(1);
    expect(reports.map((one) => one.result)).toEqual(['changed', 'unchanged']);
  });

  it('shares a load among those who ask at the same time', async () => {
    start();
    await Promise.all(Array.from({ length: 50 }, () => source.open(database.name)));
    await Promise.all(Array.from({ length: 50 }, () => source.refreshNow(database.name)));
    expect(reports.length).toBeLessThanOrEqual(4);
  });

  it('does not answer with a load that began before the question', async () => {
    start();
    await source.open(database.name);
    const early = source.refreshNow(database.name);
    await sleep(210); // by now the first one is reading
    await database.query('CREATE TABLE in_between (id integer)');
    const late = await source.refreshNow(database.name);
    await early;
    expect(late.relation('public', 'in_between')).toBeDefined();
  });

  it('loads soon after DDL, once for many statements', async () => {
    start();
    await source.open(database.name);
    await database.query('CREATE TABLE by_ddl (id integer)');
    for (let n = 0; n < 20; n += 1) source.noteDdl(database.name);
    await until(() => source.current(database.name)?.relation('public', 'by_ddl') !== undefined);
    expect(reports.map((one) => one.reason)).toEqual(['first', 'ddl']);
  });

  it('loads by interval', async () => {
    start({ refreshMs: 100 });
    await source.open(database.name);
    await database.query('CREATE TABLE by_interval (id integer)');
    await until(() => source.current(database.name)?.relation('public', 'by_interval') !== undefined);
    expect(reports.at(-1)?.reason).toBe('interval');
  });

  it('does not stand in the way of DROP DATABASE, and forgets a database that is gone', async () => {
    start();
    await source.open(database.name);
    await database.query('SELECT 1');
    const server = await createDatabase(18);
    await server.query(`DROP DATABASE ${database.name}`);
    await server.drop();
    await expect(source.refreshNow(database.name)).rejects.toMatchObject({ code: '3D000' });
    expect(source.current(database.name)).toBeUndefined();
    expect(source.databases()).toEqual([]);
  });

  it('forgets a database that it could not read, and asks for it no more', async () => {
    start({ refreshMs: 100 });
    const other = await createDatabase(18);
    await other.query(`ALTER DATABASE ${database.name} ALLOW_CONNECTIONS false`);
    await expect(source.open(database.name)).rejects.toMatchObject({ code: '55000' });
    await until(() => source.databases().length === 0);
    await sleep(250);
    expect(reports.map((one) => one.result)).toEqual(['failed']);
    await other.query(`ALTER DATABASE ${database.name} ALLOW_CONNECTIONS true`);
    await other.drop();
    await source.open(database.name);
    await sleep(250);
    expect(source.databases()).toEqual([database.name]);
  });

  it('refuses a URL that is none, without repeating it', () => {
    start();
    expect(() => start({ url: 'host=db password=hunter2' })).toThrow(/^catalog\.url is not a URL/);
  });

  it('survives a restart of the server: the last good snapshot ages, and is confirmed again', async () => {
    const server = await startPostgres({ version: 18 });
    try {
      const url = `postgres://${server.superuser}:${server.password}@127.0.0.1:${server.port}/postgres`;
      start({ url, refreshMs: 100, staleAfterMs: 700 });
      const catalog = await source.open('postgres');
      await server.kill();
      await until(() => source.isStale('postgres'));
      expect(source.current('postgres')).toBe(catalog);
      await expect(source.refreshNow('postgres')).rejects.toThrow();
      expect(reports.at(-1)).toMatchObject({ result: 'failed' });
      await server.restart();
      await until(() => !source.isStale('postgres'));
      expect(source.current('postgres')).toBe(catalog);
    } finally {
      await server.stop();
    }
  });
});

async function until(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 15_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error('the condition did not come true within 15 s');
    await sleep(20);
  }
}
