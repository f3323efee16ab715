import { createHmac } from 'node:crypto';
import type { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadCatalog } from '../../../src/catalog/load.js';
import type { Column, Relation } from '../../../src/catalog/types.js';
import type { MaskContext } from '../../../src/policy/masks/mask-kind.js';
import { compileMask, type MaskDefinition } from '../../../src/policy/masks/registry.js';
import { createDatabase, type TestDatabase } from '../../support/databases.js';
import { expressionParser, testKey } from './support.js';

const key = { env: 'PGVEIL_TEST_KEY' };
const masks: readonly MaskDefinition[] = [
  { kind: 'null' },
  { kind: 'redact' },
  { kind: 'constant', value: 'hidden' },
  { kind: 'constant', value: 7 },
  { kind: 'constant', value: true },
  { kind: 'constant', value: '2020-02-29' },
  { kind: 'partial', keep_first: 1, keep_last: 2, with: '*' },
  { kind: 'partial', keep_last: 1000 },
  { kind: 'email' },
  { kind: 'regex', pattern: '(\\d+)-(\\w+)', replace: '\\1-X', flags: 'g' },
  { kind: 'regex', pattern: 'A', replace: '', flags: 'gi', unmatched: 'keep' },
  { kind: 'hash', key },
  { kind: 'date_trunc', to: 'year' },
  { kind: 'date_trunc', to: 'week' },
  { kind: 'bucket', size: 10 },
  { kind: 'bucket', size: 0.5 },
  { kind: 'ip' },
  { kind: 'ip', keep_v4: 0, keep_v6: 0 },
  { kind: 'digits', key },
  { kind: 'fake', key, values: ['Ann', "O'Hara", 'Zoë \\'] },
  { kind: 'jsonb', paths: { "->'a'->'b'": 'redact', "->'c'": 'deny' } },
  { kind: 'expression', sql: "upper(left(value, 2)) || CASE WHEN value LIKE '%@%' THEN '@' ELSE 'none' END" },
];

const texts = [
  '',
  'x',
  'a@b',
  '@',
  'ada@example.com',
  'ünï-çødé 🙂@例え.jp',
  "it's \\ back\\slash",
  '12-ab 4111-1111',
];
const numbers = ['0', '-1', '37', '32767', '-32768'];
const values: Readonly<Record<string, readonly string[]>> = {
  text: [...texts, 'y'.repeat(100_000)],
  'varchar(200)': texts,
  'varchar(8)': ['', 'a@b.c', '12345678'],
  'char(12)': ['', 'a@b.c', '123456789012'],
  smallint: numbers,
  integer: [...numbers, '2147483647', '-2147483648'],
  bigint: [...numbers, '9223372036854775807', '-9223372036854775808'],
  numeric: [...numbers, 'NaN', '1e200', '-1e200', '0.0001'],
  'numeric(5,2)': ['0', '999.99', '-999.99', 'NaN', '12.34'],
  'numeric(2,2)': ['0.99', '-0.99'],
  real: ['0', '3.4e38', '-3.4e38', 'NaN', 'Infinity', '-Infinity', '1e-40'],
  'double precision': ['0', '1.7e308', '-1.7e308', 'NaN', 'Infinity', '-Infinity', '5e-324'],
  boolean: ['true', 'false'],
  date: ['2024-02-29', 'infinity', '-infinity', '5874897-12-31', '4713-01-01 BC', '0001-01-01 BC'],
  timestamp: ['2024-02-29 12:00', 'infinity', '294276-12-31 23:59:59', '4713-01-01 BC'],
  'timestamptz(3)': ['2024-02-29 12:00+05', '-infinity', '294276-12-31 23:59:59+00', '4713-01-01 BC'],
  uuid: ['00000000-0000-0000-0000-000000000001'],
  bytea: ['\\x', '\\x00ff'],
  inet: ['10.1.2.3', '10.1.0.0/16', '2001:db8::1', '::1/128', '0.0.0.0/0'],
  cidr: ['10.1.2.0/24', '2001:db8::/32'],
  jsonb: [
    'null',
    '1',
    '"s"',
    '[]',
    '{}',
    '{"a":{"b":"secret"},"c":1}',
    '{"a":[1],"c":{"d":2}}',
    '{"a":"x"}',
    '{"a":{"b":null}}',
    '[{"c":1}]',
  ],
  json: ['{"a":1}'],
  'text[]': ['{}', '{a,b}'],
  interval: ['1 day'],
  'public.mood': ['sad', 'ok'],
  'public.short': ['abc', 'a@b'],
  'bit(3)': ['101'],
  '"char"': ['a'],
  int4range: ['[1,5)'],
};

