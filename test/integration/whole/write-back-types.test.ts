/**
 * The write-back guard's table of types through the whole proxy: what a client reads masked and writes back, over the
 * extended protocol in text and in binary and over the simple protocol, leaves the stored value as it is; another value
 * is stored; NULL is; a value too long is the server's own error; and a driver is told the parameter types that it would
 * be told without pgveil. docs/write-back.md prints this table.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { startProxy, type Proxy } from '../../support/proxy.js';
import { postgresVersions } from '../../support/servers.js';

interface TypeCase {
  readonly type: string;
  readonly stored: string;
  readonly other: string;
  /** redact where nothing else is said. */
  readonly mask?: string;
  /** Too large for the type, and the server's SQLSTATE. */
  readonly tooLong?: readonly [string, string];
  /** PostgreSQL declares a parameter for a domain as the domain; the guard checks it when it is stored. */
  readonly parameter?: string;
}

const cases: readonly TypeCase[] = [
  { type: 'text', stored: 'ada@example.com', other: 'bob@example.com', mask: 'address' },
  {
    type: 'varchar(20)',
    stored: 'ada@example.com',
    other: 'bob@example.com',
    mask: 'address',
    tooLong: ['x'.repeat(21), '22001'],
  },
  { type: 'char(8)', stored: 'stored', other: 'eight888', tooLong: ['x'.repeat(9), '22001'] },
  { type: 'name', stored: 'stored', other: 'other' },
  { type: 'public.citext', stored: 'Stored', other: 'Other', mask: 'digest' },
  { type: 'int2', stored: '37', other: '41', mask: 'tens', tooLong: ['70000', '22003'] },
  { type: 'int4', stored: '37', other: '41', mask: 'tens', tooLong: ['3000000000', '22003'] },
  { type: 'int8', stored: '37', other: '41', mask: 'digest' },
  { type: 'numeric(8,2)', stored: '37.25', other: '41.50', mask: 'tens', tooLong: ['12345678', '22003'] },
  { type: 'float4', stored: '37.5', other: '41.5', mask: 'tens' },
  { type: 'float8', stored: '37.5', other: '41.5', mask: 'tens' },
  { type: 'bool', stored: 'true', other: 'true' },
  { type: 'date', stored: '2001-02-03', other: '2002-03-04', mask: 'year' },
  { type: 'time(2)', stored: '04:05:06.78', other: '05:06:07.89' },
  { type: 'timetz', stored: '04:05:06+01', other: '05:06:07+01' },
  { type: 'timestamp(3)', stored: '2001-02-03 04:05:06.789', other: '2002-03-04 05:06:07.123', mask: 'year' },
  { type: 'timestamptz', stored: '2001-02-03 04:05:06+00', other: '2002-03-04 05:06:07+00', mask: 'year' },
  { type: 'interval', stored: '3 days', other: '4 days 01:00:00' },
  {
    type: 'uuid',
    stored: '11111111-1111-1111-1111-111111111111',
    other: '22222222-2222-2222-2222-222222222222',
    mask: 'digest',
  },
  { type: 'inet', stored: '10.1.2.3', other: '10.4.5.6', mask: 'network' },
  { type: 'cidr', stored: '10.1.2.3/32', other: '11.0.0.0/8', mask: 'network' },
  { type: 'macaddr', stored: '08:00:2b:01:02:03', other: '08:00:2b:01:02:04' },
  { type: 'bytea', stored: '\\x0102', other: '\\x0304', mask: 'digest' },
  { type: 'bit(8)', stored: '10101010', other: '11110000', mask: 'nothing', tooLong: ['1', '22026'] },
  { type: 'varbit(8)', stored: '1010', other: '1111', tooLong: ['111100001', '22001'] },
  { type: 'json', stored: '{"a": 1}', other: '{"b": 2}' },
  { type: 'jsonb', stored: '{"a": 1}', other: '{"b": 2}', mask: 'places' },
  { type: 'xml', stored: '<a/>', other: '<b/>', mask: 'nothing' },
  { type: 'text[]', stored: '{a,b}', other: '{c,d}' },
  { type: 'varchar(4)[]', stored: '{ab,cd}', other: '{wxyz,efgh}' },
  { type: 'int4[]', stored: '{1,2}', other: '{3,4}' },
  { type: 'public.mood', stored: 'ok', other: 'good' },
  { type: 'public.mood[]', stored: '{ok}', other: '{good,ok}' },
  { type: 'public.short', stored: 'stored', other: 'other', parameter: 'character varying' },
  { type: 'public.pair', stored: '(1,a)', other: '(2,b)', mask: 'nothing' },
  { type: 'int4range', stored: '[1,5)', other: '[2,6)' },
  { type: 'tstzrange', stored: '["2001-01-01 00:00:00+00",)', other: '["2002-01-01 00:00:00+00",)' },
  { type: 'point', stored: '(1,2)', other: '(3,4)' },
  { type: 'tsvector', stored: "'cat'", other: "'dog'" },
];
const column = (index: number): string => `c${index}`;
const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`;

// Without contrib a domain stands in, so that the table has the same columns.
const setup = `
  DO $$ BEGIN
    CREATE EXTENSION citext SCHEMA public;
  EXCEPTION WHEN OTHERS THEN
    CREATE DOMAIN public.citext AS text;
  END $$;
  CREATE TYPE mood AS ENUM ('bad', 'ok', 'good');
  CREATE DOMAIN short AS varchar(12) CHECK (VALUE <> 'never');
  CREATE TYPE pair AS (a int, b text);
  CREATE TABLE every (id int PRIMARY KEY, ${cases.map(({ type }, index) => `${column(index)} ${type}`).join(', ')});
  CREATE TABLE people (id int PRIMARY KEY, email varchar(200), phone text, plain text);
  GRANT SELECT, INSERT, UPDATE, DELETE ON every, people TO crm_support;`;

const labelsOf = (mask: string | undefined): string =>
  cases.flatMap((each, index) => (each.mask === mask ? [`public.every.${column(index)}`] : [])).join(', ');
const masks = ['address', 'digest', 'tens', 'year', 'network', 'nothing', 'places'];
const policy = `
version: 1
mode: enforce
unlabelled: clear
unlisted_tables: allow
labels:
  fixed: [${labelsOf(undefined)}]
  people.email: [public.people.email]
  people.phone: [public.people.phone]
