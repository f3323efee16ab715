/** The console's answers message by message, to exact and to hostile orders. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { FrontendMessage } from '../../../src/wire/frontend-message.js';
import { passwords } from '../../support/databases.js';
import { startProxy, type Proxy } from '../../support/proxy.js';
import { RawClient, transcript } from '../session/support.js';

let proxy: Proxy;
beforeAll(async () => {
  proxy = await startProxy(15);
});
afterAll(async () => {
  await proxy.stop();
});

function login(options: { minor?: number; keep?: boolean } = {}): Promise<RawClient> {
  const at = { host: '127.0.0.1', port: proxy.app.ports.proxy };
  return RawClient.login(at, { user: 'crm_admin', database: 'pgveil' }, passwords.crm_admin, options);
}

const query = (sql: string): FrontendMessage => ({ kind: 'query', sql: Buffer.from(sql) });
const parse = (sql: string, statement = '', parameterTypes: number[] = []): FrontendMessage => ({
  kind: 'parse',
  statement,
  sql: Buffer.from(sql),
  parameterTypes,
});
const bind = (statement = '', portal = '', resultFormats: number[] = []): FrontendMessage => ({
  kind: 'bind',
  portal,
  statement,
  parameterFormats: [],
  parameters: [],
  resultFormats,
});
const execute = (portal = '', maxRows = 0): FrontendMessage => ({ kind: 'execute', portal, maxRows });
const describeOf = (target: 'statement' | 'portal', name = ''): FrontendMessage => ({
  kind: 'describe',
  target,
  name,
});
const close = (target: 'statement' | 'portal', name = ''): FrontendMessage => ({
  kind: 'close',
  target,
  name,
});
const sync: FrontendMessage = { kind: 'sync' };

/** The transcript up to so many ReadyForQuery. */
async function said(messages: FrontendMessage[], ready = 1): Promise<string[]> {
  const client = await login();
  client.send(...messages);
  await client.until('ready-for-query', ready);
  client.close();
  return transcript(client.messages);
}

const rows = (count: number): string[] => Array.from({ length: count }, () => 'data-row');

it('tells its own parameters, no key, and the protocol that was asked for', async () => {
  const client = await login({ keep: true });
  expect(transcript(client.messages).filter((kind) => kind !== 'authentication')).toEqual([
    ...Array.from({ length: 11 }, () => 'parameter-status'),
    'ready I',
  ]);
  client.close();
  const newer = await login({ keep: true, minor: 2 });
  expect(transcript(newer.messages)).toContain('ready I');
  newer.close();
});

