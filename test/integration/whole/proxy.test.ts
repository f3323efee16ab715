/** The main job through the wire, as drivers do it: what each login sees, and what bad input and outages do. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type pg from 'pg';
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../../../src/cli/launch/free-port.js';
import { startRedis } from '../../../src/cli/launch/redis.js';
import { passwords } from '../../support/databases.js';
import { startProxy, type Proxy } from '../../support/proxy.js';

const exec = promisify(execFile);

async function eventually(what: string, holds: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`${what} did not happen`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const seen = {
  crm_admin: [1, 2, 3, 4, 5, 6],
  crm_support: [1, 2, 3, 4, 6],
  crm_marketing: [1, 3],
} as const;

describe.each([18, 15] as const)('the proxy in front of PostgreSQL %i', (version) => {
  let proxy: Proxy;
  beforeAll(async () => {
    proxy = await startProxy(version);
  });
  afterAll(() => proxy.stop());

  describe.each(Object.entries(seen))('as %s', (user, ids) => {
    const role = user as keyof typeof seen;

    it.each<[string, pg.ClientConfig & { binary?: boolean }, pg.QueryConfig]>([
      ['simple protocol', {}, { text: 'SELECT id FROM customers ORDER BY id' }],
      ['parameters', {}, { text: 'SELECT id FROM customers WHERE id >= $1 ORDER BY id', values: [0] }],
      ['a prepared statement', {}, { name: 'p', text: 'SELECT id FROM customers ORDER BY id' }],
      [
        'binary results',
        { binary: true },
        { text: 'SELECT id FROM customers WHERE id > $1 ORDER BY id', values: [0] },
      ],
    ])('sees its people over %s', async (_name, options, query) => {
      const client = await proxy.connect(role, options);
      for (let i = 0; i < 3; i += 1) {
        const result = await client.query<{ id: number }>(query);
        expect(result.rows.map((row) => row.id)).toEqual(ids);
      }
    });

    it('sees its people in psql, and describes the table', async () => {
      const { stdout } = await exec(
        'psql',
        ['-X', '-A', '-t', '-c', 'SELECT id FROM customers ORDER BY id', '-c', '\\d customers'],
        {
          env: {
            ...process.env,
            PGHOST: '127.0.0.1',
            PGPORT: String(proxy.app.ports.proxy),
            PGUSER: role,
            PGPASSWORD: passwords[role],
            PGDATABASE: proxy.db.name,
          },
        },
      );
      const lines = stdout.split('\n');
      expect(lines.slice(0, ids.length).map(Number)).toEqual(ids);
      expect(stdout).toContain('email|character varying(200)');
    });

    it('sees its people through a pipelining driver with cursors', async () => {
      const sql = postgres({ ...(proxy.settings(role) as object), max: 1, fetch_types: true } as never);
      try {
        const [first, second] = await Promise.all([
          sql`SELECT id FROM customers ORDER BY id`,
          sql`SELECT count(*)::int AS n FROM customers WHERE id > ${0}`,
        ]);
        expect(first.map((row) => row['id'] as number)).toEqual(ids);
        expect(second[0]?.['n']).toBe(ids.length);
        const cursor: unknown[] = [];
        await sql`SELECT id FROM customers ORDER BY id`.cursor(2, (rows) => {
          for (const row of rows) cursor.push(row['id']);
        });
        expect(cursor).toEqual(ids);
      } finally {
        await sql.end();
      }
    });
  });

  it('shows a withdrawn consent to the next statement, also to one that is prepared', async () => {
    const admin = await proxy.connect('crm_admin');
    const marketing = await proxy.connect('crm_marketing');
    const ids = async (): Promise<unknown[]> =>
      (
        await marketing.query<{ id: number }>({ name: 'same', text: 'SELECT id FROM customers ORDER BY id' })
      ).rows.map((row) => row.id);
    expect(await ids()).toEqual([1, 3]);
    await admin.query(
      "INSERT INTO consents (customer_id, purpose, status) VALUES (1, 'marketing_email', 'withdrawn')",
    );
    expect(await ids()).toEqual([3]);
    await admin.query(
      "INSERT INTO consents (customer_id, purpose, status, recorded_at) VALUES (1, 'marketing_email', 'renewed', now() + interval '1 second')",
    );
    expect(await ids()).toEqual([1, 3]);
  });

  it.each<[string, string, string]>([
    ['SQL that does not parse', 'SELEC 1', '42601'],
    ['a 10 MB statement', `SELECT '${'x'.repeat(10 * 1024 * 1024)}'`, '42501'],
    ['100,000 nested brackets', `SELECT ${'('.repeat(100_000)}1${')'.repeat(100_000)}`, '42501'],
    ['100,000 operators', `SELECT 1${'+1'.repeat(100_000)}`, '42501'],
    ['nested comments', `SELECT 1 ${'/*'.repeat(30_000)}${'*/'.repeat(30_000)} FROM consents`, '42501'],
    ['an unknown table', 'SELECT * FROM nowhere', '42P01'],
    ['a refused statement', 'EXPLAIN ANALYZE SELECT * FROM customers', '42501'],
  ])(
    'answers %s with a clear error, and the session and its neighbours live on',
    async (_name, text, code) => {
      const client = await proxy.connect('crm_support');
      const neighbour = await proxy.connect('crm_marketing');
      for (const query of [{ text }, { text, values: [] as unknown[], name: 'bad' }]) {
        const asked = client.query(query);
        const other = neighbour.query<{ n: number }>('SELECT count(*)::int AS n FROM orders');
        await expect(asked).rejects.toMatchObject({
          code,
          message: expect.stringMatching(/^pgveil: /) as string,
        });
        expect((await other).rows[0]?.n).toBe(3);
        expect((await client.query<{ n: number }>('SELECT 1 AS n')).rows[0]?.n).toBe(1);
      }
    },
  );

  it('fails the transaction that a refusal stands in, as any error would', async () => {
    const client = await proxy.connect('crm_support');
    await client.query('BEGIN');
    await expect(client.query('SELECT * FROM consents')).rejects.toMatchObject({ code: '42501' });
    await expect(client.query('SELECT 1')).rejects.toMatchObject({ code: '25P02' });
    await client.query('ROLLBACK');
    expect((await client.query<{ n: number }>('SELECT 1 AS n')).rows[0]?.n).toBe(1);
  });

  it('puts an event for each statement into the stream, without values or literals', async () => {
    const client = await proxy.connect('crm_support');
    const marker = `marker_${version}`;
    await client.query(`SELECT email AS ${marker}, 'literal-canary' FROM customers WHERE id = 47114711`);
    await expect(client.query(`SELECT card_number AS ${marker} FROM payments`)).rejects.toThrow();
    const mine = async (): Promise<readonly Awaited<ReturnType<Proxy['events']>>[number][]> =>
      (await proxy.events()).filter((event) => event.query_info?.query_string.includes(marker) === true);
    await eventually('both events', async () => (await mine()).length === 2);
    const [read, denied] = await mine();
    expect(read).toMatchObject({
      action_id: 4,
      actor: { user: { name: 'crm_support' } },
      unmapped: {
        role: 'support',
        purpose: 'support',
        legal_basis: 'contract',
        tables: ['public.customers'],
        columns: { 'public.customers.email': 'masked', 'public.customers.id': 'clear' },
        rows: 0,
      },
    });
    expect(denied).toMatchObject({
      action_id: 2,
      unmapped: {
        columns: { 'public.payments.card_number': 'denied' },
        rules: expect.arrayContaining(['label:payment.card']) as string[],
      },
    });
    expect(JSON.stringify(await proxy.events())).not.toMatch(/literal-canary|47114711|canary\d@/);
  });
});

