/** Errors and notices through the whole proxy: what the server says of hidden values, whoever makes it say so. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { passwords } from '../support/databases.js';
import { startProxy, type Proxy } from '../support/proxy.js';
import { postgresVersions } from '../support/servers.js';
import { RawClient } from './limits/raw-client.js';

/** Tables with whatever can speak of a row; each hidden value holds the word canary. */
const setup = `
  CREATE TABLE cases (id int PRIMARY KEY, secret text, owner text, n int,
    CONSTRAINT one_owner UNIQUE (owner), CONSTRAINT small CHECK (n < 100));
  INSERT INTO cases VALUES (1, 'canary-case-1', 'canary-owner-1', 1), (2, 'canary-case-2', 'canary-owner-2', 2);
  CREATE TABLE parts (id int PRIMARY KEY, case_id int NOT NULL REFERENCES cases (id), label text NOT NULL);
  INSERT INTO parts VALUES (1, 1, 'a');
  CREATE TABLE slots (id int PRIMARY KEY, during int4range, EXCLUDE USING gist (during WITH &&));
  INSERT INTO slots VALUES (1, '[1,5)');
  CREATE DOMAIN grade AS int CHECK (VALUE BETWEEN 1 AND 6);
  CREATE TABLE marks (id int PRIMARY KEY, mark grade, doubled int GENERATED ALWAYS AS (100 / (id - 7)) STORED);
  CREATE FUNCTION speak() RETURNS trigger LANGUAGE plpgsql AS $$
  DECLARE hidden text := (SELECT string_agg(secret, ',') FROM public.cases);
  BEGIN
    IF NEW.label = 'notice' THEN RAISE NOTICE '%', hidden USING DETAIL = hidden, HINT = hidden, COLUMN = hidden, TABLE = hidden;
    ELSIF NEW.label = 'warning' THEN RAISE WARNING '%', hidden;
    ELSIF NEW.label = 'info' THEN RAISE INFO '%', hidden;
    ELSIF NEW.label = 'plain' THEN RAISE EXCEPTION '%', hidden USING DETAIL = hidden, HINT = hidden;
    ELSIF NEW.label = 'code' THEN RAISE EXCEPTION '%', hidden USING ERRCODE = '42501', CONSTRAINT = hidden, SCHEMA = hidden, DATATYPE = hidden;
    ELSIF NEW.label = 'borrowed' THEN RAISE EXCEPTION 'duplicate key value violates unique constraint "%"', hidden USING ERRCODE = '23505', CONSTRAINT = hidden;
    ELSIF NEW.label = 'cast' THEN NEW.id := hidden::int;
    ELSIF NEW.label = 'dynamic' THEN EXECUTE 'SELECT "' || hidden || '"';
    ELSIF NEW.label = 'relation' THEN EXECUTE 'SELECT 1 FROM "' || hidden || '"';
    ELSIF NEW.label = 'syntax' THEN EXECUTE hidden;
    ELSIF NEW.label = 'regex' THEN PERFORM hidden ~ ('(' || hidden);
    ELSIF NEW.label = 'json' THEN PERFORM hidden::json;
    ELSIF NEW.label = 'date' THEN PERFORM hidden::date;
    ELSIF NEW.label = 'config' THEN PERFORM to_tsvector(hidden::regconfig, 'x');
    ELSIF NEW.label = 'setting' THEN PERFORM set_config(hidden, 'x', true);
    ELSIF NEW.label = 'notify' THEN PERFORM pg_notify('ears', hidden);
    END IF;
    RETURN NEW;
  END $$;
  ALTER FUNCTION speak() SECURITY DEFINER;
  CREATE TRIGGER speak BEFORE INSERT ON parts FOR EACH ROW EXECUTE FUNCTION speak();
  GRANT ALL ON cases, parts, slots, marks TO crm_support;
`;

