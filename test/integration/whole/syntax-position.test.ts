/** A syntax error that pgveil finds is told at the place where the server would tell it. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type pg from 'pg';
import { startProxy, type Proxy } from '../../support/proxy.js';
import { postgresVersions } from '../../support/servers.js';

describe.each(postgresVersions)('syntax errors of a governed session on PostgreSQL %i', (version) => {
  let proxy: Proxy;
  let governed: pg.Client;
  let direct: pg.Client;

  beforeAll(async () => {
    proxy = await startProxy(version);
    governed = await proxy.connect('crm_support');
    direct = await proxy.db.connect('crm_support');
  });
  afterAll(() => proxy.stop());

  it.each([
    ['SELECT 1 FORM products', []],
    ["SELECT 'größe 日本 🙂' FORM products", []],
    ['SELECT 1; SELECT 2 FORM products', []],
    ['SELECT id, FROM products WHERE id = $1', [1]],
    ['SELECT \'日本\' AS "名", , id FROM products WHERE id = $1', [1]],
    ["SELECT 1 + 'no end", []],
    ['/* no end', []],
    ['SELECT 1 +', []],
  ])('%j is wrong at the server’s own place', async (sql, values) => {
    const [own, ours] = await Promise.all([direct, governed].map((client) => failure(client, sql, values)));
    expect(own).toMatchObject({ code: '42601', position: expect.stringMatching(/^\d+$/) as string });
    expect(ours).toEqual(own);
  });
});

async function failure(client: pg.Client, sql: string, values: readonly unknown[]): Promise<unknown> {
  try {
    await (values.length === 0 ? client.query(sql) : client.query(sql, [...values]));
  } catch (error) {
    const { code, position } = error as { code?: string; position?: string };
    return { code, position };
  }
  throw new Error('the statement did not fail');
}