describe('an exempt session that is audited by connection', () => {
  it('passes everything, and its end is not an upstream that was lost', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'pgveil-policies-'));
    const text = readFileSync('policies/crm.yaml', 'utf8');
    writeFileSync(
      join(folder, 'crm.yaml'),
      text.replace(
        '{ user: crm_admin, exempt: true }',
        '{ user: crm_admin, exempt: true, audit: connections }',
      ),
    );
    const proxy = await startProxy(18, { policies: folder });
    try {
      const client = await proxy.connect('crm_admin');
      expect((await client.query('SELECT id FROM customers')).rowCount).toBe(6);
      await client.end();
      const closed = async (): Promise<boolean> =>
        (await proxy.events()).some((event) => JSON.stringify(event).includes('client terminated'));
      await eventually('the event of the end', closed);
      const metrics = await (await fetch(`http://127.0.0.1:${proxy.app.ports.admin}/metrics`)).text();
      expect(metrics).toContain('pgveil_upstream_errors_total 0');
      expect(
        (await proxy.events()).some((event) => event.query_info?.query_string.includes('customers')),
      ).toBe(false);
    } finally {
      await proxy.stop();
      rmSync(folder, { recursive: true });
    }
  });
});

describe('outages', () => {
  it('an upstream that is down gives 08006', async () => {
    const proxy = await startProxy(18, { upstreamPort: await freePort() });
    try {
      await expect(proxy.connect('crm_support')).rejects.toMatchObject({
        code: '08006',
        message: expect.stringMatching(/^pgveil: /) as string,
      });
    } finally {
      await proxy.stop();
    }
  });

  it.each(['strict', 'relaxed'] as const)(
    'a Redis that is down delays events and loses none (%s)',
    { timeout: 60_000 },
    async (durability) => {
      const redis = await startRedis({ appendonly: true });
      const proxy = await startProxy(18, { redis: redis.url, durability });
      try {
        const client = await proxy.connect('crm_support');
        await client.query('SELECT 1 AS before_outage');
        await redis.kill();
        for (let i = 0; i < 50; i += 1)
          await client.query(`SELECT id AS during_outage FROM customers WHERE id = ${i}`);
        await redis.restart();
        await client.query('SELECT 1 AS after_outage');
        await eventually('the catch-up', async () =>
          (await proxy.events()).some(
            (event) => event.query_info?.query_string.includes('after_outage') === true,
          ),
        );
        const uids = new Set(
          (await proxy.events())
            .filter((event) => event.query_info?.query_string.includes('during_outage') === true)
            .map((event) => event.metadata.uid),
        );
        expect(uids.size).toBe(50);
      } finally {
        await proxy.stop();
        await redis.stop();
      }
    },
  );
});