describe.each(postgresVersions)('what PostgreSQL %i says of hidden values', (version) => {
  let proxy: Proxy;
  let client: RawClient;
  const told: boolean[] = [];

  beforeAll(async () => {
    proxy = await startProxy(version);
    await proxy.db.query(setup, 'crm_admin');
    await proxy.app.reload();
    client = await RawClient.connect(proxy.app.ports.proxy, {
      user: 'crm_support',
      database: proxy.db.name,
      password: passwords.crm_support,
    });
  });
  afterAll(async () => {
    client.end();
    await proxy.stop();
  });

  const both = async (sql: string): Promise<{ said: string; code: string | undefined; message: string }> => {
    const simple = await client.query(sql);
    const extended = await client.extended(sql, { sync: true }).answer();
    const errors = [simple, extended].map((answer) =>
      answer.errors.map((error) => ({ ...error, position: undefined })),
    );
    expect(errors[1]).toEqual(errors[0]);
    const said = JSON.stringify([simple, extended].map(({ errors: e, notices }) => [e, notices]));
    return { said, code: simple.errors[0]?.code, message: simple.errors[0]?.message ?? '' };
  };

  test.each([
    ['plain', 'P0001'],
    ['code', '42501'],
    ['borrowed', '23505'],
    ['cast', '22P02'],
    ['dynamic', '42703'],
    ['relation', '42P01'],
    ['syntax', '42601'],
    ['regex', '2201B'],
    ['json', '22P02'],
    ['date', '22007'],
    ['config', '42704'],
    ['setting', '42704'],
  ])('a trigger that fails with a stored value: %s', async (label, code) => {
    const answer = await both(`INSERT INTO parts VALUES (900, 1, '${label}')`);
    expect(answer.code).toBe(code === '42704' && label === 'setting' ? answer.code : code);
    expect(answer.said).not.toContain('canary');
    expect(answer.message).toMatch(/^pgveil: |^invalid input syntax for type (?:integer|json|date)$/);
  });

  test.each(['notice', 'warning', 'info', 'notify'])(
    'a trigger that tells a stored value: %s',
    async (label) => {
      const answer = await client.query(`INSERT INTO parts VALUES (901, 1, '${label}')`);
      expect(answer).toMatchObject({ errors: [], notices: [], tags: ['INSERT 0 1'] });
      expect(JSON.stringify(answer)).not.toContain('canary');
      await client.query('DELETE FROM parts WHERE id = 901');
    },
  );

  test.each([
    [
      "INSERT INTO cases VALUES (1, 'x', 'y', 1)",
      'duplicate key value violates unique constraint "cases_pkey"',
    ],
    [
      "INSERT INTO cases VALUES (9, 'x', 'canary-owner-1', 1)",
      'duplicate key value violates unique constraint "one_owner"',
    ],
    [
      "INSERT INTO cases VALUES (9, 'x', 'y', 1000)",
      'new row for relation "cases" violates check constraint "small"',
    ],
    [
      'INSERT INTO parts VALUES (9, 77, $$x$$)',
      'insert or update on table "parts" violates foreign key constraint "parts_case_id_fkey"',
    ],
    [
      'INSERT INTO parts VALUES (9, 1, NULL)',
      'null value in column "label" of relation "parts" violates not-null constraint',
    ],
    [
      'DELETE FROM cases WHERE id = 1',
      'update or delete on table "cases" violates foreign key constraint "parts_case_id_fkey" on table "parts"',
    ],
    [
      "INSERT INTO slots VALUES (2, '[4,9)')",
      'conflicting key value violates exclusion constraint "slots_during_excl"',
    ],
    [
      'INSERT INTO marks (id, mark) VALUES (1, 9)',
      'value for domain grade violates check constraint "grade_check"',
    ],
    ['INSERT INTO marks (id, mark) VALUES (7, 1)', 'division by zero'],
    ["SELECT 'abc'::int", 'invalid input syntax for type integer'],
    ['SELECT id + owner::int FROM cases', 'invalid input syntax for type integer'],
    ['SELECT 99999 * 99999', 'integer out of range'],
    ["SELECT '2020-99-99'::date", 'date/time field value out of range'],
    [
      "SELECT secret ~ '(' FROM cases",
      'pgveil: invalid regular expression; the text is withheld because it may carry a value',
    ],
    ["SELECT '{'::json", 'invalid input syntax for type json'],
    ['SELECT nothing FROM cases', 'column "nothing" does not exist'],
    ['SELECT id FROM cases ORDER', 'pgveil: syntax error at end of input'],
    ['SELECT length(id) FROM cases', 'function length(integer) does not exist'],
    ['SELECT (SELECT id FROM cases)', 'more than one row returned by a subquery used as an expression'],
    ["UPDATE cases SET secret = secret WHERE id = 'x'", 'invalid input syntax for type integer'],
  ])('an application can read why %s fails', async (sql, message) => {
    const answer = await both(sql);
    expect(answer.message).toBe(message);
    expect(answer.said).not.toContain('canary');
  });

  test.each([
    'SELECT nothing FROM cases',
    'SELECT id, nothing FROM customers',
    'SELECT c.id FROM customers c JOIN orders o ON o.nothing = c.id',
    "SELECT 'äöü€😀' AS x, first_name /* 😀 ü */ || nothing FROM customers WHERE id = 1",
    '/* ü */ SELECT lower(id) FROM customers -- ü',
    'SELECT first_name FROM customers WHERE email = nothing AND id = 1',
    'SELECT id FROM customers WHERE id = $$x$$',
    "SELECT id FROM customers WHERE birth_date > 'x'",
    'SELECT email, count(*) FROM customers',
    'SELECT id FROM customers ORDER BY 7',
    'SELECT 1; SELECT id FROM customers; SELECT nothing FROM customers',
    'SELECT 1; SELECT 2 +  length(id) FROM orders; SELECT 1',
    "UPDATE customers SET nothing = 'x' WHERE id = 1",
    'UPDATE customers SET first_name = nothing WHERE id = 1',
    'INSERT INTO orders (id, nothing) VALUES (1, 2)',
    'DELETE FROM orders WHERE nothing = 1',
    'SELECT id FROM customers UNION SELECT first_name FROM customers',
  ])("the position of an error is the server's own, or none: %s", async (sql) => {
    const direct = await proxy.db.connect('crm_support');
    const expected = await direct.query(sql).then(
      () => undefined,
      (error: unknown) => error as { readonly position?: string; readonly code: string },
    );
    expect(expected?.position).toBeDefined();
    const simple = (await client.query(sql)).errors[0];
    told.push(simple?.position !== undefined);
    expect([undefined, expected?.position]).toContain(simple?.position);
    if (simple?.message?.startsWith('pgveil: ') === false) expect(simple.code).toBe(expected?.code);
    if (sql.includes(';')) return;
    const extended = (await client.extended(sql, { sync: true }).answer()).errors[0];
    expect(extended).toEqual(simple);
  });

  test('nearly all positions are told', () => {
    expect(told.filter(Boolean).length).toBeGreaterThan(told.length * 0.8);
  });

  test('the lines of a COPY that fails are not told', async () => {
    const broken = await client.copyIn('COPY cases FROM STDIN', ['1\tcanary-case-1\tq\t1\n']);
    expect(broken.errors).toMatchObject([
      {
        code: '23505',
        message: 'duplicate key value violates unique constraint "cases_pkey"',
        detail: undefined,
      },
    ]);
    const bad = await client.copyIn('COPY cases FROM STDIN', ['x\ty\tz\tcanary\n']);
    expect(bad.errors).toMatchObject([{ code: '22P02', message: 'invalid input syntax for type integer' }]);
    expect(JSON.stringify([broken, bad])).not.toContain('canary');
  });

  test('waiting in vain is told in the words of the server, and whom for is not', async () => {
    const other = await proxy.db.connect('crm_admin');
    await other.query('BEGIN; UPDATE cases SET n = n WHERE id = 1');
    expect((await client.query('SELECT id FROM cases WHERE id = 1 FOR UPDATE NOWAIT')).errors).toMatchObject([
      { code: '55P03', detail: undefined },
    ]);
    await other.query('ROLLBACK');
  });

  test("a log-in's own settings let no plan and no internal message through", async () => {
    // Of this database alone: other test files use the same role.
    const settings = [
      "client_min_messages = 'debug1'",
      'debug_print_plan = on',
      'log_min_duration_statement = 0',
    ];
    for (const each of settings)
      await proxy.db.query(`ALTER ROLE crm_support IN DATABASE ${proxy.db.name} SET ${each}`, 'postgres');
    try {
      const loud = await RawClient.connect(proxy.app.ports.proxy, {
        user: 'crm_support',
        database: proxy.db.name,
        password: passwords.crm_support,
      });
      const answer = await loud.query("SELECT id FROM customers WHERE notes LIKE 'canary%'");
      expect(answer.notices).toEqual([]);
      loud.end();
    } finally {
      await proxy.db.query(`ALTER ROLE crm_support IN DATABASE ${proxy.db.name} RESET ALL`, 'postgres');
    }
  });
});
