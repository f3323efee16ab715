/** Nothing crosses a change of role, purpose or actor: what was prepared, bound or opened before it is planned anew or refused. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { errorField } from '../../../src/wire/messages/error-response.js';
import type { FrontendMessage } from '../../../src/wire/frontend-message.js';
import { passwords } from '../../support/databases.js';
import { startProxy, type Proxy } from '../../support/proxy.js';
import { postgresVersions } from '../../support/servers.js';
import { bind, execute, flush, parse, query, RawClient, sync } from '../session/support.js';
import { AGENT, bySettings, NO, policyFolder, REGIONAL, tell, WHO, type PolicyFolder } from './support.js';

type Script = readonly (readonly [sql: string, expected: string])[];
const agent = ["SET pgveil.role = 'agent'", 'SET'] as const;
const regional = ["SET pgveil.role = 'regional'", 'SET'] as const;
const billing: Script = [
  ["SET pgveil.role = 'seller'", 'SET'],
  ["SET pgveil.purpose = 'billing'", 'SET'],
];

const scripts: Readonly<Record<string, Script>> = {
  'PREPARE under one role, EXECUTE under another': [
    agent,
    [`PREPARE q AS ${WHO}`, 'PREPARE'],
    ['EXECUTE q', AGENT],
    regional,
    ['EXECUTE q', '26000'],
    ['DEALLOCATE q', 'DEALLOCATE'],
    [`PREPARE q AS ${WHO}`, 'PREPARE'],
    ['EXECUTE q', REGIONAL],
  ],
  'back under the role that prepared it, it runs': [
    agent,
    [`PREPARE q AS ${WHO}`, 'PREPARE'],
    ['BEGIN', 'BEGIN'],
    ["SET LOCAL pgveil.role = 'regional'", 'SET'],
    ['EXECUTE q', '26000'],
    ['ROLLBACK', 'ROLLBACK'],
    ['EXECUTE q', AGENT],
  ],
  'in one text': [
    agent,
    [`PREPARE q AS ${WHO}`, 'PREPARE'],
    ["SET pgveil.role = 'regional'; EXECUTE q", '26000'],
    [`SET pgveil.role = 'regional'; ${WHO}`, REGIONAL],
    [`SET LOCAL pgveil.role = 'agent'; ${WHO}`, AGENT],
    [WHO, REGIONAL],
    [`SET pgveil.role = 'agent'; ROLLBACK; ${WHO}`, REGIONAL],
    [`SET LOCAL pgveil.role = 'agent'; COMMIT; ${WHO}`, REGIONAL],
    [`SET pgveil.role = 'agent'; COMMIT; ${WHO}`, AGENT],
    ["SET pgveil.role = 'regional'; SELECT 1/0", '22012'],
    [WHO, AGENT],
    [
      `BEGIN; SET LOCAL pgveil.role = 'regional'; SAVEPOINT s; SET LOCAL pgveil.role = 'agent'; ROLLBACK TO s; ${WHO}`,
      REGIONAL,
    ],
    [`COMMIT; ${WHO}`, AGENT],
    [`BEGIN; SET pgveil.role = 'regional'; SELECT 1/0`, '22012'],
    [`COMMIT; ${WHO}`, AGENT],
    [`DISCARD ALL`, 'DISCARD'],
    [`SET LOCAL pgveil.role = 'agent'; RESET ALL; ${WHO}`, NO],
    [`SELECT set_config('pgveil.role', 'agent', true); ${WHO}`, AGENT],
    [WHO, NO],
  ],
  'in one text with a role that has row limits': [
    agent,
    ["SET pgveil.role = 'counted'; SELECT id FROM customers", NO],
    ["SET LOCAL pgveil.role = 'counted'; COMMIT; SELECT id FROM customers", NO],
    [WHO, AGENT],
    ["SET pgveil.role = 'counted'", 'SET'],
    ["SET pgveil.role = 'agent'; SELECT id FROM customers", NO],
    ['SELECT id FROM customers', NO],
  ],
  'cursors of a transaction': [
    agent,
    ['BEGIN', 'BEGIN'],
    [`DECLARE c SCROLL CURSOR FOR ${WHO}`, 'DECLARE'],
    ['FETCH FIRST c', AGENT],
    regional,
    ['FETCH FIRST c', '34000'],
    ['ROLLBACK', 'ROLLBACK'],
    ['BEGIN', 'BEGIN'],
    [`DECLARE c SCROLL CURSOR FOR ${WHO}`, 'DECLARE'],
    ['SAVEPOINT s', 'SAVEPOINT'],
    regional,
    ['MOVE FIRST c', '34000'],
    ['ROLLBACK TO s', 'ROLLBACK'],
    ['FETCH FIRST c', AGENT],
    ['COMMIT', 'COMMIT'],
  ],
  'cursors WITH HOLD': [
    agent,
    ['BEGIN', 'BEGIN'],
    [`DECLARE c SCROLL CURSOR WITH HOLD FOR ${WHO}`, 'DECLARE'],
    ['COMMIT', 'COMMIT'],
    ['FETCH FIRST c', AGENT],
    regional,
    ['FETCH FIRST c', '34000'],
    ['CLOSE c', 'CLOSE'],
    agent,
    ['BEGIN', 'BEGIN'],
    [`DECLARE d SCROLL CURSOR WITH HOLD FOR ${WHO}`, 'DECLARE'],
    ['COMMIT', 'COMMIT'],
    ['RESET pgveil.role', 'RESET'],
    ['FETCH FIRST d', '34000'],
    ['DISCARD ALL', 'DISCARD'],
    agent,
    ['FETCH FIRST d', '34000'],
  ],
  'a change of purpose alone': [
    ...billing,
    [`PREPARE q AS SELECT count(*)::int FROM customers`, 'PREPARE'],
    ['EXECUTE q', '6'],
    ["SET pgveil.purpose = 'marketing'", 'SET'],
    ['EXECUTE q', '26000'],
  ],
  'a change of actor alone': [
    regional,
    ['SET pgveil.actor = \'{"region": "EU"}\'', 'SET'],
    ['PREPARE q AS SELECT count(*)::int FROM tickets', 'PREPARE'],
    ['EXECUTE q', '2'],
    ['BEGIN', 'BEGIN'],
    ['DECLARE c SCROLL CURSOR WITH HOLD FOR SELECT id FROM tickets ORDER BY id', 'DECLARE'],
    ['COMMIT', 'COMMIT'],
    ['SET pgveil.actor = \'{"region": "US"}\'', 'SET'],
    ['EXECUTE q', '26000'],
    ['FETCH ALL c', '34000'],
    ['SET pgveil.actor = \'{"region": "EU"}\'', 'SET'],
    ['FETCH ALL c', '1 2'],
  ],
  'no temporary table carries anything over': [
    agent,
    [`CREATE TEMP TABLE t AS ${WHO}`, NO],
    [`SELECT email INTO TEMP t FROM customers`, NO],
    ['CREATE TEMP TABLE t (a text)', NO],
    ['CREATE TEMP VIEW v AS SELECT * FROM customers', NO],
    ['CREATE TEMP SEQUENCE s', NO],
  ],
  'the name of a statement is one in SQL and protocol': [
    agent,
    [`PREPARE "" AS ${WHO}`, '42601'],
    [`PREPARE x AS ${WHO}`, 'PREPARE'],
    [`PREPARE x AS SELECT 1`, '42P05'],
    ['EXECUTE x', AGENT],
    ['EXECUTE y', '26000'],
    ['DEALLOCATE ALL', 'DEALLOCATE'],
    ['EXECUTE x', '26000'],
  ],
};

/** What each message gives: rows, errors and the ends of stretches. */
function toldBy(client: RawClient): string[] {
  return client.messages.flatMap((message): string[] => {
    switch (message.kind) {
      case 'data-row':
        return [message.values.map((value) => (value === null ? 'null' : value.toString())).join()];
      case 'error-response':
        return [errorField(message, 'C') ?? ''];
      case 'ready-for-query':
        return [message.status];
      default:
        return [];
    }
  });
}