${masks.map((mask) => `  ${mask}: [${labelsOf(mask)}]`).join('\n')}
masks:
  address: { kind: email }
  digest: { kind: hash, key: { env: PGVEIL_TEST_KEY } }
  tens: { kind: bucket, size: 10 }
  year: { kind: date_trunc, to: year }
  network: { kind: ip }
  nothing: { kind: "null" }
  places: { kind: jsonb, paths: { "->'a'": redact } }
  covered: { kind: partial, keep_last: 4 }
purposes: { support: { legal_basis: contract } }
roles:
  support:
    purposes: [support]
    masks: { people.email: address, people.phone: { mask: covered, write: reject }, ${masks.map((mask) => `${mask}: ${mask}`).join(', ')}, "*": redact }
sessions:
  - { user: crm_admin, exempt: true }
  - { user: crm_support, role: support, purpose: support }
`;

/** Whatever a client can see of a type as it stands on the wire. */
const bare = { getTypeParser: () => (value: unknown) => value } as unknown as pg.CustomTypesConfig;

describe.each(postgresVersions)('the table of types on PostgreSQL %i', (version) => {
  const folder = mkdtempSync(join(tmpdir(), 'pgveil-types-'));
  let proxy: Proxy;
  let client: pg.Client;
  let direct: pg.Client;
  beforeAll(async () => {
    process.env['PGVEIL_TEST_KEY'] = 'a key for tests, 32 bytes long..';
    writeFileSync(join(folder, 'policy.yaml'), policy);
    const fixture = join(folder, 'every.sql');
    writeFileSync(fixture, setup);
    proxy = await startProxy(version, { policies: folder, fixture });
    client = await proxy.connect('crm_support');
    direct = await proxy.db.connect('crm_support');
  });
  afterAll(async () => {
    await proxy.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const reset = async (index: number): Promise<void> => {
    await direct.query('DELETE FROM every');
    await direct.query(
      `INSERT INTO every (id, ${column(index)}) VALUES (1, ${quoted(cases[index]!.stored)})`,
    );
  };
  const stored = async (index: number): Promise<unknown> => {
    const { rows } = await direct.query(`SELECT ${column(index)}::text AS v FROM every`);
    return (rows[0] as { v: unknown }).v;
  };
  const one = async (
    from: pg.Client,
    text: string,
    binary: boolean,
    values: unknown[] = [],
  ): Promise<unknown> => {
    const config = { text, values, rowMode: 'array', binary, types: bare } as pg.QueryArrayConfig;
    return (await from.query<unknown[]>(config)).rows[0]![0];
  };

  const table = cases.map((each, index) => [each.type, each.mask ?? 'redact', index] as const);
  describe.each(['text', 'binary', 'simple'] as const)('%s', (format) => {
    it.each(table)('%s under %s', async (_type, _mask, index) => {
      const { type, other } = cases[index]!;
      const name = column(index);
      const binary = format === 'binary';
      const write = async (value: unknown): Promise<number | null> => {
        if (format !== 'simple') {
          const sql = `UPDATE every SET ${name} = $1 WHERE id = $2`;
          return (await client.query({ text: sql, values: [value, 1] })).rowCount;
        }
        const literal = value === null ? 'NULL' : quoted(value as string);
        return (await client.query(`UPDATE every SET ${name} = ${literal} WHERE id = 1`)).rowCount;
      };
      await reset(index);
      const before = await stored(index);
      const masked = await one(client, `SELECT ${name} FROM every WHERE id = 1`, binary);
      expect(await one(client, `SELECT ${name}::text FROM every WHERE id = 1`, false)).not.toBe(before);
      expect(await write(masked)).toBe(1);
      expect(await stored(index)).toBe(before);
      expect(await write(await one(direct, `SELECT ${quoted(other)}::${type}`, binary))).toBe(1);
      expect(await stored(index)).toBe(await one(direct, `SELECT (${quoted(other)}::${type})::text`, false));
      await reset(index);
      expect(await write(null)).toBe(1);
      // A mask that is NULL itself cannot tell a NULL from what it hides.
      expect(await stored(index)).toBe(cases[index]!.mask === 'nothing' ? before : null);
    });
  });

  it.each(table)('a driver is told the parameter types of %s under %s', async (_type, _mask, index) => {
    const { parameter } = cases[index]!;
    const prepare = `PREPARE probe AS UPDATE every SET ${column(index)} = $1 WHERE id = $2`;
    const types = "SELECT parameter_types::text AS t FROM pg_prepared_statements WHERE name = 'probe'";
    await direct.query(prepare);
    const wanted = (await direct.query<{ t: string }>(types)).rows[0]!.t;
    await direct.query('DEALLOCATE probe');
    expect(await described(client, direct, `UPDATE every SET ${column(index)} = $1 WHERE id = $2`)).toBe(
      parameter === undefined ? wanted : wanted.replace(/^\{[^,]+/, `{"${parameter}"`),
    );
  });

  it.each(
    cases.flatMap(({ type, tooLong }, index) =>
      tooLong === undefined ? [] : [[type, ...tooLong, index] as const],
    ),
  )('a value too large for %s is the server’s error', async (_type, value, code, index) => {
    await reset(index);
    const before = await stored(index);
    const literal = `UPDATE every SET ${column(index)} = ${/^\d+$/.test(value) && !cases[index]!.type.includes('bit') ? value : quoted(value)}`;
    await expect(client.query(literal)).rejects.toMatchObject({ code });
    await expect(client.query(`UPDATE every SET ${column(index)} = $1`, [value])).rejects.toMatchObject({
      code,
    });
    expect(await stored(index)).toBe(before);
  });

  describe('refusals on the wire', () => {
    const refused = {
      code: '42501',
      message: expect.stringMatching(/^pgveil: .*"public\.people\.email".*mask/) as string,
    };
    it('a mask as a new value, in both protocols, and the session goes on', async () => {
      const sql = 'INSERT INTO people (id, email) VALUES';
      await expect(client.query(`${sql} (1, 'a***@x.com')`)).rejects.toMatchObject(refused);
      await expect(client.query(`${sql} ($1, $2)`, [1, 'a***@x.com'])).rejects.toMatchObject(refused);
      const named = { name: 'insert', text: `${sql} ($1, $2)` };
      await client.query({ ...named, values: [1, 'a@x.com'] });
      await expect(client.query({ ...named, values: [2, '***@x.com'] })).rejects.toMatchObject(refused);
      await client.query('BEGIN');
      await expect(client.query(`${sql} (3, 'a***@x.com')`)).rejects.toMatchObject(refused);
      await expect(client.query('SELECT 1')).rejects.toMatchObject({ code: '25P02' });
      await client.query('ROLLBACK');
      expect((await direct.query('DELETE FROM people RETURNING email')).rows).toEqual([{ email: 'a@x.com' }]);
    });

    it('the audit says denied, and holds no value', async () => {
      const denied = await vi.waitFor(async () => {
        const events = (await proxy.events()).filter((event) => event.action_id === 2);
        expect(events.length).toBeGreaterThan(0);
        return events;
      });
      expect(JSON.stringify(denied)).toContain('pgveil:writes');
      expect(JSON.stringify(denied)).not.toContain('x.com');
    });

    it('COPY FROM STDIN takes values and refuses masks, in every format of text', async () => {
      await copyIn(client, 'COPY people (id, email) FROM STDIN', '1\ta@x.com\n2\t\\N\n');
      await copyIn(
        client,
        'COPY people (id, email, plain) FROM STDIN WITH (FORMAT csv, HEADER)',
        'id,email,plain\n3,b@x.com,***\n',
      );
      await copyIn(
        client,
        'COPY people (id, email) FROM STDIN WHERE id > 4 OR false',
        '4\tc@x.com\n5\td@x.com\n',
      );
      expect((await direct.query('DELETE FROM people RETURNING id')).rows).toEqual(
        [1, 2, 3, 5].map((id) => ({ id })),
      );
      for (const [sql, data] of [
        ['COPY people (id, email) FROM STDIN', '6\ta@x.com\n7\ta***@x.com\n'],
        ['COPY people (id, email) FROM STDIN WITH (FORMAT csv)', '6,"***"\n'],
        ['COPY people (email, id) FROM STDIN WHERE id > 0', '***@x.com\t6\n'],
      ] as const) {
        await expect(copyIn(client, sql, data)).rejects.toMatchObject(refused);
      }
      expect((await direct.query('SELECT FROM people')).rowCount).toBe(0);
    });

    it('write: reject', async () => {
      for (const sql of [
        "UPDATE people SET phone = 'x'",
        'COPY people FROM STDIN',
        'INSERT INTO people VALUES (1, $$a$$, $$b$$)',
      ]) {
        await expect(client.query(sql)).rejects.toMatchObject({
          code: '42501',
          detail: expect.stringContaining('write: reject') as string,
          hint: expect.stringContaining('leave the column out') as string,
        });
      }
    });
  });
});

/** What Describe says of the parameters, as type names. */
async function described(client: pg.Client, direct: pg.Client, text: string): Promise<unknown> {
  const oids = await new Promise<readonly number[]>((resolve, reject) => {
    let found: readonly number[] = [];
    submit(client, {
      submit(connection) {
        connection.once('parameterDescription', (message) => {
          found = (message as { dataTypeIDs: number[] }).dataTypeIDs;
        });
        connection.parse({ name: '', text, types: [] });
        connection.describe({ type: 'S', name: '' });
        connection.sync();
      },
      handleReadyForQuery: () => resolve(found),
      handleError: reject,
    });
  });
  const { rows } = await direct.query<{ t: string }>('SELECT $1::oid[]::regtype[]::text AS t', [oids]);
  return rows[0]!.t;
}

/** COPY FROM STDIN by hand: pg has no stream for it. */
async function copyIn(client: pg.Client, text: string, data: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    submit(client, {
      submit: (connection) => connection.query(text),
      handleCopyInResponse: (connection) => {
        connection.sendCopyFromChunk(Buffer.from(data));
        connection.endCopyFrom();
      },
      handleReadyForQuery: () => resolve(),
      handleError: reject,
    });
  });
}

/** The part of pg's inner connection that these two need. */
interface Connection {
  once(event: string, listener: (message: unknown) => void): void;
  query(text: string): void;
  parse(query: { readonly name: string; readonly text: string; readonly types: readonly number[] }): void;
  describe(what: { readonly type: string; readonly name: string }): void;
  sync(): void;
  sendCopyFromChunk(chunk: Buffer): void;
  endCopyFrom(): void;
}

interface Submitted {
  submit(connection: Connection): void;
  handleError(error: Error): void;
  handleReadyForQuery(): void;
  handleCopyInResponse?(connection: Connection): void;
}

function submit(client: pg.Client, steps: Submitted): void {
  const ignore = (): void => undefined;
  const whole = {
    handleRowDescription: ignore,
    handleDataRow: ignore,
    handlePortalSuspended: ignore,
    handleEmptyQuery: ignore,
    handleCommandComplete: ignore,
    handleCopyInResponse: ignore,
    handleCopyData: ignore,
    ...steps,
  };
  client.query(whole as unknown as pg.Submittable);
}
