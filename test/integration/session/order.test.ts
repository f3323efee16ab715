import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { errorField } from '../../../src/wire/messages/error-response.js';
import type { FrontendMessage } from '../../../src/wire/frontend-message.js';
import { createDatabase, passwords, type TestDatabase } from '../../support/databases.js';
import { postgresVersions } from '../../support/servers.js';
import * as s from './support.js';

const { bind, copyData, copyDone, describeStatement, execute, flush, parse, query, sync } = s;

describe.each(postgresVersions)('order and state on PostgreSQL %i', (version) => {
  let db: TestDatabase;
  let proxy: s.Proxy;

  beforeAll(async () => {
    db = await createDatabase(version);
    await db.query(
      'CREATE TABLE public.t (i int PRIMARY KEY); GRANT ALL ON public.t TO crm_support; CREATE TABLE public.secret (i int)',
    );
    proxy = await s.startProxy(db);
  });
  afterAll(async () => {
    await proxy.stop();
    await db.drop();
  });
  beforeEach(async () => {
    proxy.audit.statements.length = 0;
    proxy.planner.version = 1;
    await db.query('TRUNCATE public.t');
  });

  const parameters = () => ({ user: 'crm_support', database: db.name });
  const viaProxy = () => s.RawClient.login(proxy, parameters(), passwords.crm_support);
  const direct = () => s.RawClient.login(db, parameters(), passwords.crm_support);

  async function run(
    client: s.RawClient,
    batches: readonly (readonly FrontendMessage[])[],
    readies: number,
  ): Promise<string[]> {
    for (const batch of batches) client.send(...batch);
    await client.until('ready-for-query', readies);
    const lines = s.transcript(client.messages).map((line) => line.replace('error 42703', 'error 42501'));
    client.close();
    return lines;
  }

  // Each text runs directly with a genuine error and through the proxy with a refusal: a permission error in the simple
  // protocol; in the extended one an error of Parse, since the server checks permissions only at Bind.
  const refused = (sql: string, real: boolean) =>
    sql.replace('REFUSAL', real ? 'SELECT i FROM secret' : 'SELECT REFUSED');
  const refusedParse = (real: boolean) => parse(real ? 'SELECT no_such_column' : 'SELECT REFUSED', 'a');
  const cases: readonly [string, (real: boolean) => FrontendMessage[], number][] = [
    ['alone', (real) => [query(refused('REFUSAL', real)), query('SELECT 1')], 2],
    [
      'in the middle of a text',
      (real) => [query(refused('SELECT 1; REFUSAL; SELECT 2', real)), query('SELECT 3')],
      2,
    ],
    [
      'in a transaction',
      (real) => [
        query('BEGIN'),
        query(refused('REFUSAL', real)),
        query('SELECT 1'),
        query('ROLLBACK'),
        query('SELECT 2'),
      ],
      5,
    ],
    [
      'after an insert in one text, which is rolled back',
      (real) => [query(refused('INSERT INTO t VALUES (7); REFUSAL', real)), query('SELECT i FROM t')],
      2,
    ],
    [
      'in a pipeline before one Sync',
      (real) => [
        parse('SELECT 1'),
        bind(),
        execute(),
        refusedParse(real),
        bind('a'),
        execute(),
        parse('SELECT 2'),
        bind(),
        execute(),
        sync,
        parse('SELECT 3'),
        bind(),
        execute(),
        sync,
      ],
      2,
    ],
    [
      'in a pipeline with a Query that is skipped',
      (real) => [refusedParse(real), flush, query('SELECT 5'), sync, query('SELECT 6')],
      2,
    ],
    [
      'in a failed transaction',
      (real) => [query('BEGIN'), query('SELECT 1/0'), query(refused('REFUSAL', real)), query('ROLLBACK')],
      4,
    ],
    ['two commands in one Parse', () => [parse('SELECT 1; SELECT 2'), bind(), execute(), sync], 1],
    ['an empty text', () => [query(''), parse(''), bind(), execute(), sync], 2],
    ['an unknown portal', () => [execute('nope'), sync, query('SELECT 1')], 2],
    ['an unknown statement', () => [bind('nope'), execute(), sync, query('SELECT 1')], 2],
    [
      'a portal with a row limit',
      () => [
        parse('SELECT generate_series(1, 5)'),
        bind(),
        execute('', 2),
        execute('', 2),
        execute('', 2),
        sync,
      ],
      1,
    ],
    [
      'a duplicate name',
      () => [parse('SELECT 1', 'd'), sync, parse('SELECT 2', 'd'), sync, bind('d'), execute(), sync],
      3,
    ],
    ['copy data without a copy', () => [copyData('1\n'), copyDone, query('SELECT 1')], 1],
    [
      'copy with data in the same write',
      () => [query('COPY t FROM STDIN'), copyData('1\n2\n'), copyDone, query('SELECT i FROM t')],
      2,
    ],
    [
      'a failing copy with data in the same write',
      () => [
        query('COPY t FROM STDIN'),
        copyData('x\n'),
        copyData('2\n'),
        copyDone,
        query('SELECT i FROM t'),
      ],
      2,
    ],
    [
      'copy in the extended protocol with an early Sync',
      () => [
        parse('COPY t FROM STDIN'),
        bind(),
        execute(),
        sync,
        copyData('1\n'),
        copyDone,
        sync,
        query('SELECT i FROM t'),
      ],
      2,
    ],
    [
      'a copy that the client gives up',
      () => [
        query('COPY t FROM STDIN'),
        copyData('1\n'),
        { kind: 'copy-fail', reason: 'enough' },
        query('SELECT i FROM t'),
      ],
      2,
    ],
    ['copy out', () => [query('COPY (SELECT 1) TO STDOUT'), query('SELECT 1')], 2],
    [
      'describe',
      () => [
        parse('SELECT 1 AS a', 'x'),
        describeStatement('x'),
        bind('x'),
        { kind: 'describe', target: 'portal', name: '' },
        execute(),
        sync,
      ],
      1,
    ],
    [
      'close',
      () => [parse('SELECT 1', 'x'), { kind: 'close', target: 'statement', name: 'x' }, bind('x'), sync],
      1,
    ],
  ];

  test.each(cases)(
    'a refusal or an odd order answers as the server does: %s',
    async (_name, messages, readies) => {
      const expected = await run(await direct(), [messages(true)], readies);
      await db.query('TRUNCATE public.t');
      expect(await run(await viaProxy(), [messages(false)], readies)).toEqual(expected);
      await db.query('TRUNCATE public.t');
      // And one message a write.
      expect(
        await run(
          await viaProxy(),
          messages(false).map((one) => [one]),
          readies,
        ),
      ).toEqual(expected);
    },
  );

  test('slow planning keeps order in a pipeline', async () => {
    proxy.planner.slow = true;
    try {
      const messages = (real: boolean) => [
        parse('SELECT 1'),
        bind(),
        execute(),
        refusedParse(real),
        bind('a'),
        execute(),
        sync,
        query('SELECT 4'),
      ];
      const expected = await run(await direct(), [messages(true)], 2);
      expect(await run(await viaProxy(), [messages(false)], 2)).toEqual(expected);
    } finally {
      proxy.planner.slow = false;
    }
  });

  test('the refusal names itself, and the server never sees the refused text', async () => {
    const client = await viaProxy();
    client.send(query('SELECT REFUSED'));
    await client.until('ready-for-query');
    const error = client.messages.find((message) => message.kind === 'error-response')!;
    expect(['S', 'C', 'M', 'D', 'H'].map((code) => errorField(error, code))).toEqual([
      'ERROR',
      '42501',
      'pgveil: this is refused',
      'rule test',
      'do not',
    ]);
    expect(proxy.audit.lines()).toEqual(['SELECT deny refused 0']);
    client.close();
  });

  test('each statement of a text is audited with its own rows', async () => {
    const client = await viaProxy();
    client.send(query('SELECT generate_series(1, 3); INSERT INTO t VALUES (1), (2); SELECT 1/0; SELECT 1'));
    await client.until('ready-for-query');
    expect(proxy.audit.lines()).toEqual([
      'SELECT forward success 3',
      'INSERT forward success 2',
      'SELECT forward failure 0',
      'SELECT forward failure 0',
    ]);
    client.close();
  });

  test("a prepared statement of an earlier epoch is prepared again from the client's own text", async () => {
    const client = await viaProxy();
    client.send(parse('SELECT MASKED', 'p'), bind('p'), execute(), sync);
    await client.until('ready-for-query');
    proxy.planner.version = 2;
    client.messages.length = 0;
    client.send(bind('p'), execute(), sync);
    await client.until('ready-for-query');
    expect(s.transcript(client.messages)).toEqual([
      'bind-complete',
      'data-row',
      'complete SELECT 1',
      'ready I',
    ]);
    expect(client.received.includes('masked 2')).toBe(true);
    client.close();
  });

  test('a prepared statement that a new policy refuses is refused at Bind', async () => {
    const client = await viaProxy();
    client.send(parse("SELECT 'LATER'", 'p'), sync);
    await client.until('ready-for-query');
    proxy.planner.version = 2;
    client.messages.length = 0;
    client.send(bind('p'), execute(), sync);
    await client.until('ready-for-query');
    expect(s.transcript(client.messages)).toEqual(['error 42501', 'ready I']);
    client.close();
  });

  test('SQL and protocol share one namespace of prepared statements, and an unknown EXECUTE is refused', async () => {
    const client = await viaProxy();
    client.send(
      query('EXECUTE nope'),
      query('PREPARE q AS SELECT 7'),
      query('EXECUTE q'),
      bind('q'),
      execute(),
      sync,
      parse('SELECT 8', 'r'),
      sync,
      query('EXECUTE r'),
      query('DEALLOCATE q'),
      query('EXECUTE q'),
    );
    await client.until('ready-for-query', 8);
    expect(s.transcript(client.messages).filter((line) => /^(error|complete)/.test(line))).toEqual([
      'error 26000',
      'complete PREPARE',
      'complete SELECT 1',
      'complete SELECT 1',
      'complete SELECT 1',
      'complete DEALLOCATE',
      'error 26000',
    ]);
    proxy.planner.version = 2;
    client.messages.length = 0;
    client.send(query('EXECUTE r'));
    await client.until('ready-for-query');
    expect(s.transcript(client.messages)).toEqual(['error 26000', 'ready I']);
    client.close();
  });

  test('the path that statements are planned with follows transactions and savepoints', async () => {
    const client = await viaProxy();
    const texts = [
      'SET search_path = a',
      'SELECT PLANNED_PATH',
      'BEGIN',
      'SET LOCAL search_path = b',
      'SELECT PLANNED_PATH',
      'SAVEPOINT x',
      'SET search_path = c',
      'SELECT PLANNED_PATH',
      'ROLLBACK TO x',
      'SELECT PLANNED_PATH',
      'COMMIT',
      'SELECT PLANNED_PATH',
      'BEGIN',
      'SET search_path = d',
      'ROLLBACK',
      'SELECT PLANNED_PATH',
      'RESET search_path',
      'SELECT PLANNED_PATH',
    ];
    const seen = async (): Promise<string[]> => {
      await client.until('ready-for-query', texts.length);
      return client.messages.flatMap((message) =>
        message.kind === 'data-row' ? [message.values[0]!.toString()] : [],
      );
    };
    client.send(...texts.map(query));
    expect(await seen()).toEqual(['a', 'b', 'c', 'b', 'a', 'a', 'crm_support,public']);
    client.messages.length = 0;
    client.send(...texts.flatMap((text) => [parse(text), bind(), execute(), sync]));
    expect(await seen()).toEqual(['a', 'b', 'c', 'b', 'a', 'a', 'crm_support,public']);
    client.close();
  });

  test('in one batch without Sync a SET still comes before what follows it', async () => {
    const client = await viaProxy();
    client.send(
      parse('SET search_path = z'),
      bind(),
      execute(),
      parse('SELECT PLANNED_PATH'),
      bind(),
      execute(),
      sync,
    );
    await client.until('ready-for-query');
    expect(client.messages.find((message) => message.kind === 'data-row')?.values[0]?.toString()).toBe('z');
    client.close();
  });

  test('a field that claims to be a protected column cuts the connection before its first row', async () => {
    const oid = (await db.query("SELECT 't'::regclass::oid AS oid")).rows[0] as { oid: number };
    await db.query('INSERT INTO t VALUES (1)');
    const client = await viaProxy();
    client.send(query(`SELECT i AS "FORBIDDEN(${oid.oid}:1)" FROM t`));
    expect(s.transcript(await client.untilClosed())).toEqual(['error XX000']);
    expect(proxy.audit.events.at(-2)).toMatchObject({ kind: 'guard-trip', table: oid.oid, column: 1 });
  });

  test('errors and notices of a governed session carry no value', async () => {
    const client = await viaProxy();
    client.send(query("SELECT 'canary-4711'::int"), query('INSERT INTO t VALUES (4711), (4711)'));
    await client.until('ready-for-query', 2);
    expect(s.transcript(client.messages).filter((line) => line.startsWith('error'))).toEqual([
      'error 22P02',
      'error 23505',
    ]);
    expect(client.received.includes('4711')).toBe(false);
    expect(client.received.includes('t_pkey')).toBe(true);
    client.close();
  });

  test('what is too long is refused and the session lives on', async () => {
    const client = await viaProxy();
    client.send(query(`SELECT ${'1+'.repeat(1_000_000)}1`), query('SELECT 1'));
    await client.until('ready-for-query', 2);
    expect(s.transcript(client.messages)).toEqual([
      'error 42501',
      'ready I',
      'row-description',
      'data-row',
      'complete SELECT 1',
      'ready I',
    ]);
    client.close();
  });

  test('strict audit: intent before the server, outcome before the end of the result', async () => {
    const order: string[] = [];
    const later = async (what: string): Promise<void> => {
      await new Promise((resolve) => setTimeout(resolve, 10));
      order.push(what);
    };
    proxy.audit.readyFor = () => later('intent');
    proxy.audit.outcomeFor = () => later('outcome');
    const client = await viaProxy();
    client.send(query('SELECT 1'));
    await client.until('command-complete');
    expect(order).toEqual(['intent', 'outcome']);
    client.send(parse('SELECT 2'), bind(), execute(), sync);
    await client.until('ready-for-query', 2);
    proxy.audit.readyFor = () => Promise.reject(new Error('disk full'));
    client.messages.length = 0;
    proxy.audit.statements.length = 0;
    client.send(
      query('INSERT INTO t VALUES (99); SELECT 2'),
      parse('INSERT INTO t VALUES (98)'),
      bind(),
      execute(),
      sync,
    );
    await client.until('ready-for-query', 2);
    proxy.audit.readyFor = () => undefined;
    proxy.audit.outcomeFor = () => undefined;
    expect(s.transcript(client.messages)).toEqual([
      'error 57P03',
      'ready I',
      'parse-complete',
      'bind-complete',
      'error 57P03',
      'ready I',
    ]);
    expect((await db.query('SELECT i FROM t')).rows).toEqual([]);
    // Each refused statement has one event, however it was answered.
    expect(proxy.audit.lines()).toEqual([
      'INSERT forward refused 0',
      'SELECT forward refused 0',
      'INSERT forward refused 0',
    ]);
    client.close();
  });

  test.each([
    ['a simple query', [query('SELECT 1')]],
    ['a text of two', [query('SELECT 1; SELECT 2')]],
    ['an Execute', [parse('SELECT 1'), bind(), execute(), sync]],
    ['one that fails', [query('SELECT 1/0')]],
  ])(
    'FAIL-CLOSED: the client of a statement whose end cannot be recorded never has the end of its result: %s',
    async (_, messages) => {
      proxy.audit.outcomeFor = () => Promise.reject(new Error('disk full'));
      const client = await viaProxy();
      client.messages.length = 0;
      client.send(...messages);
      await client.untilClosed();
      proxy.audit.outcomeFor = () => undefined;
      const told = s.transcript(client.messages);
      expect(told.at(-1)).toBe('error 08007');
      expect(told.filter((line) => /^(complete|ready|empty|error (?!08007))/.test(line))).toEqual([]);
    },
  );

  test('an unknown relation refreshes the catalog once', async () => {
    proxy.planner.known = false;
    const before = proxy.refreshes;
    const client = await viaProxy();
    client.send(query('SELECT UNKNOWN_RELATION'));
    await client.until('ready-for-query');
    proxy.planner.known = true;
    expect(proxy.refreshes - before).toBe(1);
    expect(s.transcript(client.messages)).toEqual(['error 42P01', 'ready I']);
    client.close();
  });

  test('observe forwards the text unchanged and says what would have been', async () => {
    proxy.mode = 'observe';
    const client = await viaProxy();
    client.send(
      ...[query("SELECT 'REFUSED'"), parse("SELECT 'REFUSED'"), bind(), execute(), sync],
      ...[query('EXECUTE made_by_nobody'), query('SELECT 1')],
    );
    await client.until('ready-for-query', 4);
    proxy.mode = 'enforce';
    expect(client.messages.filter((message) => message.kind === 'data-row')).toHaveLength(3);
    expect(proxy.audit.lines()).toEqual([
      'SELECT observe success 1',
      'SELECT observe success 1',
      'EXECUTE observe failure 0',
      'SELECT observe success 1',
    ]);
    // What was not followed to its end may read anything, so strict durability has its intent first.
    const facts = proxy.audit.statements.map(({ record }) => record.facts?.protectedData);
    expect(facts).toEqual([true, true, true, false]);
    client.close();
  });

  test('without a catalog statements are refused, not the session', async () => {
    proxy.ready = false;
    const client = await viaProxy();
    client.send(query('SELECT 1'));
    await client.until('ready-for-query');
    proxy.ready = true;
    expect(s.transcript(client.messages)).toEqual(['error 57P03', 'ready I']);
    client.close();
  });
});