type Wire = readonly { readonly send: readonly FrontendMessage[]; readonly told: readonly string[] }[];
const claim = (role: string, local = ''): string => `SET ${local} pgveil.role = '${role}'`;
const run = (sql: string): FrontendMessage[] => [parse(sql), bind(), execute()];
const roles = { agent: 'agent', regional: '***', seller: 'seller' };

const wires: Readonly<Record<string, Wire>> = {
  'a named statement is planned again from its own text': [
    {
      send: [query(claim('agent')), parse(WHO, 'q'), bind('q'), execute(), sync],
      told: ['I', roles.agent, 'I'],
    },
    { send: [query(claim('regional')), bind('q'), execute(), sync], told: ['I', roles.regional, 'I'] },
    { send: [query('RESET ALL'), bind('q'), execute(), sync], told: ['I', NO, 'I'] },
    { send: [query(claim('agent')), bind('q'), execute(), sync], told: ['I', roles.agent, 'I'] },
    { send: [query('EXECUTE q')], told: [roles.agent, 'I'] },
    { send: [query(claim('regional')), query('EXECUTE q')], told: ['I', '26000', 'I'] },
  ],
  'the unnamed statement too': [
    { send: [query(claim('agent')), parse(WHO), bind(), execute(), sync], told: ['I', roles.agent, 'I'] },
    {
      send: [
        parse(WHO),
        parse(claim('regional'), 's'),
        bind('s', 's'),
        execute('s'),
        sync,
        bind(),
        execute(),
        sync,
      ],
      told: ['I', roles.regional, 'I'],
    },
  ],
  'Bind before the change, Execute behind it': [
    {
      send: [
        query('BEGIN'),
        ...run(claim('agent')),
        parse(WHO, 'q'),
        bind('q', 'p'),
        ...run(claim('regional')),
        execute('p'),
        sync,
      ],
      told: ['T', '34000', 'E'],
    },
    { send: [query('ROLLBACK')], told: ['I'] },
    {
      send: [
        query('BEGIN'),
        ...run(claim('agent', 'LOCAL')),
        bind('q', 'p'),
        sync,
        query(claim('regional')),
        execute('p'),
        sync,
      ],
      told: ['T', 'T', 'T', '34000', 'E'],
    },
    { send: [query('ROLLBACK')], told: ['I'] },
  ],
  'a portal that is read in parts': [
    {
      send: [
        query('BEGIN'),
        ...run(claim('agent')),
        parse('SELECT email FROM customers ORDER BY id', 'q'),
        bind('q', 'p'),
        execute('p', 1),
        ...run(claim('regional')),
        execute('p', 1),
        sync,
      ],
      told: ['T', roles.agent, '34000', 'E'],
    },
    { send: [query('ROLLBACK')], told: ['I'] },
  ],
  'a portal under a role that was taken back by ROLLBACK TO': [
    {
      send: [
        query('BEGIN'),
        query('SAVEPOINT s'),
        ...run(claim('agent')),
        parse(WHO, 'q'),
        bind('q', 'p'),
        sync,
        query('ROLLBACK TO s'),
        execute('p'),
        sync,
      ],
      told: ['T', 'T', 'T', 'T', '34000', 'E'],
    },
    { send: [query('ROLLBACK')], told: ['I'] },
  ],
  'an implicit transaction that Sync ends': [
    { send: [...run(claim('agent', 'LOCAL')), ...run(WHO), sync], told: [roles.agent, 'I'] },
    { send: [...run(WHO), sync], told: [NO, 'I'] },
    { send: [...run(claim('agent', 'LOCAL')), sync, ...run(WHO), sync], told: ['I', NO, 'I'] },
    { send: [...run(claim('agent')), sync, ...run(WHO), sync], told: ['I', roles.agent, 'I'] },
  ],
  'an error in between takes the claim of its implicit transaction back': [
    {
      send: [...run(claim('agent')), ...run('SELECT 1/0'), ...run(WHO), sync, ...run(WHO), sync],
      told: ['22012', 'I', NO, 'I'],
    },
    { send: [...run(claim('agent')), ...run('SELECT 1/0'), sync, query(WHO)], told: ['22012', 'I', NO, 'I'] },
    { send: [...run(claim('agent')), ...run('nonsense'), sync, query(WHO)], told: ['42601', 'I', NO, 'I'] },
    { send: [...run(claim('agent')), ...run(claim('admin')), sync, query(WHO)], told: [NO, 'I', NO, 'I'] },
  ],
  'Queries sent without waiting': [
    {
      send: [query(claim('agent')), query(WHO), query(claim('regional')), query(WHO)],
      told: ['I', roles.agent, 'I', 'I', roles.regional, 'I'],
    },
    { send: [query(`${claim('agent')}; SELECT 1/0`), query(WHO)], told: ['22012', 'I', roles.regional, 'I'] },
    {
      send: [query('BEGIN'), query(claim('agent')), query('SELECT 1/0'), query('COMMIT'), query(WHO)],
      told: ['T', 'T', '22012', 'E', 'I', roles.regional, 'I'],
    },
    {
      send: [query('BEGIN'), query(claim('agent', 'LOCAL')), query('COMMIT'), query(WHO)],
      told: ['T', 'T', 'I', roles.regional, 'I'],
    },
  ],
  'COMMIT and ROLLBACK inside a pipeline': [
    {
      send: [
        query(claim('regional')),
        ...run('BEGIN'),
        ...run(claim('agent', 'LOCAL')),
        ...run(WHO),
        ...run('COMMIT'),
        ...run(WHO),
        sync,
      ],
      told: ['I', roles.agent, roles.regional, 'I'],
    },
    {
      send: [...run('BEGIN'), ...run(claim('agent')), ...run('ROLLBACK'), ...run(WHO), sync],
      told: [roles.regional, 'I'],
    },
    { send: [...run(claim('agent')), ...run('ROLLBACK'), ...run(WHO), sync], told: [roles.regional, 'I'] },
    {
      send: [
        ...run(claim('agent')),
        flush,
        ...run('COMMIT'),
        flush,
        ...run('SELECT 1/0'),
        sync,
        ...run(WHO),
        sync,
      ],
      told: ['22012', 'I', roles.agent, 'I'],
    },
  ],
  'set_config with parameters claims nothing': [
    {
      send: [
        parse('SELECT set_config($1, $2, false)', 'c'),
        { ...bind('c'), parameters: [Buffer.from('pgveil.role'), Buffer.from('agent')] } as FrontendMessage,
        execute(),
        sync,
        query(WHO),
      ],
      told: [NO, 'I', NO, 'I'],
    },
    {
      send: [...run("SELECT set_config('pgveil.role', 'agent', false)"), ...run(WHO), sync],
      told: ['agent', roles.agent, 'I'],
    },
  ],
  'a prepared SET claims when it is executed, not when it is prepared or bound': [
    { send: [parse(claim('agent'), 's'), sync, query(WHO)], told: ['I', NO, 'I'] },
    { send: [bind('s', 'p'), sync, query(WHO)], told: ['I', NO, 'I'] },
    { send: [bind('s'), execute(), sync, query(WHO)], told: ['I', roles.agent, 'I'] },
    {
      send: [query('RESET ALL'), bind('s'), execute(), sync, query(WHO)],
      told: ['I', 'I', roles.agent, 'I'],
    },
  ],
};