// FAIL-CLOSED is what a mask must be under a hostile search_path: everything it calls has a twin here that discloses.
const hostile = `
CREATE SCHEMA evil;
CREATE FUNCTION evil.eq(text, text) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';
CREATE OPERATOR evil.= (FUNCTION = evil.eq, LEFTARG = text, RIGHTARG = text);
CREATE FUNCTION evil.cat(text, text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT 'LEAK' $$;
CREATE OPERATOR evil.|| (FUNCTION = evil.cat, LEFTARG = text, RIGHTARG = text);
CREATE FUNCTION evil.lt(integer, integer) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT false';
CREATE OPERATOR evil.< (FUNCTION = evil.lt, LEFTARG = integer, RIGHTARG = integer);
CREATE OPERATOR evil.<= (FUNCTION = evil.lt, LEFTARG = integer, RIGHTARG = integer);
CREATE FUNCTION evil.left(text, integer) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT $1';
CREATE FUNCTION evil.right(text, integer) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT $1';
CREATE FUNCTION evil.upper(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT $1';
CREATE FUNCTION evil.sha256(bytea) RETURNS bytea LANGUAGE sql IMMUTABLE AS 'SELECT $1';
CREATE DOMAIN evil.text AS pg_catalog.bpchar;
CREATE DOMAIN evil.jsonb AS pg_catalog.text;
CREATE DOMAIN evil.inet AS pg_catalog.text;
CREATE DOMAIN evil.uuid AS pg_catalog.text;
CREATE DOMAIN evil.bytea AS pg_catalog.text;`;

