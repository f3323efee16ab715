/** Who has not proven who he is makes the proxy read no catalog: each database that he named would cost a connection. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createDatabase, passwords, type TestDatabase } from '../../support/databases.js';
import { startProxy } from '../../support/proxy.js';
import { postgresVersions } from '../../support/servers.js';
import * as s from './support.js';

const names = Array.from({ length: 50 }, (_, index) => `nobody_has_this_${index}`);

describe.each(postgresVersions)('PostgreSQL %i', (version) => {
  let db: TestDatabase;
  let proxy: s.Proxy;
  beforeAll(async () => {
    db = await createDatabase(version);
    proxy = await s.startProxy(db, {
      lateCatalogMs: 200,
      purposes: new Map([['support', { legalBasis: 'contract' }]]),
    });
  });
  afterAll(async () => {
    await proxy.stop();
    await db.drop();
  });

  test('no catalog is asked for behind a wrong password, or none', async () => {
    const clients = await Promise.all(names.map(() => s.RawClient.open(proxy)));
    await Promise.all(
      clients.map(async (client, index) => {
        client.startup({ user: 'crm_support', database: names[index]! });
        await client.until('authentication');
      }),
    );
    expect(proxy.asked).toEqual([]);
    for (const client of clients) client.close();
    for (const database of [...names.slice(0, 5), db.name])
      await expect(s.RawClient.login(proxy, { user: 'crm_support', database }, 'wrong')).rejects.toThrow(
        'error 28P01',
      );
    expect(proxy.asked).toEqual([]);
  });

  test('nor for a database that the server does not have', async () => {
    await expect(
      s.RawClient.login(proxy, { user: 'crm_support', database: names[0]! }, passwords.crm_support),
    ).rejects.toThrow('error 3D000');
    expect(proxy.asked).toEqual([]);
  });

  test('a session waits for its catalog, and its events have the legal basis', async () => {
    const client = await s.RawClient.login(
      proxy,
      { user: 'crm_support', database: db.name },
      passwords.crm_support,
    );
    expect(proxy.asked).toEqual([db.name]);
    client.send(s.query('SELECT 1'));
    await client.until('ready-for-query');
    client.close();
    const basis = { session: { purpose: 'support', legalBasis: 'contract' } };
    expect(proxy.audit.events.find((event) => event.kind === 'session-open')).toMatchObject(basis);
    await expect.poll(() => proxy.audit.statements[0]?.record).toMatchObject(basis);
  });

  test('a client that goes while its catalog is read leaves nothing behind', async () => {
    proxy.asked.length = 0;
    const opened = proxy.audit.events.filter((event) => event.kind === 'session-open').length;
    const login = s.RawClient.login(
      proxy,
      { user: 'crm_support', database: db.name },
      passwords.crm_support,
    ).catch(() => undefined);
    await expect.poll(() => proxy.asked).toEqual([db.name]);
    await Promise.all([proxy.close({ graceMs: 0 }), login]);
    expect(proxy.connections).toBe(0);
    expect(proxy.audit.events.filter((event) => event.kind === 'session-open')).toHaveLength(opened);
  });
});

test('in the whole proxy nobody who is unknown has the catalog role log in anywhere', async () => {
  const proxy = await startProxy(18);
  const other = await createDatabase(18);
  try {
    const logIn = (password: string): Promise<unknown> =>
      proxy
        .connect('crm_support', { database: other.name, password })
        .catch((error: unknown) => (error as { code?: string }).code);
    const reads = async (): Promise<unknown> => {
      const { rows } = await proxy.db.query(
        `SELECT sessions::int AS n FROM pg_stat_database WHERE datname = '${other.name}'`,
      );
      return (rows as { n: number }[])[0]?.n ?? 0;
    };
    expect(await logIn('wrong')).toBe('28P01');
    expect(await reads()).toBe(0);
    await logIn(passwords.crm_support);
    await expect.poll(reads, { timeout: 10_000 }).not.toBe(0);
  } finally {
    await proxy.stop();
    await other.drop();
  }
});