describe('the extended protocol', () => {
  it.each<[string, FrontendMessage[], string[]]>([
    [
      'describes before it runs',
      [
        parse('SHOW HELP', 's'),
        describeOf('statement', 's'),
        bind('s', 'p'),
        describeOf('portal', 'p'),
        execute('p'),
        sync,
      ],
      [
        'parse-complete',
        'parameter-description',
        'row-description',
        'bind-complete',
        'row-description',
        ...rows(8),
        'complete SHOW',
        'ready I',
      ],
    ],
    [
      'suspends a portal, and goes on with it',
      [parse('SHOW HELP'), bind(), execute('', 3), execute('', 3), execute('', 3), execute('', 3), sync],
      [
        'parse-complete',
        'bind-complete',
        ...rows(3),
        'portal-suspended',
        ...rows(3),
        'portal-suspended',
        ...rows(2),
        'complete SHOW',
        'complete SHOW',
        'ready I',
      ],
    ],
    [
      'ignores everything between an error and Sync, and goes on behind it',
      [
        parse('SELECT wrong'),
        bind(),
        execute(),
        query('SHOW HELP'),
        sync,
        parse('SHOW VERSION'),
        bind(),
        execute(),
        sync,
      ],
      ['error 42601', 'ready I', 'parse-complete', 'bind-complete', 'data-row', 'complete SHOW', 'ready I'],
    ],
    [
      'runs a pipeline in its order',
      [
        query('BEGIN'),
        parse('SHOW VERSION', 'v'),
        bind('v'),
        execute(),
        sync,
        bind('v'),
        execute(),
        { kind: 'flush' },
        bind('none'),
        sync,
        query('ROLLBACK'),
      ],
      [
        'complete BEGIN',
        'ready T',
        'parse-complete',
        'bind-complete',
        'data-row',
        'complete SHOW',
        'ready T',
        'bind-complete',
        'data-row',
        'complete SHOW',
        'error 26000',
        'ready E',
        'complete ROLLBACK',
        'ready I',
      ],
    ],
    [
      'tells apart names that are there, were there and never were',
      [
        parse('SHOW VERSION', 's'),
        sync,
        parse('SHOW HELP', 's'),
        sync,
        close('statement', 's'),
        close('portal', 'never'),
        parse('SHOW HELP', 's'),
        sync,
        execute('gone'),
        sync,
        query('DEALLOCATE s'),
        bind('s'),
        sync,
      ],
      [
        'parse-complete',
        'ready I',
        'error 42P05',
        'ready I',
        'close-complete',
        'close-complete',
        'parse-complete',
        'ready I',
        'error 34000',
        'ready I',
        'complete DEALLOCATE',
        'ready I',
        'error 26000',
        'ready I',
      ],
    ],
    [
      'ends portals with their transaction',
      [parse('SHOW HELP'), bind('', 'p'), sync, execute('p'), sync],
      ['parse-complete', 'bind-complete', 'ready I', 'error 34000', 'ready I'],
    ],
    [
      'keeps portals inside one',
      [query('BEGIN'), parse('SHOW VERSION'), bind('', 'p'), sync, execute('p'), sync],
      [
        'complete BEGIN',
        'ready T',
        'parse-complete',
        'bind-complete',
        'ready T',
        'data-row',
        'complete SHOW',
        'ready T',
      ],
    ],
    [
      'runs what returns no rows once',
      [parse('BEGIN'), bind(), execute(), execute(), sync],
      ['parse-complete', 'bind-complete', 'complete BEGIN', 'error 55000', 'ready E'],
    ],
    [
      'takes an empty text',
      [
        parse(' -- nothing'),
        describeOf('statement'),
        bind(),
        describeOf('portal'),
        execute(),
        sync,
        query(';'),
      ],
      [
        'parse-complete',
        'parameter-description',
        'no-data',
        'bind-complete',
        'no-data',
        'empty-query-response',
        'ready I',
        'empty-query-response',
        'ready I',
      ],
    ],
    [
      'refuses formats that do not fit',
      [
        parse('SHOW VERSION', 'v'),
        bind('v', '', [1, 0]),
        sync,
        bind('v', '', [7]),
        sync,
        bind('v', '', [1, 1, 0]),
        sync,
      ],
      ['parse-complete', 'error 08P01', 'ready I', 'error 22023', 'ready I', 'bind-complete', 'ready I'],
    ],
    [
      'asks for the parameters that were declared',
      [parse('SHOW VERSION', 'v', [23]), describeOf('statement', 'v'), bind('v'), sync],
      ['parse-complete', 'parameter-description', 'row-description', 'error 08P01', 'ready I'],
    ],
    [
      'stops a text at its first failure',
      [query('SHOW VERSION; BEGIN; ROLLBACK TO x; SHOW VERSION'), query('SHOW VERSION; SHOW HELP')],
      [
        'error 42601',
        'ready I',
        'row-description',
        'data-row',
        'complete SHOW',
        'row-description',
        ...rows(8),
        'complete SHOW',
        'ready I',
      ],
    ],
    [
      'answers what belongs nowhere without losing its place',
      [
        { kind: 'copy-data', data: Buffer.from('x') },
        { kind: 'copy-done' },
        { kind: 'copy-fail', reason: 'no' },
        {
          kind: 'function-call',
          functionOid: 1,
          argumentFormats: [],
          arguments: [],
          resultFormat: 0,
        } as unknown as FrontendMessage,
        query('SHOW VERSION'),
      ],
      ['error 0A000', 'ready I', 'row-description', 'data-row', 'complete SHOW', 'ready I'],
    ],
  ])('%s', async (_what, messages, expected) => {
    const count = expected.filter((line) => line.startsWith('ready')).length;
    expect(await said(messages, count)).toEqual(expected);
  });

  it('gives text where binary is asked for, which is the same', async () => {
    const client = await login();
    client.send(parse('SHOW VERSION'), bind('', '', [1]), describeOf('portal'), execute(), sync);
    await client.until('ready-for-query');
    const description = client.messages.find((message) => message.kind === 'row-description');
    expect(description?.fields.map(({ format, typeOid }) => [format, typeOid])).toEqual([
      [1, 25],
      [1, 25],
      [1, 25],
    ]);
    const row = client.messages.find((message) => message.kind === 'data-row');
    expect(row?.values[0]?.toString()).toBe('test');
    client.close();
  });

  it('bounds what a session may keep', async () => {
    const many = Array.from({ length: 1001 }, (_, index) => parse('SHOW HELP', `s${index}`));
    const answers = await said([...many, sync]);
    expect(answers.at(-2)).toBe('error 54000');
    expect(answers.filter((line) => line === 'parse-complete')).toHaveLength(1000);
  });
});

describe('hostile bytes', () => {
  it('ends a session that sends a message beyond the limit, before it is gathered', async () => {
    const client = await login();
    const header = Buffer.from('Q....');
    header.writeInt32BE(100_000, 1);
    client.socket.write(header);
    await client.untilClosed();
    expect(transcript(client.messages)).toEqual(['error 08P01']);
  });

  it('ends a session whose messages are not well formed', async () => {
    const client = await login();
    client.socket.write(Buffer.from([0x51, 0, 0, 0, 5, 0x41]));
    await client.untilClosed();
    expect(transcript(client.messages)).toEqual(['error 08P01']);
  });

  it('runs nothing of a second StartupMessage, and takes no password after the log-in', async () => {
    const client = await login();
    client.send({ kind: 'password', data: Buffer.from('x') }, sync);
    await client.until('ready-for-query');
    expect(transcript(client.messages)).toEqual(['error 08P01', 'ready I']);
    client.startup({ user: 'crm_admin', database: 'pgveil' });
    await client.untilClosed();
  });
});

it('ends at once when the proxy drains, open transaction or not', async () => {
  const draining = await startProxy(15);
  const client = await RawClient.login(
    { host: '127.0.0.1', port: draining.app.ports.proxy },
    { user: 'crm_admin', database: 'pgveil' },
    passwords.crm_admin,
  );
  client.send(query('BEGIN'));
  await client.until('ready-for-query');
  const started = performance.now();
  await draining.app.close({ graceMs: 20_000 });
  expect(performance.now() - started).toBeLessThan(5_000);
  await client.untilClosed();
  expect(transcript(client.messages).at(-1)).toBe('error 57P01');
  await draining.stop();
});