describe.each([15, 18] as const)('masks on PostgreSQL %i', (version) => {
  let database: TestDatabase;
  let client: Client;
  let relation: Relation;
  let context: MaskContext;
  let close: () => Promise<void>;

  beforeAll(async () => {
    database = await createDatabase(version);
    client = await database.connect();
    const columns = Object.keys(values).map((type, index) => `c${index} ${type}`);
    await client.query(
      `CREATE TYPE public.mood AS ENUM ('sad', 'ok'); CREATE DOMAIN public.short AS varchar(20) CHECK (length(value) < 30);
       CREATE TABLE public.t (id int, ${columns.join(', ')}); ${hostile}`,
    );
    for (const [index, list] of Object.values(values).entries()) {
      for (const value of [null, ...list])
        await client.query(`INSERT INTO public.t (id, c${index}) VALUES (${index}, $1)`, [value]);
    }
    relation = (await loadCatalog(client)).relation('public', 't')!;
    const { parse, parser } = await expressionParser();
    close = () => parser.close();
    context = {
      parser: parse,
      secret: () => Buffer.from(testKey),
      named: (_name, column) => compileMask({ kind: 'redact' }, column, context),
    };
  });
  afterAll(async () => {
    await close();
    await database.drop();
  });

  const column = (type: string): Column =>
    relation.columns.find((one) => one.name === `c${Object.keys(values).indexOf(type)}`)!;
  async function masked(definition: MaskDefinition, type: string): Promise<(string | null)[]> {
    const target = column(type);
    const mask = compileMask(definition, target, context);
    if (!mask.ok) throw new Error(mask.reason);
    const sql = mask.sql(`t."${target.name}"`);
    const { rows } = await client.query<{ v: string | null }>(
      `SELECT (${sql})::pg_catalog.text AS v FROM public.t WHERE id = ${Object.keys(values).indexOf(type)} AND ${target.name} IS NOT NULL ORDER BY ctid`,
    );
    return rows.map((row) => row.v);
  }

  it.each(masks.map((mask) => [mask.kind, mask] as const))(
    'never fails, keeps NULL, type and typmod: %s',
    async (_kind, definition) => {
      let fitting = 0;
      for (const [index, type] of Object.keys(values).entries()) {
        const target = column(type);
        const mask = compileMask(definition, target, context);
        if (!mask.ok) continue;
        fitting++;
        const query = `SELECT ${target.name} IS NULL AS was_null, x.v IS NULL AS is_null, x.v::pg_catalog.text AS text FROM (SELECT ${target.name}, ${mask.sql(`t."${target.name}"`)} AS v, id FROM public.t) x WHERE id = ${index}`;
        const { rows } = await client.query<{ was_null: boolean; is_null: boolean; text: string }>(query);
        expect(rows).toHaveLength(values[type]!.length + 1);
        for (const row of rows)
          expect(row.is_null, `${type} ${query}`).toBe(row.was_null || definition.kind === 'null');
        await client.query(
          `CREATE TEMPORARY VIEW typed AS SELECT ${mask.sql(`t."${target.name}"`)} AS v FROM public.t`,
        );
        const typed = await client.query<{ f: string }>(
          `SELECT format_type(atttypid, atttypmod) AS f FROM pg_attribute WHERE attrelid = 'typed'::regclass`,
        );
        await client.query('DROP VIEW typed');
        expect([typed.rows[0]!.f]).toContain(
          (
            await client.query<{ f: string }>(
              `SELECT format_type(${target.baseTypeOid}, ${modOf(target)}) AS f`,
            )
          ).rows[0]!.f,
        );
        // The same text under a search_path that puts look-alikes first gives the same values.
        await client.query('SET search_path = evil, pg_catalog, public');
        const again = await client.query<{ text: string }>(query);
        await client.query('RESET search_path');
        expect(again.rows.map((row) => row.text)).toEqual(rows.map((row) => row.text));
      }
      expect(fitting).toBeGreaterThan(0);
    },
  );

  function modOf(target: Column): number {
    if (target.type === target.baseType) return target.typmod;
    return Number(/\((\d+)\)/.exec(target.baseType)?.[1] ?? -5) + 4;
  }

  it('gives the values that the manual promises', async () => {
    expect(await masked({ kind: 'email' }, 'varchar(200)')).toEqual([
      '***',
      '***',
      '***@b',
      '***@',
      'a***@example.com',
      'ü***@例え.jp',
      '***',
      '***',
    ]);
    expect((await masked({ kind: 'partial', keep_last: 4 }, 'varchar(200)'))[7]).toBe('***********1111');
    expect((await masked({ kind: 'partial', keep_last: 4 }, 'varchar(200)'))[2]).toBe('***');
    expect(await masked({ kind: 'hash', key }, 'varchar(200)')).toEqual(
      texts.map((text) => createHmac('sha256', testKey).update(text).digest('hex')),
    );
    expect(await masked({ kind: 'bucket', size: 10 }, 'integer')).toEqual([
      '0',
      '-10',
      '30',
      '32760',
      '-32770',
      '2147483640',
      '-2147483648',
    ]);
    expect(await masked({ kind: 'date_trunc', to: 'year' }, 'date')).toEqual([
      '2024-01-01',
      'infinity',
      '-infinity',
      'infinity',
      '-infinity',
      '0001-01-01 BC',
    ]);
    expect(await masked({ kind: 'ip' }, 'inet')).toEqual([
      '10.1.2.0/24',
      '10.1.0.0/16',
      '2001:db8::/48',
      '::/48',
      '0.0.0.0/0',
    ]);
    expect((await masked({ kind: 'digits', key }, 'varchar(200)'))[7]).toMatch(/^\d\d-ab \d{4}-\d{4}$/);
    expect(
      await masked(
        masks.find((one) => one.kind === 'jsonb')!,
        'jsonb',
      ),
    ).toEqual([
      'null',
      '1',
      '"s"',
      '[]',
      '{}',
      '{"a": {"b": "***"}}',
      '{"a": [1]}',
      '{"a": "x"}',
      '{"a": {"b": null}}',
      '[{"c": 1}]',
    ]);
    expect(
      (
        await masked(
          masks.find((one) => one.kind === 'expression')!,
          'varchar(200)',
        )
      )[4],
    ).toBe('AD@');
  });

  it('cuts time in UTC whatever zone the session sets, so that moving the zone finds no hour', async () => {
    await client.query("SET timezone = 'UTC'");
    const before = await masked({ kind: 'date_trunc', to: 'day' }, 'timestamptz(3)');
    await client.query("SET timezone = 'Asia/Tokyo'");
    const { rows } = await client.query<{ same: boolean }>(
      `SELECT (${(compileMask({ kind: 'date_trunc', to: 'day' }, column('timestamptz(3)'), context) as { sql: (v: string) => string }).sql(`'2024-02-29 12:00+05'::timestamptz`)}) = $1::timestamptz AS same`,
      [before[0]],
    );
    await client.query('RESET timezone');
    expect(rows[0]!.same).toBe(true);
  });
});
