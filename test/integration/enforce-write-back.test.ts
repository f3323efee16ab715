/**
 * The write-back guard over every type that a mask can stand on (DESIGN 5.2): what a client read and saves again leaves
 * the stored value alone, in text and in binary, and any other value is stored as it was given.
 */
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { crmPolicy, governed, type Governed } from '../support/governed.js';
import { postgresVersions } from '../support/servers.js';

interface TypeCase {
  readonly type: string;
  readonly stored: string;
  readonly other: string;
  /** PostgreSQL would declare the domain; a value is checked against it when it is stored, not before. */
  readonly parameter?: string;
  readonly mask?: 'nothing';
}

const cases: readonly TypeCase[] = [
  { type: 'text', stored: 'stored', other: 'other' },
  { type: 'varchar(12)', stored: 'stored', other: 'twelve_chars' },
  { type: 'varchar(12) COLLATE "de_any_case"', stored: 'stored', other: 'other' },
  { type: 'char(8)', stored: 'stored', other: 'eight888' },
  { type: 'char', stored: 's', other: 'o', mask: 'nothing' },
  { type: 'name', stored: 'stored', other: 'other' },
  { type: '"char"', stored: 's', other: 'o' },
  { type: 'int2', stored: '7', other: '8' },
  { type: 'int4', stored: '7', other: '8' },
  { type: 'int8', stored: '7', other: '8' },
  { type: 'numeric', stored: '7.25', other: '8.125' },
  { type: 'numeric(10,2)', stored: '7.25', other: '8.50' },
  { type: 'float4', stored: '7.5', other: '8.5' },
  { type: 'float8', stored: '7.5', other: '8.5' },
  { type: 'money', stored: '7.00', other: '8.00', mask: 'nothing' },
  { type: 'oid', stored: '7', other: '8' },
  { type: 'bool', stored: 'true', other: 'true' },
  { type: 'date', stored: '2001-02-03', other: '2002-03-04' },
  { type: 'timestamp(3)', stored: '2001-02-03 04:05:06.789', other: '2002-03-04 05:06:07.123' },
  { type: 'timestamptz', stored: '2001-02-03 04:05:06+00', other: '2002-03-04 05:06:07+00' },
  { type: 'time(2)', stored: '04:05:06.78', other: '05:06:07.89' },
  { type: 'timetz', stored: '04:05:06+01', other: '05:06:07+01' },
  { type: 'interval', stored: '3 days', other: '4 days' },
  { type: 'interval day to second(3)', stored: '3 days', other: '4 days 00:00:01.125' },
  { type: 'interval year to month', stored: '3 years', other: '4 years 1 mon' },
  {
    type: 'uuid',
    stored: '11111111-1111-1111-1111-111111111111',
    other: '22222222-2222-2222-2222-222222222222',
  },
  { type: 'json', stored: '{"a": 1}', other: '{"b": 2}' },
  { type: 'jsonb', stored: '{"a": 1}', other: '{"b": 2}' },
  { type: 'xml', stored: '<a/>', other: '<b/>', mask: 'nothing' },
  { type: 'inet', stored: '10.0.0.1', other: '10.0.0.2' },
  { type: 'cidr', stored: '10.0.0.0/8', other: '11.0.0.0/8' },
  { type: 'macaddr', stored: '08:00:2b:01:02:03', other: '08:00:2b:01:02:04' },
  { type: 'macaddr8', stored: '08:00:2b:01:02:03:04:05', other: '08:00:2b:01:02:03:04:06' },
  { type: 'bytea', stored: '\\x0102', other: '\\x0304' },
  { type: 'bit(8)', stored: '10101010', other: '11110000', mask: 'nothing' },
  { type: 'varbit(8)', stored: '1010', other: '1111' },
  { type: 'tsvector', stored: "'cat'", other: "'dog'" },
  { type: 'point', stored: '(1,2)', other: '(3,4)' },
  { type: 'int4range', stored: '[1,5)', other: '[2,6)' },
  { type: 'text[]', stored: '{a,b}', other: '{c,d}' },
  { type: 'int4[]', stored: '{1,2}', other: '{3,4}' },
  { type: 'varchar(4)[]', stored: '{ab,cd}', other: '{wxyz,efgh}' },
  { type: 'char(4)[]', stored: '{abcd,efgh}', other: '{wxyz,efgh}' },
  { type: 'mood', stored: 'ok', other: 'good' },
  { type: 'mood[]', stored: '{ok}', other: '{good,ok}' },
  { type: 'short', stored: 'stored', other: 'other', parameter: 'character varying' },
  { type: 'whole', stored: '7', other: '8', parameter: 'integer' },
  { type: 'feeling', stored: 'ok', other: 'good', parameter: 'mood' },
  { type: 'short[]', stored: '{ab}', other: '{cd}' },
];
const name = (index: number): string => `c${index}`;
const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`;

const setup = `
  CREATE COLLATION de_any_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
  CREATE TYPE mood AS ENUM ('bad', 'ok', 'good');
  CREATE DOMAIN short AS varchar(12) CHECK (VALUE <> '***');
  CREATE DOMAIN whole AS int CHECK (VALUE > 0);
  CREATE DOMAIN feeling AS mood;
  CREATE TABLE every (id int PRIMARY KEY, ${cases.map((each, index) => `${name(index)} ${each.type}`).join(', ')});
  INSERT INTO every VALUES (1, ${cases.map((each) => quoted(each.stored)).join(', ')});
  GRANT SELECT, INSERT, UPDATE, DELETE ON every TO crm_support;`;

const columns = (mask: TypeCase['mask']): string =>
  cases.flatMap((each, index) => (each.mask === mask ? [`public.every.${name(index)}`] : [])).join(', ');
const policy = crmPolicy
  .replace(
    'labels:',
    `labels:\n  every.null: [${columns('nothing')}]\n  every.fixed: [${columns(undefined)}]`,
  )
  .replace('last4:', 'nothing: { kind: "null" }\n  last4:')
  .replaceAll('masks: { ', 'masks: { every.null: nothing, ');

describe.each(postgresVersions)('writing masks back on PostgreSQL %i', (version) => {
  let crm: Governed;
  let client: pg.Client;
  beforeAll(async () => {
    crm = await governed(version, { setup, policy });
    client = await crm.db.connect('crm_support');
  });
  afterAll(() => crm.close());

  const enforced = async (sql: string): Promise<string> => {
    const [plan] = (await crm.plan(sql, crm.session('support'))).plans;
    if (plan!.kind === 'refuse') throw new Error(plan!.refusal.message);
    return Buffer.from(plan!.sql, 'latin1').toString('utf8');
  };
  /** One value as the wire carries it. */
  const wire = async (text: string, binary: boolean, values: unknown[] = []): Promise<unknown> => {
    const types = { getTypeParser: () => (value: unknown) => value } as unknown as pg.CustomTypesConfig;
    const config = { text, values, rowMode: 'array', binary, types } as pg.QueryArrayConfig;
    const result = await client.query<unknown[]>(config);
    return result.rows[0]![0];
  };
  const inTransaction = async (body: () => Promise<void>): Promise<void> => {
    await client.query('BEGIN');
    try {
      await body();
    } finally {
      await client.query('ROLLBACK');
    }
  };

  describe.each(['text', 'binary'] as const)('with %s parameters', (format) => {
    const binary = format === 'binary';
    it.each(cases.map((each, index) => [each.type, each, name(index)] as const))(
      '%s',
      async (_type, { type, other }, column) => {
        await inTransaction(async () => {
          const stored = (): Promise<unknown> => wire(`SELECT ${column}::text FROM every`, false);
          const before = await stored();
          const update = await enforced(`UPDATE every SET ${column} = $1 WHERE id = $2`);
          const masked = await wire(await enforced(`SELECT ${column} FROM every`), binary);
          expect(await wire(`SELECT ${column} FROM every`, false)).not.toEqual(
            await wire(await enforced(`SELECT ${column} FROM every`), false),
          );
          await client.query({ text: update, values: [masked, 1] });
          expect(await stored()).toBe(before);
          const value = `${quoted(other)}::${type.replace(/ COLLATE.*/, '')}`;
          await client.query({ text: update, values: [await wire(`SELECT ${value}`, binary), 1] });
          expect(await stored()).toBe(await wire(`SELECT (${value})::text`, false));
        });
      },
    );
  });

  it.each(cases.map((each, index) => [each.type, each, name(index)] as const))(
    '%s has the parameter type that it has directly',
    async (_type, { parameter }, column) => {
      const types = async (sql: string): Promise<unknown> => {
        await client.query(sql);
        const found = await client.query<{ types: string }>(
          "SELECT parameter_types::text AS types FROM pg_prepared_statements WHERE name = 'probe'",
        );
        await client.query('DEALLOCATE probe');
        return found.rows[0]!.types.replaceAll('"', '');
      };
      const sql = `PREPARE probe AS UPDATE every SET ${column} = $1 WHERE id = $2 AND ${column} IS NOT NULL`;
      const direct = await types(sql);
      expect(await types(await enforced(sql))).toBe(
        parameter === undefined ? direct : `{${parameter},integer}`,
      );
    },
  );

  it.each([
    ['varchar(12)', "'more than twelve characters'", '22001'],
    ['char(8)', "'more than eight characters'", '22001'],
    ['bit(8)', "B'1'", '22026'],
    ['whole', '-1', '23514'],
    ['int2', '70000', '22003'],
  ])('a value that does not fit %s is an error and is not cut', async (type, value, code) => {
    const column = name(cases.findIndex((each) => each.type === type));
    await inTransaction(async () => {
      const sql = await enforced(`UPDATE every SET ${column} = ${value}`);
      await expect(client.query(sql)).rejects.toMatchObject({ code });
    });
  });

  it('texts that a collation calls equal are different values', async () => {
    const column = name(cases.findIndex((each) => each.type.includes('COLLATE')));
    await inTransaction(async () => {
      await client.query(`UPDATE every SET ${column} = 'ABC'`);
      await client.query(await enforced(`UPDATE every SET ${column} = lower('ABC' COLLATE "C")`));
      expect(await wire(`SELECT ${column} COLLATE "C" FROM every`, false)).toBe('abc');
    });
  });

  it('a concurrent change of the same row is not lost', async () => {
    const other = await crm.db.connect('crm_support');
    const update = await enforced(
      "UPDATE customers SET email = 'a***@example.com', region = region || '+' WHERE id = 1",
    );
    await other.query('BEGIN');
    await other.query("UPDATE customers SET email = 'a@example.com', region = 'XX' WHERE id = 1");
    const waiting = client.query(update);
    await new Promise((done) => setTimeout(done, 150));
    await other.query('COMMIT');
    expect((await waiting).rowCount).toBe(1);
    // The new address has another mask, so the value is a new one; the other session's region is kept.
    const { rows } = await other.query('SELECT email, region FROM customers WHERE id = 1');
    expect(rows).toEqual([{ email: 'a***@example.com', region: 'XX+' }]);
    await other.query("UPDATE customers SET email = 'ada@example.com', region = 'EU' WHERE id = 1");
    await other.query('BEGIN');
    await other.query("UPDATE customers SET email = 'alma@example.com' WHERE id = 1");
    const second = client.query(update);
    await new Promise((done) => setTimeout(done, 150));
    await other.query('COMMIT');
    await second;
    expect((await other.query('SELECT email FROM customers WHERE id = 1')).rows).toEqual([
      { email: 'alma@example.com' },
    ]);
  });

  it('a row that a concurrent change withholds is not written', async () => {
    const other = await crm.db.connect('crm_support');
    await other.query('BEGIN');
    await other.query('UPDATE customers SET restricted_at = now() WHERE id = 4');
    const waiting = client.query(
      await enforced("UPDATE customers SET region = 'YY' WHERE id = 4 RETURNING id"),
    );
    await new Promise((done) => setTimeout(done, 150));
    await other.query('COMMIT');
    expect((await waiting).rowCount).toBe(0);
    await other.query('UPDATE customers SET restricted_at = NULL WHERE id = 4');
  });
});
