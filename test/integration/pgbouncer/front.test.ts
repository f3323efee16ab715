/** PgBouncer in front of pgveil: many clients share few governed connections, and none acts as another. */
import { once } from 'node:events';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectTo, startPgBouncer, type PgBouncer } from '../../support/pgbouncer.js';
import { startProxy, type Proxy } from '../../support/proxy.js';
import { policyFolder, type PolicyFolder } from '../claims/support.js';
import type { TestRole } from '../../support/databases.js';

const claiming = '{ user: crm_support, may: [agent, seller], claims: settings }';
const pooled = '{ user: crm_marketing, may: [agent, seller], claims: settings, pooled: true }';

let folder: PolicyFolder;
let fixed: Proxy;
let claims: Proxy;
const bouncers: PgBouncer[] = [];
const clients: pg.Client[] = [];

beforeAll(async () => {
  folder = policyFolder([claiming, pooled]);
  fixed = await startProxy(15);
  claims = await startProxy(18, { policies: folder.path });
});
afterAll(async () => {
  await Promise.allSettled(clients.map((client) => client.end()));
  await Promise.all(bouncers.map((bouncer) => bouncer.stop()));
  await fixed.stop();
  await claims.stop();
  folder.remove();
});

async function pool(
  proxy: Proxy,
  mode: 'session' | 'transaction',
  settings: Record<string, string> = {},
): Promise<(role: TestRole, more?: pg.ClientConfig) => Promise<pg.Client>> {
  const server = { host: '127.0.0.1', port: proxy.app.ports.proxy };
  const bouncer = await startPgBouncer({ server, mode, settings });
  bouncers.push(bouncer);
  return async (role, more) => {
    const client = await connectTo(bouncer, role, proxy.db.name, more);
    clients.push(client);
    return client;
  };
}

const emails = 'SELECT DISTINCT email FROM customers ORDER BY 1 LIMIT 1';
async function email(client: pg.Client): Promise<string | undefined> {
  return (await client.query<{ email: string }>(emails)).rows[0]?.email;
}
const address = /^.\*\*\*@/;

describe.each(['transaction', 'session'] as const)('a fixed role in %s mode', (mode) => {
  let connect: Awaited<ReturnType<typeof pool>>;
  beforeAll(async () => {
    connect = await pool(fixed, mode, { default_pool_size: mode === 'session' ? '4' : '1' });
  });

  it('is masked in both protocols, by one shared connection', async () => {
    const one = await connect('crm_support', { application_name: 'one' });
    const two = await connect('crm_support', { application_name: 'two', options: undefined });
    for (let round = 0; round < 3; round++) {
      for (const client of [one, two]) {
        expect(await email(client)).toMatch(address);
        const { rows } = await client.query<{ email: string }>(
          'SELECT email FROM customers WHERE id = $1',
          [1],
        );
        expect(rows[0]?.email).toMatch(address);
      }
    }
    await expect(one.query('SELECT card_number FROM payments')).rejects.toMatchObject({ code: '42501' });
    expect(await email(two)).toMatch(address);
  });

  it('refuses in a transaction, which fails, and the connection lives on', async () => {
    const client = await connect('crm_support');
    await client.query('BEGIN');
    await expect(client.query('SELECT card_number FROM payments')).rejects.toMatchObject({ code: '42501' });
    await expect(client.query('SELECT 1')).rejects.toMatchObject({ code: '25P02' });
    await client.query('ROLLBACK');
    expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
  });

  it('cancels through both', async () => {
    const client = await connect('crm_admin');
    const slow = client.query('SELECT pg_sleep(30)');
    const cancelled = expect(slow).rejects.toMatchObject({ code: '57014' });
    await sleep(300);
    const { processID, secretKey, port } = client as unknown as Record<string, number>;
    const packet = Buffer.alloc(16);
    [16, 80_877_102, processID!, secretKey!].forEach((word, index) => packet.writeInt32BE(word, index * 4));
    const socket = net.connect({ host: '127.0.0.1', port: port! });
    await once(socket, 'connect');
    socket.write(packet);
    await cancelled;
    socket.destroy();
  });
});

it('knows named statements where the connection is one’s own, as without pgveil', async () => {
  const own = await (await pool(fixed, 'session', { default_pool_size: '4' }))('crm_support');
  for (let round = 0; round < 2; round++)
    expect((await own.query({ name: 'n', text: 'SELECT 1 AS one' })).rows).toEqual([{ one: 1 }]);
  const shared = await pool(fixed, 'transaction', { server_reset_query_always: '1' });
  const client = await shared('crm_support');
  await client.query({ name: 'n', text: 'SELECT 1 AS one' });
  await expect(client.query({ name: 'n', text: 'SELECT 1 AS one' })).rejects.toMatchObject({ code: '26000' });
});

