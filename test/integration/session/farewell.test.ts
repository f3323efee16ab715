/** What a client sends in front of its Terminate is finished, answered and audited, as the server would do it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { FrontendMessage } from '../../../src/wire/frontend-message.js';
import { createDatabase, passwords, type TestDatabase } from '../../support/databases.js';
import { versionsOfLongTests } from '../../support/servers.js';
import * as s from './support.js';

const { bind, copyData, copyDone, execute, flush, parse, query, sync } = s;
const terminate: FrontendMessage = { kind: 'terminate' };

/** Exempt by statement, exempt by connection, governed. */
const users = ['postgres', 'crm_admin', 'crm_support'] as const;
type User = (typeof users)[number];

const insert = (i: number): string => `INSERT INTO public.t VALUES (${i})`;
const extended = (sql: string): FrontendMessage[] => [parse(sql), bind(), execute()];

interface Case {
  readonly name: string;
  readonly sent: readonly FrontendMessage[];
  /** What is in the table afterwards. */
  readonly rows: readonly number[];
  /** Command and outcome of the audit. */
  readonly audit: readonly string[];
}

const cases: readonly Case[] = [
  { name: 'a Query', sent: [query(insert(1))], rows: [1], audit: ['INSERT success'] },
  {
    name: 'a Query that takes a while',
    sent: [query(`${insert(1)} RETURNING pg_sleep(0.3)`)],
    rows: [1],
    audit: ['INSERT success'],
  },
  {
    name: 'a Query with a long answer',
    sent: [query('SELECT repeat($$x$$, 1000) FROM generate_series(1, 5000)')],
    rows: [],
    audit: ['SELECT success'],
  },
  {
    name: 'three Queries',
    sent: [query(insert(1)), query('SELECT 1 / 0'), query(insert(2))],
    rows: [1, 2],
    audit: ['INSERT success', 'SELECT failure', 'INSERT success'],
  },
  {
    name: 'Parse, Bind, Execute, Sync',
    sent: [...extended(insert(1)), sync],
    rows: [1],
    audit: ['INSERT success'],
  },
  {
    name: 'Execute without Sync, whose transaction nothing commits',
    sent: [...extended(insert(1)), flush],
    rows: [],
    audit: ['INSERT success'],
  },
  {
    name: 'Execute without anything behind it',
    sent: extended(insert(1)),
    rows: [],
    audit: ['INSERT interrupted'],
  },
  {
    name: 'an error in front of Sync',
    sent: [...extended('SELECT 1 / 0'), ...extended(insert(1)), sync, query(insert(2))],
    rows: [2],
    audit: ['SELECT failure', 'INSERT failure', 'INSERT success'],
  },
  {
    name: 'a whole COPY',
    sent: [query('COPY public.t FROM STDIN'), copyData('1\n2\n'), copyDone],
    rows: [1, 2],
    audit: ['COPY success'],
  },
  {
    name: 'a whole COPY of the extended protocol',
    sent: [...extended('COPY public.t FROM STDIN'), copyData('1\n2\n'), copyDone, sync],
    rows: [1, 2],
    audit: ['COPY success'],
  },
  {
    name: 'a COPY that has not ended',
    sent: [query('COPY public.t FROM STDIN'), copyData('1\n2\n')],
    rows: [],
    audit: ['COPY failure'],
  },
  {
    name: 'a COPY to a table that does not exist',
    sent: [query('COPY public.missing FROM STDIN'), copyData('1\n'), copyDone, query(insert(1))],
    rows: [1],
    audit: ['COPY failure', 'INSERT success'],
  },
  {
    name: 'a COPY out',
    sent: [query('COPY (SELECT generate_series(1, 1000)) TO STDOUT')],
    rows: [],
    audit: ['COPY success'],
  },
  {
    name: 'an open transaction',
    sent: [query('BEGIN'), query(insert(1))],
    rows: [],
    audit: ['BEGIN success', 'INSERT success'],
  },
];

