/** An exempt session's audit names the statement that ran, also where a failure has the server skip what would have changed a name. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { FrontendMessage } from '../../../src/wire/frontend-message.js';
import { createDatabase, passwords, type TestDatabase } from '../../support/databases.js';
import { postgresVersions } from '../../support/servers.js';
import * as s from '../session/support.js';

const { bind, execute, parse, sync } = s;
const closeStatement = (name: string): FrontendMessage => ({ kind: 'close', target: 'statement', name });

describe.each(postgresVersions)('names of an exempt pipeline on PostgreSQL %i', (version) => {
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

  test.each<[string, FrontendMessage[]]>([
    [
      'an unnamed statement whose successor was skipped',
      [parse('nonsense', 'x'), parse('SELECT 2'), sync, bind(), execute(), sync],
    ],
    [
      'a named one',
      [parse('nonsense', 'x'), closeStatement('q'), parse('SELECT 2', 'q'), sync, bind('q'), execute(), sync],
    ],
    [
      'bound twice',
      [
        bind('', 'p'),
        bind('none'),
        closeStatement('q'),
        parse('SELECT 2', 'q'),
        sync,
        bind('q', 'p'),
        execute('p'),
        sync,
      ],
    ],
  ])('%s', async (_what, messages) => {
    const client = await s.RawClient.login(
      proxy,
      { user: 'postgres', database: db.name },
      passwords.postgres,
    );
    client.send(parse('SELECT 1'), parse('SELECT 1', 'q'), sync);
    await client.until('ready-for-query');
    client.messages.length = 0;
    proxy.audit.statements.length = 0;
    client.send(...messages);
    await client.until('ready-for-query', 2);
    expect(client.messages.filter((message) => message.kind === 'data-row')).toMatchObject([
      { values: [Buffer.from('1')] },
    ]);
    expect(proxy.audit.statements.map(({ record, outcome }) => [record.auditText, outcome.status])).toEqual([
      ['SELECT 1', 'success'],
    ]);
    client.close();
  });
});
