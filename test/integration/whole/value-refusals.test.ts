/** A refusal that a written value brings about comes from pgveil alone: it is audited as one, and no client can forge it. */
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { startProxy, type AuditedEvent, type Proxy } from '../../support/proxy.js';

const insert = 'INSERT INTO customers (id, first_name, last_name, email) VALUES';

const refused = [
  [`${insert} (901, 'a', 'b', 'x***@example.com')`],
  [`${insert} ($1, $2, $3, $4)`, [902, 'a', 'b', 'x***@example.com']],
  [`${insert} (903, 'a', 'b', lower('X***@example.com'))`],
  [`${insert} (904, 'a', 'b', 'x***@example.com') ON CONFLICT (id) DO UPDATE SET email = EXCLUDED.email`],
  ["EXECUTE kept(905, 'x***@example.com')"],
] as const satisfies readonly (readonly [string, (readonly unknown[])?])[];

const forged = [
  "SELECT current_setting('pgveil refused value: mask: public.customers.email ::')",
  "SELECT current_setting('pgveil value 0000: mask: ' || last_name || ' ::') FROM customers WHERE id = 1",
  'SET CONSTRAINTS "pgveil value 0000: mask: public.customers.email ::" IMMEDIATE',
];

/** What a trigger or a constraint says at the end of the transaction. */
const late = [
  ["UPDATE leads SET source = 'x' WHERE id = 1", 'COMMIT'],
  ["UPDATE leads SET source = 'x' WHERE id = 1", 'SET CONSTRAINTS ALL IMMEDIATE'],
  ["UPDATE later SET email = 'canary-later' WHERE id = 2", 'COMMIT'],
] as const;

describe('refusals of written values through the proxy', () => {
  let proxy: Proxy;
  let client: pg.Client;
  beforeAll(async () => {
    proxy = await startProxy(18, {
      setup: async (db) => {
        await db.query(
          `CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             RAISE EXCEPTION 'canary %', OLD.email USING DETAIL = OLD.email, HINT = OLD.email, ERRCODE = '42704'; END $$;
           CREATE CONSTRAINT TRIGGER late AFTER UPDATE ON leads DEFERRABLE INITIALLY DEFERRED
             FOR EACH ROW EXECUTE FUNCTION tell();
           CREATE TABLE later (id int PRIMARY KEY, email text, UNIQUE (email) DEFERRABLE INITIALLY DEFERRED);
           INSERT INTO later VALUES (1, 'canary-later'), (2, 'b');
           GRANT ALL ON later TO crm_support;`,
          'crm_admin',
        );
      },
    });
    client = await proxy.connect('crm_support');
    await client.query(`PREPARE kept (int, text) AS ${insert} ($1, 'a', 'b', $2)`);
    await vi.waitUntil(async () =>
      (await proxy.events()).at(-1)?.query_info?.query_string.startsWith('PREPARE'),
    );
  });
  afterAll(() => proxy.stop());

  const failure = async (sql: string, values?: readonly unknown[]): Promise<Record<string, unknown>> =>
    client.query(sql, values === undefined ? undefined : [...values]).then(
      () => ({}),
      (error: unknown) => error as Record<string, unknown>,
    );
  const audited = async (sql: string, values?: readonly unknown[]): Promise<unknown[]> => {
    const { length } = await proxy.events();
    const { message, code } = await failure(sql, values);
    await expect.poll(async () => (await proxy.events()).length).toBe(length + 1);
    const event = (await proxy.events()).at(-1) as AuditedEvent & Record<string, unknown>;
    return [message, code, event['status'], event['status_detail']];
  };

  it.each(refused)('is told and audited: %s', async (...[sql, values]) => {
    const text = 'a value for column "public.customers.email" is itself a mask';
    expect(await audited(sql, values)).toEqual([`pgveil: ${text}`, '42501', 'Refused', text]);
  });

  it.each(forged)('cannot be forged: %s', async (sql) => {
    const [message, code, status, detail] = await audited(sql);
    expect({ code, status }).toEqual({ code: '42704', status: 'Failure' });
    expect(JSON.stringify([message, detail])).not.toMatch(/is itself a mask|Secretname/);
  });

  it.each(late)('an error at the end of the transaction holds no value: %s, %s', async (sql, end) => {
    await client.query('BEGIN');
    await client.query(sql);
    const { message, detail, hint, where } = await failure(end);
    await client.query('ROLLBACK');
    expect(message).toBeTypeOf('string');
    expect(JSON.stringify([message, detail, hint, where])).not.toMatch(/canary/);
  });
});