describe('claims in transaction mode', () => {
  it('hold for the transaction that claims with SET LOCAL, and reach nobody else', async () => {
    const connect = await pool(claims, 'transaction');
    const [one, two] = [await connect('crm_support'), await connect('crm_support')];
    for (let round = 0; round < 2; round++) {
      await one.query('BEGIN');
      await one.query("SET LOCAL pgveil.role = 'agent'");
      expect(await email(one)).toBe('agent');
      await one.query('COMMIT');
      await expect(email(two)).rejects.toMatchObject({ code: '42501' });
      await two.query('BEGIN');
      await two.query("SET LOCAL pgveil.role = 'seller'");
      await two.query("SET LOCAL pgveil.purpose = 'billing'");
      expect(await email(two)).toBe('seller');
      await two.query('ROLLBACK');
      await expect(email(one)).rejects.toMatchObject({ code: '42501' });
    }
  });

  it('reach the next client with a plain SET, unless the pool resets always', async () => {
    const careless = await pool(claims, 'transaction');
    const [one, two] = [await careless('crm_support'), await careless('crm_support')];
    await one.query("SET pgveil.role = 'agent'");
    expect(await email(two)).toBe('agent');
    const careful = await pool(claims, 'transaction', { server_reset_query_always: '1' });
    const [three, four] = [await careful('crm_support'), await careful('crm_support')];
    await three.query("SET pgveil.role = 'agent'");
    await expect(email(four)).rejects.toMatchObject({ code: '42501' });
    await expect(email(three)).rejects.toMatchObject({ code: '42501' });
  });

  it('never reach anybody where the policy says pooled: true, however the pool is set', async () => {
    const careless = await pool(claims, 'transaction');
    const [one, two] = [await careless('crm_marketing'), await careless('crm_marketing')];
    const plain = [
      "SET pgveil.role = 'agent'",
      "SET SESSION pgveil.role = 'agent'",
      "SELECT set_config('pgveil.role', 'agent', false)",
      "BEGIN; SET pgveil.role = 'agent'; COMMIT",
      `SET "PGVEIL.ROLE" = 'agent'`,
      "SET pgveil.purpose = 'support'",
      `SET pgveil.actor = '{"region": "EU"}'`,
    ];
    for (const sql of plain) {
      await expect(one.query(sql)).rejects.toMatchObject({ code: '42501' });
      await one.query('ROLLBACK').catch(() => undefined);
      await expect(email(two)).rejects.toMatchObject({ code: '42501' });
    }
    for (const end of ['COMMIT', 'ROLLBACK', 'COMMIT AND CHAIN; COMMIT']) {
      await one.query('BEGIN');
      await one.query("SET LOCAL pgveil.role = 'agent'");
      await one.query('SAVEPOINT s');
      await one.query("SELECT set_config('pgveil.role', 'seller', true)");
      await one.query('ROLLBACK TO s');
      expect(await email(one)).toBe('agent');
      await one.query(end);
      await expect(email(two)).rejects.toMatchObject({ code: '42501' });
    }
    // Outside of a transaction block it holds for nothing.
    await one.query("SET LOCAL pgveil.role = 'agent'");
    await expect(email(one)).rejects.toMatchObject({ code: '42501' });
    // What lives on in the connection does not serve the next client either.
    await one.query('BEGIN');
    await one.query("SET LOCAL pgveil.role = 'agent'");
    await one.query(`DECLARE kept CURSOR WITH HOLD FOR ${emails}`);
    await one.query(`PREPARE made AS ${emails}`);
    await one.query('COMMIT');
    await expect(two.query('FETCH 1 FROM kept')).rejects.toMatchObject({
      code: expect.stringMatching(/^(42501|34000)$/) as string,
    });
    await expect(two.query('EXECUTE made')).rejects.toMatchObject({
      code: expect.stringMatching(/^(42501|26000)$/) as string,
    });
  });
});

it('hands on no claim in session mode, where the pool resets by itself', async () => {
  const connect = await pool(claims, 'session');
  const one = await connect('crm_support');
  await one.query("SET pgveil.role = 'agent'");
  expect(await email(one)).toBe('agent');
  await one.end();
  const two = await connect('crm_support');
  await expect(email(two)).rejects.toMatchObject({ code: '42501' });
  expect((await two.query('SHOW pgveil.role')).rows).toEqual([{ 'pgveil.role': '' }]);
});

it('refuses claims in the startup packet of a pooled session', async () => {
  const client = claims.connect('crm_marketing', { options: '-c pgveil.role=agent' });
  await expect(client).rejects.toMatchObject({
    code: '42501',
    message: expect.stringContaining('SET LOCAL') as string,
  });
});
