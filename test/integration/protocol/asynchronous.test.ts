/** Messages that belong to no statement, and the fast-path function call. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { FrontendMessage } from '../../../src/wire/frontend-message.js';
import { errorField } from '../../../src/wire/messages/error-response.js';
import { createDatabase, passwords, type TestDatabase } from '../../support/databases.js';
import { postgresVersions } from '../../support/servers.js';
import * as s from '../session/support.js';

const { bind, execute, parse, query, sync } = s;
/** int4pl(2, 3) */
const call: FrontendMessage = {
  kind: 'function-call',
  functionOid: 177,
  argumentFormats: [0],
  arguments: [Buffer.from('2'), Buffer.from('3')],
  resultFormat: 0,
};

describe.each(postgresVersions)('messages out of the order of statements on PostgreSQL %i', (version) => {
  let db: TestDatabase;
  let proxy: s.Proxy;

  beforeAll(async () => {
    db = await createDatabase(version);
    proxy = await s.startProxy(db);
  });
  afterAll(async () => {
    await proxy.stop();
    await db.drop();
  });

  const login = (user: 'postgres' | 'crm_admin' | 'crm_support') =>
    s.RawClient.login(proxy, { user, database: db.name }, passwords[user]);

  test.each(['postgres', 'crm_admin'] as const)(
    'an idle exempt session hears notifications: %s',
    async (user) => {
      const client = await login(user);
      client.send(query('LISTEN news'));
      await client.until('ready-for-query');
      for (const payload of ['one', 'two']) await db.query(`NOTIFY news, '${payload}'`);
      await client.until('notification-response', 2);
      expect(
        client.messages.flatMap((message) =>
          message.kind === 'notification-response' ? [message.payload] : [],
        ),
      ).toEqual(['one', 'two']);
      client.send(query('SELECT 1'));
      expect(s.transcript(await client.until('ready-for-query', 2)).slice(-2)).toEqual([
        'complete SELECT 1',
        'ready I',
      ]);
      client.close();
    },
  );

  test('the server ends an idle session: its own words go on', async () => {
    for (const user of ['postgres', 'crm_admin', 'crm_support'] as const) {
      const client = await s.RawClient.login(proxy, { user, database: db.name }, passwords[user], {
        keep: true,
      });
      const key = client.messages.find((message) => message.kind === 'backend-key-data');
      client.messages.length = 0;
      await db.query(`SELECT pg_terminate_backend(${key?.kind === 'backend-key-data' ? key.processId : 0})`);
      expect(s.transcript(await client.untilClosed())).toEqual(['error 57P01']);
    }
  });

  test('a governed function call is refused at its place, and the session lives on', async () => {
    const client = await login('crm_support');
    client.send(
      query('SELECT 1'),
      call,
      query('BEGIN'),
      call,
      query('SELECT 2'),
      query('ROLLBACK'),
      query('SELECT 3'),
    );
    await client.until('ready-for-query', 7);
    expect(s.transcript(client.messages).filter((line) => /^(error|complete|ready)/.test(line))).toEqual([
      'complete SELECT 1',
      'ready I',
      'error 42501',
      'ready I',
      'complete BEGIN',
      'ready T',
      'error 42501',
      'ready E',
      'error 25P02',
      'ready E',
      'complete ROLLBACK',
      'ready I',
      'complete SELECT 1',
      'ready I',
    ]);
    const error = client.messages.find((message) => message.kind === 'error-response')!;
    expect(errorField(error, 'M')).toMatch(/^pgveil: .*function call/);
    client.close();
  });

  test('behind an error a governed function call is skipped, as everything is', async () => {
    const client = await login('crm_support');
    client.send(parse('SELECT 1/0'), bind(), execute(), call, sync, query('SELECT 1'));
    await client.until('ready-for-query', 2);
    expect(s.transcript(client.messages).filter((line) => /^(error|complete|ready)/.test(line))).toEqual([
      'error 22012',
      'ready I',
      'complete SELECT 1',
      'ready I',
    ]);
    client.close();
  });
});
