/** What drivers say of settings beside their work, as governed sessions: asyncpg asks and sets in one query, with parameters. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type pg from 'pg';
import { startProxy, type Proxy } from '../../support/proxy.js';
import { postgresVersions } from '../../support/servers.js';

describe.each(postgresVersions)('settings that drivers touch on PostgreSQL %i', (version) => {
  let proxy: Proxy;
  let client: pg.Client;

  beforeAll(async () => {
    proxy = await startProxy(version);
    client = await proxy.connect('crm_support');
  });
  afterAll(() => proxy.stop());

  const rows = async (text: string, values: readonly unknown[] = []): Promise<readonly unknown[][]> => {
    const result = await client.query<unknown[]>({ text, values: [...values], rowMode: 'array' });
    return result.rows;
  };
  const setting = async (name: string): Promise<unknown> => (await rows(`SHOW ${name}`))[0]?.[0];

  it('asyncpg turns jit off around its questions to the catalogs, and back', async () => {
    const before = await setting('jit');
    // Without parameters, but in the extended protocol, as asyncpg sends it.
    const both = {
      text: `SELECT current_setting('jit') AS cur, set_config('jit', 'off', false) AS new`,
      name: 'both',
    };
    expect((await client.query(both)).rows).toEqual([{ cur: before, new: 'off' }]);
    expect(await setting('jit')).toBe('off');
    expect(await rows(`SELECT set_config('jit', $1, false)`, ['on'])).toEqual([['on']]);
    expect(await setting('jit')).toBe('on');
    // The same shape with another literal is another statement.
    expect(await rows(`SELECT current_setting('jit') AS cur, set_config('jit', 'on', false) AS new`)).toEqual(
      [['on', 'on']],
    );
    await client.query('RESET jit');
    expect(await setting('jit')).toBe(before);
  });

  it('a connection string may turn it off', async () => {
    const off = await proxy.connect('crm_support', { options: '-c jit=off' });
    expect((await off.query('SHOW jit')).rows).toEqual([{ jit: 'off' }]);
  });

  it('a parameter may be the value of a setting that may have any', async () => {
    await client.query('BEGIN');
    const sql = `SELECT set_config('statement_timeout', $1, true), current_setting('statement_timeout'), set_config('lock_timeout', $2, true)`;
    expect(await rows(sql, ['70s', '1s'])).toEqual([['70s', '70s', '1s']]);
    await client.query('ROLLBACK');
    expect(await setting('lock_timeout')).toBe('0');
  });

  it.each([
    [`SELECT set_config('search_path', $1, false)`, ['pg_temp']],
    [`SELECT current_setting('jit'), set_config('search_path', $1, false)`, ['pg_temp']],
    [`SELECT set_config('jit', 'off', false), set_config('role', $1, false)`, ['crm_admin']],
    [`SELECT set_config('client_min_messages', $1, false)`, ['debug5']],
    [`SELECT set_config('standard_conforming_strings', $1, false)`, ['off']],
    [`SELECT set_config('pgveil.role', $1, false)`, ['marketing']],
    [`SELECT set_config($1, 'off', false)`, ['jit']],
    [`SELECT set_config('jit', 'off', $1)`, [false]],
    [`SELECT set_config('jit', lower($1), false)`, ['OFF']],
    [`SELECT current_setting($1), set_config('jit', 'off', false)`, ['search_path']],
    [`SELECT set_config('jit_provider', $1, false)`, ['x']],
    [`SELECT set_config('jit', $1, false) FROM customers`, ['off']],
    [`SELECT set_config('jit', email, false) FROM customers WHERE id = $1`, [1]],
    [`SELECT set_config('jit', (SELECT email FROM customers WHERE id = $1), false)`, [1]],
  ])('%s stays closed', async (sql, values) => {
    await expect(rows(sql, values)).rejects.toMatchObject({ code: '42501' });
  });
});
