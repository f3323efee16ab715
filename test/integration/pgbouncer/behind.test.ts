/** PgBouncer between pgveil and PostgreSQL: in session mode all is as without it; in transaction mode nothing leaks. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startPgBouncer, type PgBouncer } from '../../support/pgbouncer.js';
import { postgresServer } from '../../support/servers.js';
import { startProxy, type Proxy } from '../../support/proxy.js';

const address = /^.\*\*\*@/;
const emails = 'SELECT email FROM customers ORDER BY id LIMIT 1';

async function behind(
  version: 15 | 18,
  options: Omit<Parameters<typeof startPgBouncer>[0], 'server'>,
  pooler: string = options.mode,
): Promise<{ proxy: Proxy; bouncer: PgBouncer; stop(): Promise<void> }> {
  const bouncer = await startPgBouncer({ ...options, server: postgresServer(version) });
  const proxy = await startProxy(version, {
    upstreamPort: bouncer.port,
    flags: () => ({ 'upstream.pooler': pooler }),
  });
  return {
    proxy,
    bouncer,
    async stop() {
      await proxy.stop();
      await bouncer.stop();
    },
  };
}

describe.each([
  [18, 'trust'],
  [15, 'scram-sha-256'],
] as const)('session mode before PostgreSQL %s with %s', (version, auth) => {
  let at: Awaited<ReturnType<typeof behind>>;
  beforeAll(async () => {
    at = await behind(version, { mode: 'session', auth, settings: { default_pool_size: '4' } });
  });
  afterAll(() => at.stop());

  it('serves exempt and governed sessions, in both protocols', async () => {
    const admin = await at.proxy.connect('crm_admin');
    expect((await admin.query<{ email: string }>(emails)).rows[0]?.email).not.toMatch(address);
    const support = await at.proxy.connect('crm_support');
    for (let round = 0; round < 2; round++) {
      expect((await support.query<{ email: string }>(emails)).rows[0]?.email).toMatch(address);
      const named = await support.query<{ email: string }>({
        name: 'n',
        text: 'SELECT email FROM customers WHERE id = $1',
        values: [1],
      });
      expect(named.rows[0]?.email).toMatch(address);
    }
    await expect(support.query('SELECT card_number FROM payments')).rejects.toMatchObject({ code: '42501' });
  });

  it('starts each session afresh, whatever the one before has left', async () => {
    const one = await at.proxy.connect('crm_admin');
    await one.query(
      'SET standard_conforming_strings = off; SET search_path = nowhere; CREATE TEMP TABLE customers (id int, email text)',
    );
    await one.end();
    const two = await at.proxy.connect('crm_support', { options: undefined });
    expect((await two.query('SHOW standard_conforming_strings')).rows).toEqual([
      { standard_conforming_strings: 'on' },
    ]);
    expect((await two.query<{ email: string }>(emails)).rows[0]?.email).toMatch(address);
  });

  it('refuses options in the startup packet, which PgBouncer does not know', async () => {
    await expect(
      at.proxy.connect('crm_support', { options: '-c statement_timeout=1s' }),
    ).rejects.toMatchObject({
      code: '08P01',
      message: expect.stringContaining('options') as string,
    });
  });
});

it('goes on as without it where PgBouncer ignores the options, and they are lost', async () => {
  const at = await behind(15, {
    mode: 'session',
    settings: { ignore_startup_parameters: 'options,extra_float_digits' },
  });
  const client = await at.proxy.connect('crm_support', { options: '-c search_path=nowhere' });
  expect((await client.query<{ email: string }>(emails)).rows[0]?.email).toMatch(address);
  await at.stop();
});

describe('transaction mode', () => {
  let at: Awaited<ReturnType<typeof behind>>;
  beforeAll(async () => {
    at = await behind(18, { mode: 'transaction', settings: { default_pool_size: '2' } });
  });
  afterAll(() => at.stop());

  it('shows no governed session more than its masks, whatever an exempt one has left in the shared connections', async () => {
    const admin = await at.proxy.connect('crm_admin');
    const support = await at.proxy.connect('crm_support');
    const leftovers = [
      'SET search_path = nowhere',
      'SET standard_conforming_strings = off',
      "SET client_encoding = 'LATIN1'",
      'CREATE TEMP TABLE customers (id int, email text)',
    ];
    for (const sql of leftovers) {
      await admin.query(sql).catch(() => undefined);
      const outcome = await support.query<{ email: string }>(emails).then(
        ({ rows }) => rows[0]?.email ?? '',
        () => 'x***@refused',
      );
      expect(outcome, sql).toMatch(address);
    }
  });
});

describe.each(['session', 'transaction'] as const)(
  '%s mode that the configuration does not tell of',
  (mode) => {
    it('is noticed: governed sessions are refused, exempt ones go on', async () => {
      const at = await behind(mode === 'session' ? 15 : 18, { mode }, 'none');
      await expect(at.proxy.connect('crm_support')).rejects.toMatchObject({
        severity: 'FATAL',
        code: '08004',
        message: expect.stringContaining('a pooler stands between') as string,
        hint: expect.stringContaining('pooler: transaction') as string,
      });
      const admin = await at.proxy.connect('crm_admin');
      expect((await admin.query<{ email: string }>(emails)).rows[0]?.email).not.toMatch(address);
      await at.stop();
    });
  },
);

it.each([15, 18] as const)(
  'takes PostgreSQL %s for no pooler, nor for one where one is named',
  async (version) => {
    for (const pooler of ['none', 'session', 'transaction']) {
      const proxy = await startProxy(version, { flags: () => ({ 'upstream.pooler': pooler }) });
      const support = await proxy.connect('crm_support');
      for (let round = 0; round < 2; round++) {
        const { rows } = await support.query<{ email: string }>({ name: 'n', text: emails });
        expect(rows[0]?.email, pooler).toMatch(address);
      }
      await proxy.stop();
    }
  },
);
