/**
 * Parameters that a client declares as oid or one of its aliases: compared with a bigint they make the server cast the
 * column, and the cast fails beyond oid's range. No withheld row may be asked.
 */
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { crmPolicy, governed, type Governed } from '../support/governed.js';
import { startProxy, type Proxy } from '../support/proxy.js';
import { postgresVersions } from '../support/servers.js';

/** Marketing sees customers 1 and 3; all others have numbers that no oid holds. */
const setup = `
  CREATE TABLE scores (id bigint PRIMARY KEY, customer_id int NOT NULL, points bigint, secret bigint);
  INSERT INTO scores SELECT k, k, p, p FROM generate_series(1, 6) k, LATERAL (SELECT CASE WHEN k IN (1, 3) THEN k ELSE 99999999999 END AS p) q;
  GRANT SELECT, UPDATE ON scores TO crm_support, crm_marketing;
`;
const policy = crmPolicy
  .replace('labels:', 'labels:\n  secret: [public.scores.secret]')
  .replace('subjects:', 'subjects:\n  public.scores: { key: customer_id }')
  .replace(
    'contact.email: email_partial, identity.birth_date: year',
    'contact.email: email_partial, secret: { mask: redact, where: equality }, identity.birth_date: year',
  );

/** Types, statement, arguments. */
const prepared: readonly (readonly [types: string, sql: string, values: string])[] = [
  ['oid', 'SELECT id FROM scores WHERE points = $1', '1'],
  ['oid', 'SELECT id FROM scores WHERE $1 > points', '3'],
  ['regclass', 'SELECT id FROM scores WHERE points = $1', '1'],
  ['bigint, oid', 'SELECT id FROM scores WHERE points = $2', '9, 1'],
  ['oid', 'SELECT id FROM scores WHERE points IN ($1)', '1'],
  ['oid', 'SELECT id FROM scores WHERE points IN ($1, 7)', '1'],
  ['oid', 'SELECT s.id FROM scores s JOIN customers c ON c.id = s.customer_id AND s.points = $1', '1'],
  ['oid', 'UPDATE scores SET points = points WHERE points = $1 RETURNING id', '1'],
  ['oid', 'SELECT id FROM scores WHERE secret = $1', '1'],
  ['oid', 'SELECT id FROM scores WHERE secret IN ($1, $2::bigint)', '1, 7'],
  ['oid', 'SELECT id FROM scores WHERE secret IN ($1, 7::bigint)', '1'],
  ['oid', 'SELECT id FROM scores WHERE secret = ANY (ARRAY[$1, $2::bigint])', '1, 7'],
  ['oid[]', 'SELECT id FROM scores WHERE secret = ANY ($1)', `'{1}'`],
  ['oid', 'SELECT id FROM scores WHERE secret = ANY (ARRAY[$1]::bigint[])', '1'],
];

describe.each(postgresVersions)('bigints and parameters declared as oid on PostgreSQL %i', (version) => {
  let crm: Governed;
  beforeAll(async () => {
    crm = await governed(version, { policy, setup });
  });
  afterAll(() => crm.close());

  it.each(prepared)('PREPARE p (%s) AS %s', async (types, sql, values) => {
    const session = crm.session('marketing');
    await crm.run('DEALLOCATE ALL', session);
    await crm.run(`PREPARE p (${types}) AS ${sql}`, session);
    const { rows } = await crm.run(`EXECUTE p (${values})`, session);
    for (const row of rows as { id: string }[]) expect(['1', '3']).toContain(row.id);
  });

  it('keeps the index for parameters whose type is left open', async () => {
    const [plan] = (await crm.plan('SELECT id FROM scores WHERE points = $1', crm.session('marketing')))
      .plans;
    expect(plan).toMatchObject({ kind: 'rewrite', facts: { bigintParameters: [1] } });
    expect(plan?.kind === 'rewrite' ? plan.sql : '').toMatch(/"points" OPERATOR\(pg_catalog\.=\) \$1/);
  });
});

describe('Parse', () => {
  let proxy: Proxy;
  beforeAll(async () => {
    const folder = await mkdtemp(join(tmpdir(), 'pgveil-bigint-'));
    await writeFile(join(folder, 'policy.yaml'), policy);
    proxy = await startProxy(18, {
      policies: folder,
      setup: async (db) => {
        await db.query(setup, 'crm_admin');
      },
    });
  });
  afterAll(() => proxy.stop());

  const declared = (sql: string, oid: number): pg.QueryConfig => {
    const getTypeParser: typeof pg.types.getTypeParser = pg.types.getTypeParser.bind(pg.types);
    return { text: sql, values: ['1'], types: Object.assign([oid], { getTypeParser }) };
  };

  it.each([
    ['oid', 26],
    ['regclass', 2205],
    ['a type that is not there', 99_999],
  ])('refuses %s', async (_name, oid) => {
    const client = await proxy.connect('crm_marketing');
    for (const sql of [
      'SELECT id FROM scores WHERE points = $1',
      'UPDATE scores SET points = 1 WHERE $1 = points',
    ]) {
      await expect(client.query(declared(sql, oid))).rejects.toMatchObject({
        code: '42501',
        message: expect.stringContaining('the type of parameter $1') as string,
      });
    }
  });

  it.each([0, 20, 21, 23, 1700, 700, 701])('takes numbers, declared by OID %i', async (oid) => {
    const client = await proxy.connect('crm_marketing');
    const { rows } = await client.query(declared('SELECT id FROM scores WHERE points = $1', oid));
    expect(rows).toEqual([{ id: '1' }]);
  });

  it('has nothing against oid elsewhere', async () => {
    const client = await proxy.connect('crm_marketing');
    const { rows } = await client.query(declared('SELECT oid FROM pg_class WHERE oid = $1', 26));
    expect(rows).toEqual([]);
  });
});
