/** What a governed client may try with messages alone: to fall out of step, to run one statement under another's name. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { errorField } from '../../../src/wire/messages/error-response.js';
import { encodeFrontend, type FrontendMessage } from '../../../src/wire/frontend-message.js';
import { createDatabase, passwords, type TestDatabase } from '../../support/databases.js';
import { postgresVersions } from '../../support/servers.js';
import * as s from './support.js';

const { bind, copyData, copyDone, describeStatement, execute, flush, parse, query, sync } = s;

const close = (name: string): FrontendMessage => ({ kind: 'close', target: 'statement', name });
const copyFail: FrontendMessage = { kind: 'copy-fail', reason: 'enough' };
const flushWithBody = Buffer.from([0x48, 0, 0, 0, 5, 0]);

describe.each(postgresVersions)('a hostile client on PostgreSQL %i', (version) => {
  let db: TestDatabase;
  let proxy: s.Proxy;

  beforeAll(async () => {
    db = await createDatabase(version);
    await db.query(`
      CREATE TABLE public.t (i int PRIMARY KEY);
      CREATE TABLE public.protected (secret text);
      INSERT INTO public.protected VALUES ('canary');
      CREATE FUNCTION public.raising() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
      DECLARE s text := (SELECT secret FROM public.protected);
      BEGIN
        IF NEW.i = 1 THEN RAISE NOTICE USING MESSAGE = s, ERRCODE = '42P07';
        ELSIF NEW.i = 2 THEN RAISE WARNING '%', s USING DETAIL = s, HINT = s;
        ELSIF NEW.i = 3 THEN RAISE USING MESSAGE = s, ERRCODE = '42501', COLUMN = s, TABLE = s, CONSTRAINT = s;
        ELSIF NEW.i = 4 THEN EXECUTE format('SELECT %I', s);
        ELSIF NEW.i = 5 THEN EXECUTE format('SELECT %L::regclass', s);
        ELSIF NEW.i = 6 THEN EXECUTE format('SELECT %L::int', s);
        ELSIF NEW.i = 7 THEN PERFORM pg_notify(s, s);
        ELSIF NEW.i = 8 THEN PERFORM to_tsquery(s || ' ' || s);
        ELSIF NEW.i = 9 THEN EXECUTE format('DROP TABLE IF EXISTS %I', s);
        ELSIF NEW.i = 10 THEN BEGIN EXECUTE format('TABLE %I', s); EXCEPTION WHEN OTHERS THEN RAISE; END;
        END IF;
        RETURN NEW;
      END $$;
      CREATE TABLE public.raises (i int);
      CREATE TRIGGER raising BEFORE INSERT ON public.raises FOR EACH ROW EXECUTE FUNCTION public.raising();
      GRANT ALL ON public.t, public.raises TO crm_support, crm_marketing`);
    // Some old databases have it so.
    await db.query('ALTER ROLE crm_support SET standard_conforming_strings = off');
    proxy = await s.startProxy(db);
  });
  afterAll(async () => {
    await proxy.stop();
    await db.query('ALTER ROLE crm_support RESET standard_conforming_strings');
    await db.drop();
  });
  beforeEach(async () => {
    proxy.audit.statements.length = 0;
    proxy.audit.readyFor = () => undefined;
    proxy.planner.version = 1;
    await db.query('TRUNCATE public.t');
  });

  const as = (user: 'crm_support' | 'postgres') => ({ user, database: db.name });
  const viaProxy = () => s.RawClient.login(proxy, as('crm_support'), passwords.crm_support);
  const direct = () => s.RawClient.login(db, as('crm_support'), passwords.crm_support);
  const texts = () => proxy.audit.statements.map(({ record }) => record.auditText);

  async function lines(client: s.RawClient, readies: number): Promise<string[]> {
    await client.until('ready-for-query', readies);
    return s.transcript(client.messages);
  }

  const orders: readonly [string, readonly FrontendMessage[], number][] = [
    [
      'two COPYs in one text with a Sync between',
      [
        query('COPY t FROM STDIN; COPY t FROM STDIN'),
        copyDone,
        sync,
        copyData('1\n'),
        copyDone,
        query('SELECT 1'),
      ],
      2,
    ],
    [
      'COPY out, then in, in one text',
      [query('COPY t TO STDOUT; COPY t FROM STDIN'), sync, copyData('1\n'), copyDone, query('SELECT 1')],
      2,
    ],
    [
      'a COPY behind an Execute that ends first',
      [
        parse('SELECT 1'),
        bind(),
        execute(),
        parse('COPY t FROM STDIN'),
        bind(),
        execute(),
        sync,
        copyData('1\n'),
        copyDone,
        sync,
        query('SELECT 1'),
      ],
      2,
    ],
    [
      'a COPY behind a Query that ends first',
      [query('SELECT 1'), query('COPY t FROM STDIN'), sync, copyData('1\n'), copyDone, query('SELECT 1')],
      3,
    ],
    [
      'a COPY given up, with more behind it',
      [query('COPY t FROM STDIN; COPY t FROM STDIN'), copyFail, copyDone, sync, query('SELECT 1')],
      3,
    ],
    ['the end of a COPY outside of one', [copyDone, copyFail, sync, query('SELECT 1')], 2],
    [
      'a COPY of a table that is not there',
      [parse('COPY nope FROM STDIN'), bind(), execute(), copyData('1\n'), copyDone, sync, query('SELECT 1')],
      2,
    ],
    [
      'a name taken by SQL, then by Parse',
      [
        query('PREPARE d AS SELECT 1'),
        parse('SELECT 2', 'd'),
        bind('d'),
        execute(),
        sync,
        bind('d'),
        execute(),
        sync,
      ],
      3,
    ],
    [
      'names that the server cuts to the same',
      [
        parse('SELECT 1', `${'x'.repeat(63)}a`),
        close(`${'x'.repeat(63)}b`),
        bind(`${'x'.repeat(63)}a`),
        sync,
      ],
      1,
    ],
    [
      'a failed unnamed Parse, then Bind in the next stretch',
      [parse('SELECT 1'), sync, parse('SELECT nope'), sync, bind(), execute(), sync],
      3,
    ],
    [
      'a cursor of a transaction that is over',
      [
        query('BEGIN; DECLARE c CURSOR FOR SELECT 1'),
        query('ROLLBACK'),
        query('FETCH 1 FROM c'),
        parse('SELECT 2'),
        bind('', 'c'),
        execute('c'),
        sync,
        execute('c'),
        sync,
      ],
      5,
    ],
    [
      'the transaction ends inside a text',
      [
        query('BEGIN; SET search_path = pg_catalog; ROLLBACK; SELECT 1'),
        query('SELECT 1/0; COMMIT'),
        query('SELECT 2'),
      ],
      3,
    ],
    [
      'DISCARD ALL in a transaction fails and forgets nothing',
      [query('PREPARE d AS SELECT 1'), query('BEGIN; DISCARD ALL'), query('ROLLBACK'), query('EXECUTE d')],
      4,
    ],
    [
      'flushes everywhere',
      [flush, parse('SELECT 1'), flush, bind(), flush, execute(), flush, sync, flush, query('')],
      2,
    ],
  ];

  test.each(orders)('keeps in step with the server: %s', async (_name, messages, readies) => {
    const server = await direct();
    server.send(...messages);
    const expected = await lines(server, readies);
    server.close();
    for (const batches of [[messages], messages.map((one) => [one])]) {
      await db.query('TRUNCATE public.t');
      const client = await viaProxy();
      for (const batch of batches) client.send(...batch);
      expect(await lines(client, readies)).toEqual(expected);
      client.send(query('SELECT 77'));
      await client.until('ready-for-query', readies + 1);
      expect(texts().at(-1)).toBe('SELECT 77');
      expect(proxy.audit.statements.at(-1)!.outcome).toMatchObject({ status: 'success', rows: 1 });
      client.close();
    }
  });

  test('a message with bytes where none may be ends the session before the server sees it', async () => {
    for (const bytes of [
      flushWithBody,
      Buffer.from([0x53, 0, 0, 0, 5, 0]),
      Buffer.from([0x63, 0, 0, 0, 5, 0]),
    ]) {
      const client = await viaProxy();
      client.socket.write(bytes);
      expect(s.transcript(await client.untilClosed())).toEqual(['error 08P01']);
    }
  });

  test.each([
    ['without terminator', Buffer.from('Q\0\0\0\x0cSELECT 1', 'latin1')],
    ['with a NUL inside', Buffer.from('Q\0\0\0\x0fSELECT 1\0;\0', 'latin1')],
    ['without a body', Buffer.from('Q\0\0\0\x04', 'latin1')],
    ['of an unknown type', Buffer.from('z\0\0\0\x04', 'latin1')],
    ['of a length below 4', Buffer.from('Q\0\0\0\x03', 'latin1')],
    ['another startup packet', Buffer.from([0, 0, 0, 8, 4, 210, 22, 47])],
    ['a password after log-in', encodeFrontend({ kind: 'password', data: Buffer.from('x\0') })],
  ])('a message %s ends the session', async (_name, bytes) => {
    const client = await viaProxy();
    client.socket.write(bytes);
    const messages = await client.untilClosed();
    expect(messages.filter((one) => one.kind === 'command-complete')).toEqual([]);
    expect(texts()).toEqual([]);
  });

  test('a statement that the server came to skip leaves nothing to the next one', async () => {
    let release: () => void = () => undefined;
    proxy.audit.readyFor = ({ auditText }) =>
      auditText === 'SELECT 1' ? new Promise((resolve) => (release = resolve)) : undefined;
    const client = await viaProxy();
    client.send(parse('SELECT nope'), flush, query('SELECT 1'));
    await client.until('error-response');
    release();
    client.send(sync, query('SELECT 2 AS two'), parse('SELECT 3', 'x'), bind('x'), execute(), sync);
    await client.until('ready-for-query', 3);
    const summary = proxy.audit.statements.map(
      ({ record, outcome }) => `${record.auditText} ${outcome.status} ${outcome.rows}`,
    );
    expect(summary).toEqual(['SELECT 1 failure 0', 'SELECT 2 AS two success 1', 'SELECT 3 success 1']);
    client.close();
  });

  test('a plan that came too late is not the plan of the next statement', async () => {
    proxy.planner.slow = true;
    const client = await viaProxy();
    client.send(parse('SELECT nope'), flush, query('SELECT 1 AS one'), sync);
    await client.until('ready-for-query');
    client.send(query('SELECT 2 AS two'));
    await client.until('ready-for-query', 2);
    proxy.planner.slow = false;
    const names = client.messages.flatMap((one) =>
      one.kind === 'row-description' ? one.fields.map((field) => field.name) : [],
    );
    expect(names).toEqual(['two']);
    client.close();
  });

  test('a Parse that fails as a duplicate does not lend its text to the older statement', async () => {
    const client = await viaProxy();
    client.send(parse("SELECT 'old'", 'd'), sync);
    await client.until('ready-for-query');
    client.send(parse("SELECT 'new'", 'd'), sync, bind('d'), execute(), sync);
    await client.until('ready-for-query', 3);
    expect(texts()).toEqual(["SELECT 'old'"]);
    client.send(query("PREPARE d AS SELECT 'sql'"), query('EXECUTE d'));
    await client.until('ready-for-query', 5);
    expect(s.transcript(client.messages).at(-2)).toBe('complete SELECT 1');
    client.close();
  });

  test('rows that the client has not had described pass the guard first, once for each prepared statement', async () => {
    const column = (await db.query("SELECT 'public.t'::regclass::oid::text AS oid")).rows[0] as {
      oid: string;
    };
    const client = await viaProxy();
    const good = `SELECT i FROM t WHERE 'FORBIDDEN(1:1)' <> ''`;
    client.send(
      query('INSERT INTO t VALUES (1)'),
      parse(good, 'g'),
      bind('g'),
      execute(),
      bind('g'),
      execute(),
      sync,
    );
    await client.until('ready-for-query', 2);
    expect(s.transcript(client.messages)).toEqual([
      'complete INSERT 0 1',
      'ready I',
      'parse-complete',
      'bind-complete',
      'data-row',
      'complete SELECT 1',
      'bind-complete',
      'data-row',
      'complete SELECT 1',
      'ready I',
    ]);
    const trips = proxy.guardTrips();
    client.send(parse(`SELECT i FROM t WHERE 'FORBIDDEN(${column.oid}:1)' <> ''`), bind(), execute(), sync);
    const messages = await client.untilClosed();
    expect(messages.filter((one) => one.kind === 'data-row').length).toBe(2);
    expect(proxy.guardTrips()).toBe(trips + 1);
  });

  test.each(['RESET standard_conforming_strings', 'RESET ALL', 'DISCARD ALL'])(
    'strings stay standard after %s, whatever the role has set',
    async (reset) => {
      const client = await viaProxy();
      client.send(query(reset), query('SHOW standard_conforming_strings'));
      await client.until('ready-for-query', 2);
      const row = client.messages.find((one) => one.kind === 'data-row');
      expect(row?.kind === 'data-row' && row.values[0]?.toString()).toBe('on');
      client.close();
    },
  );

  test('what a client prepares is bounded', async () => {
    const client = await viaProxy();
    const text = `SELECT '${'x'.repeat(1_000_000)}'`;
    for (let index = 0; index < 12; index++)
      client.send(parse(text, `p${index}`), describeStatement(`p${index}`), sync);
    await client.until('ready-for-query', 12);
    const codes = client.messages.flatMap((one) =>
      one.kind === 'error-response' ? [errorField(one, 'C')] : [],
    );
    expect(codes.length).toBeGreaterThan(2);
    expect(new Set(codes)).toEqual(new Set(['53200']));
    client.close();
  });

  test.each([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])(
    'no error, notice or notification of a function tells what it has read: %i',
    async (kind) => {
      const client = await viaProxy();
      client.send(query(`INSERT INTO raises VALUES (${kind})`), query('SELECT 1'));
      await client.until('ready-for-query', 2);
      expect(client.received.toString('latin1')).not.toContain('canary');
      client.close();
    },
  );

  test('a message whose rest does not come ends the session; COPY data may stop anywhere', async () => {
    const bounded = await s.startProxy(db, { limits: { stalledMessageMs: 100 } });
    const login = () => s.RawClient.login(bounded, as('crm_support'), passwords.crm_support);
    const half = await login();
    half.socket.write(Buffer.from('Q\0\0\0\x20SELECT', 'latin1'));
    expect(s.transcript(await half.untilClosed())).toEqual(['error 08P01']);
    const quiet = await login();
    quiet.send(query('COPY t FROM STDIN'));
    await quiet.until('copy-in-response');
    quiet.socket.write(Buffer.from('d\0\0\0\x061', 'latin1'));
    await new Promise((resolve) => setTimeout(resolve, 400));
    quiet.socket.write('\n');
    quiet.send(copyDone);
    expect(await lines(quiet, 1)).toEqual(['copy-in-response', 'complete COPY 1', 'ready I']);
    await bounded.stop();
  });

  test('an exempt session is audited by statement whatever it says of replication', async () => {
    const parameters = { ...as('postgres'), replication: 'false' };
    const client = await s.RawClient.login(proxy, parameters, passwords.postgres);
    client.send(query('SELECT 77'));
    expect(await lines(client, 1)).toEqual(['row-description', 'data-row', 'complete SELECT 1', 'ready I']);
    expect(texts()).toEqual(['SELECT 77']);
    client.close();
  });

  const exempt: readonly [string, readonly (FrontendMessage | Buffer)[], number][] = [
    ['a Flush with a body', [flushWithBody, parse('SELECT 1'), sync, query('SELECT 2')], 2],
    [
      'two COPYs in one text with Syncs between',
      [
        query('COPY t FROM STDIN; COPY t FROM STDIN'),
        sync,
        copyDone,
        sync,
        copyDone,
        sync,
        query('SELECT 1'),
      ],
      3,
    ],
    [
      'Syncs before and behind the end of a COPY',
      [parse('COPY t FROM STDIN'), bind(), execute(), sync, copyDone, sync, query('SELECT 1')],
      2,
    ],
    ['LISTEN and NOTIFY', [query("LISTEN a; NOTIFY a, 'b'"), query('UNLISTEN *')], 2],
    ['a text with a NUL inside', [Buffer.from('Q\0\0\0\x0fSELECT 1\0;\0', 'latin1'), query('SELECT 1')], 2],
    [
      'a name twice',
      [parse('SELECT 1', 'x'), sync, parse('SELECT 2', 'x'), sync, bind('x'), execute(), sync],
      3,
    ],
    [
      'a FunctionCall that fails',
      [
        { kind: 'function-call', functionOid: 1, argumentFormats: [], arguments: [], resultFormat: 0 },
        query('SELECT 1'),
      ],
      2,
    ],
  ];
  test.each(exempt)('an exempt session is left alone: %s', async (_name, messages, readies) => {
    const seen: string[][] = [];
    for (const at of [db, proxy]) {
      await db.query('TRUNCATE public.t');
      const client = await s.RawClient.login(at, as('postgres'), passwords.postgres);
      client.socket.write(
        Buffer.concat(messages.map((one) => (Buffer.isBuffer(one) ? one : encodeFrontend(one)))),
      );
      await client.until('ready-for-query', readies);
      client.send(query('SELECT 77'));
      await client.until('ready-for-query', readies + 1);
      seen.push(s.transcript(client.messages));
      client.close();
    }
    expect(seen[1]).toEqual(seen[0]);
  });
});
