/** Protocol versions, protocol options and cancel keys: what a client is told through the proxy is what the server says. */
import net from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { BackendMessage } from '../../../src/wire/backend-message.js';
import { encodeStartupPacket } from '../../../src/wire/startup.js';
import { createDatabase, passwords, type TestDatabase } from '../../support/databases.js';
import { postgresVersions } from '../../support/servers.js';
import * as s from '../session/support.js';

const { bind, copyData, copyDone, execute, flush, parse, query, sync } = s;

type User = 'postgres' | 'crm_admin' | 'crm_support';
const users: readonly [string, User][] = [
  ['exempt', 'postgres'],
  ['exempt, audited by connection', 'crm_admin'],
  ['governed', 'crm_support'],
];

describe.each(postgresVersions)('protocol versions on PostgreSQL %i', (version) => {
  let db: TestDatabase;
  let proxy: s.Proxy;

  beforeAll(async () => {
    db = await createDatabase(version);
    await db.query('CREATE TABLE public.t (i int); GRANT ALL ON public.t TO PUBLIC');
    proxy = await s.startProxy(db, { limits: { cancelRequests: 4 } });
  });
  afterAll(async () => {
    await proxy.stop();
    await db.drop();
  });

  async function logIn(
    at: { host: string; port: number },
    user: User,
    minor: number,
    options: Readonly<Record<string, string>> = {},
  ): Promise<s.RawClient> {
    return s.RawClient.login(at, { user, database: db.name, ...options }, passwords[user], {
      minor,
      keep: true,
    });
  }

  const keyOf = (messages: readonly BackendMessage[]) => {
    const data = messages.find((message) => message.kind === 'backend-key-data');
    if (data?.kind !== 'backend-key-data') throw new Error('no key');
    return data;
  };

  /** The order of the log-in; what differs between two sessions of one user left out. */
  function opening(messages: readonly BackendMessage[]): unknown[] {
    return messages.flatMap((message): unknown[] => {
      switch (message.kind) {
        case 'negotiate-protocol-version':
          return [message];
        case 'backend-key-data':
          return [`key of ${message.secretKey.length} bytes`];
        case 'authentication':
          return [`authentication ${message.method}`];
        case 'parameter-status':
          return [`${message.name}=${message.value}`];
        default:
          return [message.kind];
      }
    });
  }

  const asks: readonly [string, number, Readonly<Record<string, string>>][] = [
    ['3.0', 0, {}],
    ['3.1', 1, {}],
    ['3.2', 2, {}],
    ['3.3', 3, {}],
    ['3.9999', 9999, {}],
    ['3.0 with an option', 0, { '_pq_.a': '1' }],
    ['3.2 with options', 2, { '_pq_.b': '1', '_pq_.a': '' }],
    ['3.9 with an option', 9, { '_pq_.test_protocol_negotiation': '' }],
  ];

  describe.each(users)('%s', (kind, user) => {
    test.each(asks)('a client of %s is told what the server says', async (_name, minor, options) => {
      const parameters =
        kind === 'governed'
          ? { client_encoding: 'UTF8', standard_conforming_strings: 'on', ...options }
          : options;
      const direct = await logIn(db, user, minor, parameters);
      const through = await logIn(proxy, user, minor, parameters);
      expect(opening(through.messages)).toEqual(opening(direct.messages));
      for (const client of [direct, through]) {
        client.messages.length = 0;
        client.send(query('SELECT 1'), parse('SELECT 2'), bind(), execute(), sync);
        await client.until('ready-for-query', 2);
      }
      expect(s.transcript(through.messages)).toEqual(s.transcript(direct.messages));
      direct.close();
      through.close();
    });

    test.each([
      ['a statement', [query('SELECT pg_sleep(20)')], 1],
      ['a pipeline', [parse('SELECT pg_sleep(20)'), bind(), execute(), flush, parse('SELECT 1'), sync], 1],
    ] as const)(
      'cancel stops %s, with keys of either version; a wrong key does nothing',
      async (_n, run, readies) => {
        for (const minor of [0, 2]) {
          const client = await logIn(proxy, user, minor);
          const { processId, secretKey } = keyOf(client.messages);
          client.messages.length = 0;
          client.send(...run);
          await asleep(processId);
          const wrong = Buffer.from(secretKey);
          wrong[secretKey.length - 1]! ^= 1;
          for (const key of [wrong, Buffer.alloc(4, 1), Buffer.alloc(256, 1)]) await cancel(processId, key);
          await new Promise((resolve) => setTimeout(resolve, 100));
          expect(client.messages.filter(({ kind: what }) => what === 'error-response')).toEqual([]);
          await cancel(processId, secretKey);
          await client.until('ready-for-query', readies);
          expect(s.transcript(client.messages)).toContain('error 57014');
          client.messages.length = 0;
          client.send(query('SELECT 1'));
          expect(s.transcript(await client.until('ready-for-query')).at(-1)).toBe('ready I');
          client.close();
        }
      },
    );

    test('cancel stops a COPY that waits for data', async () => {
      const client = await logIn(proxy, user, 2);
      const { processId, secretKey } = keyOf(client.messages);
      client.messages.length = 0;
      client.send(query('COPY t FROM STDIN'), copyData('1\n'));
      await client.until('copy-in-response');
      await cancel(processId, secretKey);
      // A server reads COPY data to the end of a message before it looks for interrupts (CopyGetData).
      client.send(copyData('2\n'), copyDone, query('SELECT count(*) FROM t'));
      await client.until('ready-for-query', 2);
      expect(s.transcript(client.messages)).toEqual([
        'copy-in-response',
        'error 57014',
        'ready I',
        'row-description',
        'data-row',
        'complete SELECT 1',
        'ready I',
      ]);
      client.close();
    });
  });

  test('a cancel while a statement waits for its audit finds nothing to stop, and harms nothing', async () => {
    let release: () => void = () => undefined;
    proxy.audit.readyFor = () => new Promise((resolve) => (release = resolve));
    const client = await logIn(proxy, 'crm_support', 2);
    const { processId, secretKey } = keyOf(client.messages);
    client.messages.length = 0;
    client.send(query('SELECT 1'));
    await cancel(processId, secretKey);
    proxy.audit.readyFor = () => undefined;
    release();
    await client.until('ready-for-query');
    expect(s.transcript(client.messages).at(-2)).toBe('complete SELECT 1');
    client.close();
  });

  test('a cancel is heard when no connection is left', async () => {
    const full = await s.startProxy(db, { limits: { connections: 1 } });
    const client = await logIn(full, 'crm_support', 2);
    const { processId, secretKey } = keyOf(client.messages);
    client.messages.length = 0;
    client.send(query('SELECT pg_sleep(20)'));
    await asleep(processId);
    await cancel(processId, secretKey, full);
    await client.until('ready-for-query');
    expect(s.transcript(client.messages)).toEqual(['row-description', 'error 57014', 'ready I']);
    client.close();
    await full.stop();
  });

  test.each([
    [4, 0],
    [2, 0],
    [1, 0],
    [0, 0],
    [1234, 1],
  ])('a client of %i.%i gets an error in its own format', async (major, minor) => {
    const packet = Buffer.alloc(17);
    packet.writeInt32BE(17, 0);
    packet.writeUInt16BE(major, 4);
    packet.writeUInt16BE(minor, 6);
    packet.write('user\0ann\0\0', 8);
    const answers = await Promise.all(
      [db, proxy].map(
        (at) =>
          new Promise<string>((resolve) => {
            let text = '';
            const socket = net.connect({ host: at.host, port: at.port }, () => socket.write(packet));
            socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
            socket.on('error', () => undefined);
            socket.on('close', () => resolve(text));
          }),
      ),
    );
    const shape = (text: string): unknown => ({
      format: text.startsWith('EFATAL:  unsupported') ? 2 : text.includes('C0A000') ? 3 : text,
      names: text.includes(`unsupported frontend protocol ${major}.${minor}`),
    });
    expect(shape(answers[1]!)).toEqual(shape(answers[0]!));
  });

  async function cancel(processId: number, secretKey: Buffer, at: s.Proxy = proxy): Promise<void> {
    await new Promise<void>((resolve) => {
      const socket = net.connect({ host: at.host, port: at.port }, () =>
        socket.write(encodeStartupPacket({ kind: 'cancel-request', processId, secretKey })),
      );
      socket.on('error', () => undefined);
      socket.on('close', () => resolve());
    });
  }

  async function asleep(processId: number): Promise<void> {
    for (;;) {
      const { rows } = await db.query(
        `SELECT 1 FROM pg_stat_activity WHERE pid = ${processId} AND wait_event = 'PgSleep'`,
      );
      if (rows.length > 0) return;
    }
  }
});