describe.each(postgresVersions)('a change of the claim on PostgreSQL %i', (version) => {
  let folder: PolicyFolder;
  let proxy: Proxy;
  beforeAll(async () => {
    folder = policyFolder([bySettings]);
    proxy = await startProxy(version, { policies: folder.path });
  });
  afterAll(async () => {
    await proxy.stop();
    folder.remove();
  });

  it.each(Object.keys(scripts))('leaves nothing behind: %s', async (name) => {
    const client = await proxy.connect('crm_support');
    const told: string[][] = [];
    for (const [sql] of scripts[name]!) told.push([sql, await tell(client, sql, 'simple')]);
    expect(told).toEqual(scripts[name]);
    await client.end();
  });

  it.each(Object.keys(wires))('on the wire: %s', async (name) => {
    const client = await RawClient.login(
      { host: '127.0.0.1', port: proxy.app.ports.proxy },
      { user: 'crm_support', database: proxy.db.name },
      passwords.crm_support,
    );
    const told: string[][] = [];
    for (const { send } of wires[name]!) {
      client.messages.length = 0;
      client.send(...send);
      await client.until(
        'ready-for-query',
        send.filter(({ kind }) => kind === 'sync' || kind === 'query').length,
      );
      told.push(toldBy(client));
    }
    client.close();
    expect(told).toEqual(wires[name]!.map((step) => step.told));
  });
});