describe.each(versionsOfLongTests)('Terminate on PostgreSQL %i', (version) => {
  let db: TestDatabase;
  let proxy: s.Proxy;

  beforeAll(async () => {
    db = await createDatabase(version);
    await db.query('CREATE TABLE public.t (i int); GRANT ALL ON public.t TO crm_support, crm_admin');
    proxy = await s.startProxy(db, { limits: { farewellMs: 4000 } });
  });
  afterAll(async () => {
    await proxy.stop();
    await db.drop();
  });
  beforeEach(async () => {
    proxy.audit.statements.length = 0;
    proxy.audit.events.length = 0;
    proxy.audit.readyFor = () => undefined;
    proxy.audit.outcomeFor = () => undefined;
    proxy.planner.slow = false;
    await db.query('TRUNCATE public.t');
  });

  const login = (at: { host: string; port: number }, user: User) =>
    s.RawClient.login(at, { user, database: db.name }, passwords[user]);

  async function stored(): Promise<number[]> {
    const { rows } = await db.query('SELECT i FROM public.t ORDER BY i');
    return (rows as { i: number }[]).map(({ i }) => i);
  }

  const outcomes = (): string[] =>
    proxy.audit.statements.map(({ record, outcome }) => `${record.command} ${outcome.status}`);

  /** Of the session, once it has ended. */
  async function closing(): Promise<string> {
    for (;;) {
      for (const event of proxy.audit.events) if (event.kind === 'session-close') return event.reason;
      await sleep(5);
    }
  }

  test.each(users.flatMap((user) => cases.map((one) => [one.name, user, one] as const)))(
    'behind %s ends what %s sent as the server does',
    async (_name, user, { sent, rows, audit }) => {
      const answers = async (at: { host: string; port: number }): Promise<string[]> => {
        const client = await login(at, user);
        client.send(...sent, terminate);
        return s.transcript(await client.untilClosed());
      };
      const direct = await answers(db);
      await expect.poll(stored).toEqual(rows);
      await db.query('TRUNCATE public.t');
      expect(await answers(proxy)).toEqual(direct);
      expect(await closing()).toBe('client terminated');
      await expect.poll(stored).toEqual(rows);
      expect(outcomes()).toEqual(user === 'crm_admin' ? [] : audit);
    },
  );

  // The server may still be at work when the client has gone, and nobody takes what it answers.
  test.each(users.flatMap((user) => cases.map((one) => [one.name, user, one] as const)))(
    'behind %s ends what %s sent also when the client closes at once',
    async (_name, user, { sent, rows, audit }) => {
      const client = await login(proxy, user);
      client.send(...sent, terminate);
      client.socket.end();
      setImmediate(() => client.close());
      expect(await closing()).toBe('client terminated');
      await expect.poll(stored).toEqual(rows);
      expect(outcomes()).toEqual(user === 'crm_admin' ? [] : audit);
    },
  );

  test.each(['postgres', 'crm_support'] as const)(
    'statements of %s that wait for their intents run in their order first',
    async (user) => {
      proxy.audit.readyFor = () => sleep(20);
      proxy.audit.outcomeFor = () => sleep(20);
      proxy.planner.slow = true;
      const client = await login(proxy, user);
      client.send(query(insert(1)), ...extended(insert(2)), sync, query(insert(3)), terminate);
      expect(s.transcript(await client.untilClosed()).filter((line) => /complete|ready/.test(line))).toEqual([
        'complete INSERT 0 1',
        'ready I',
        'parse-complete',
        'bind-complete',
        'complete INSERT 0 1',
        'ready I',
        'complete INSERT 0 1',
        'ready I',
      ]);
      expect(await stored()).toEqual([1, 2, 3]);
      expect(outcomes()).toEqual(['INSERT success', 'INSERT success', 'INSERT success']);
    },
  );

  test.each(['postgres', 'crm_support'] as const)(
    'statements of %s that wait for their intents run although the client has gone',
    async (user) => {
      proxy.audit.readyFor = () => sleep(50);
      const client = await login(proxy, user);
      client.send(...[1, 2, 3, 4, 5].map((i) => query(insert(i))), terminate);
      await sleep(20);
      client.socket.resetAndDestroy();
      expect(await closing()).toBe('client terminated');
      expect(await stored()).toEqual([1, 2, 3, 4, 5]);
      expect(outcomes()).toEqual(new Array<string>(5).fill('INSERT success'));
    },
  );

  test('what may not be audited is refused, also behind the last word', async () => {
    proxy.audit.readyFor = () => Promise.reject(new Error('the disk is full'));
    const client = await login(proxy, 'crm_support');
    client.send(query(insert(1)), terminate);
    const messages = s.transcript(await client.untilClosed());
    expect(messages.map((line) => line.slice(0, 5))).toEqual(['error', 'ready']);
    expect(await stored()).toEqual([]);
    expect(outcomes()[0]).toBe('INSERT refused');
  });

  test('an outcome that waits is there before the session has ended', async () => {
    proxy.audit.outcomeFor = () => sleep(100);
    const client = await login(proxy, 'crm_support');
    client.send(query(insert(1)), terminate);
    await client.untilClosed();
    expect(s.transcript(client.messages)).toEqual(['complete INSERT 0 1', 'ready I']);
    expect(outcomes()).toEqual(['INSERT success']);
  });

  test('a client that has closed its sending side reads what it has asked for', async () => {
    for (const user of users) {
      const client = await login(proxy, user);
      client.send(query('SELECT pg_sleep(0.1)'), terminate);
      client.socket.end();
      expect(s.transcript(await client.untilClosed()).at(-1)).toBe('ready I');
    }
  });

  test.each(users)('%s waits for no server that has nothing more to say', async (user) => {
    const client = await login(proxy, user);
    client.send(query('BEGIN'));
    await client.until('ready-for-query');
    client.messages.length = 0;
    client.send(terminate);
    await client.untilClosed();
    expect(client.messages).toEqual([]);
    expect(await closing()).toBe('client terminated');
  });

  test.each(users)('a server that does not end in time does not hold the session of %s', async (user) => {
    const patient = await s.startProxy(db, { limits: { farewellMs: 200 } });
    const client = await login(patient, user);
    client.send(query('SELECT pg_sleep(1.5)'), terminate);
    const start = performance.now();
    await client.untilClosed();
    expect(performance.now() - start).toBeLessThan(1200);
    expect(patient.connections).toBe(0);
    expect(patient.audit.lines()).toEqual(user === 'crm_admin' ? [] : ['SELECT forward interrupted 0']);
    await patient.stop();
  });

  test('a drain lets the last statement end', async () => {
    const draining = await s.startProxy(db);
    const client = await login(draining, 'crm_support');
    client.send(query(`${insert(1)} RETURNING pg_sleep(0.2)`), terminate);
    await sleep(50);
    await draining.close({ graceMs: 5000 });
    await client.untilClosed();
    expect(s.transcript(client.messages).at(-1)).toBe('ready I');
    expect(draining.audit.lines()).toEqual(['INSERT forward success 1']);
  });
});
