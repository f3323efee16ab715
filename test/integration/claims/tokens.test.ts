/** Who acts is what a signed token says, and the token goes nowhere. */
import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { passwords } from '../../support/databases.js';
import { startProxy, type Proxy } from '../../support/proxy.js';
import { postgresVersions } from '../../support/servers.js';
import { bind, execute, parse, query, RawClient, sync, transcript } from '../session/support.js';
import {
  AGENT,
  ask,
  byToken,
  issuer,
  NO,
  policyFolder,
  REGIONAL,
  tell,
  WHO,
  type Issuer,
  type PolicyFolder,
} from './support.js';

const now = (): number => Math.floor(Date.now() / 1000);
const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

describe.each(postgresVersions)('claims by token on PostgreSQL %i', (version) => {
  let folder: PolicyFolder;
  let proxy: Proxy;
  let sso: Issuer;
  let stranger: Issuer;
  beforeAll(async () => {
    [sso, stranger] = [await issuer(), await issuer()];
    folder = policyFolder([byToken], sso.keys);
    proxy = await startProxy(version, { policies: folder.path });
  });
  afterAll(async () => {
    await proxy.stop();
    folder.remove();
  });

  describe.each(['simple', 'extended'] as const)('over the %s protocol', (protocol) => {
    it('a valid token makes the session act, and shows in SHOW', async () => {
      const client = await proxy.connect('crm_marketing');
      const told = (sql: string): Promise<string> => tell(client, sql, protocol);
      expect(await told(WHO)).toBe(NO);
      const token = await sso.sign({ pgveil_role: 'regional', pgveil_actor: { region: 'EU', above: 11 } });
      expect(await told(`SET pgveil.token = '${token}'`)).toBe('SET');
      expect([await told(WHO), await told('SELECT id FROM tickets ORDER BY id')]).toEqual([REGIONAL, '1 2']);
      expect([await told('SHOW pgveil.role'), await told('SHOW pgveil.purpose')]).toEqual([
        '"regional"',
        '"support"',
      ]);
      expect(await told('SHOW pgveil.actor')).toBe(JSON.stringify('{"region":"EU","above":"11"}'));
      expect([
        await told('SHOW pgveil.token'),
        await told("SELECT current_setting('pgveil.token', true)"),
      ]).not.toContain(token);
      const other = await sso.sign({ pgveil_role: 'agent' });
      expect(await told('BEGIN')).toBe('BEGIN');
      expect([await told(`SET LOCAL pgveil.token TO '${other}'`), await told(WHO)]).toEqual(['SET', AGENT]);
      expect([await told('ROLLBACK'), await told(WHO)]).toEqual(['ROLLBACK', REGIONAL]);
      expect([await told('RESET pgveil.token'), await told(WHO)]).toEqual(['RESET', NO]);
      await client.end();
    });

    it('plain settings are refused', async () => {
      const client = await proxy.connect('crm_marketing');
      for (const sql of [
        "SET pgveil.role = 'agent'",
        "SET LOCAL pgveil.purpose = 'support'",
        'SET pgveil.actor = \'{"region": "EU"}\'',
        "SELECT set_config('pgveil.role', 'agent', false)",
        "SELECT set_config('pgveil.token', 'x', false)",
      ])
        expect([sql, await tell(client, sql, protocol)]).toEqual([sql, NO]);
      expect(await tell(client, WHO, protocol)).toBe(NO);
      await client.end();
    });

    it.each<[string, () => Promise<string>]>([
      ['of another key under the same name', () => stranger.sign({ pgveil_role: 'agent' })],
      ['that has expired', () => sso.sign({ pgveil_role: 'agent' }, { exp: now() - 1 })],
      ['that is not valid yet', () => sso.sign({ pgveil_role: 'agent' }, { nbf: now() + 60 })],
      ['of another issuer', () => sso.sign({ pgveil_role: 'agent' }, { issuer: 'https://sso.test.evil' })],
      ['for another audience', () => sso.sign({ pgveil_role: 'agent' }, { audience: 'hr' })],
      ['for a role outside may', () => sso.sign({ pgveil_role: 'admin' })],
      ['without a role', () => sso.sign({})],
      ['whose role has several purposes', () => sso.sign({ pgveil_role: 'seller' })],
      [
        "with a purpose that is not the role's",
        () => sso.sign({ pgveil_role: 'agent', pgveil_purpose: 'billing' }),
      ],
      ['with attributes that are no object', () => sso.sign({ pgveil_role: 'agent', pgveil_actor: ['EU'] })],
      [
        'that was changed',
        async () => {
          const [head, , signature] = (await sso.sign({ pgveil_role: 'regional' })).split('.');
          return [
            head,
            part({ pgveil_role: 'agent', iss: 'https://sso.test', aud: 'crm', exp: now() + 60 }),
            signature,
          ].join('.');
        },
      ],
      [
        'without a signature',
        () =>
          Promise.resolve(
            `${part({ alg: 'none' })}.${part({ pgveil_role: 'agent', iss: 'https://sso.test', aud: 'crm', exp: now() + 60 })}.`,
          ),
      ],
      [
        'signed with the public key as a secret',
        () => {
          const text = `${part({ alg: 'HS256', kid: 'one' })}.${part({ pgveil_role: 'agent', iss: 'https://sso.test', aud: 'crm', exp: now() + 60 })}`;
          return Promise.resolve(
            `${text}.${createHmac('sha256', JSON.stringify(sso.keys)).update(text).digest('base64url')}`,
          );
        },
      ],
      ['that is none', () => Promise.resolve('x.y.z')],
    ])('a token %s is refused', async (_what, make) => {
      const client = await proxy.connect('crm_marketing');
      const token = await make();
      expect(await tell(client, `SET pgveil.token = '${token}'`, protocol)).toBe(NO);
      expect(await tell(client, WHO, protocol)).toBe(NO);
      await client.end();
    });

    it('a token that expires is as no claim, for prepared statements and cursors too', async () => {
      const client = await proxy.connect('crm_marketing');
      const told = (sql: string): Promise<string> => tell(client, sql, protocol);
      await told(`SET pgveil.token = '${await sso.sign({ pgveil_role: 'agent' }, { exp: now() + 2 })}'`);
      expect(await told(WHO)).toBe(AGENT);
      await told(`PREPARE q AS ${WHO}`);
      await told('BEGIN');
      await told(`DECLARE c SCROLL CURSOR WITH HOLD FOR ${WHO}`);
      await told('COMMIT');
      expect([await told('EXECUTE q'), await told('FETCH FIRST c')]).toEqual([AGENT, AGENT]);
      await new Promise((resolve) => setTimeout(resolve, 2_100));
      expect([await told(WHO), await told('EXECUTE q'), await told('FETCH FIRST c')]).toEqual([
        NO,
        NO,
        '34000',
      ]);
      await told(`SET pgveil.token = '${await sso.sign({ pgveil_role: 'agent' })}'`);
      expect(await told(WHO)).toBe(AGENT);
      await client.end();
    });
  });

  it('is verified at its place in a pipeline and in a text', async () => {
    const client = await RawClient.login(
      { host: '127.0.0.1', port: proxy.app.ports.proxy },
      { user: 'crm_marketing', database: proxy.db.name },
      passwords.crm_marketing,
    );
    const [agent, regional] = [
      await sso.sign({ pgveil_role: 'agent' }),
      await sso.sign({ pgveil_role: 'regional' }),
    ];
    const set = (token: string): string => `SET pgveil.token = '${token}'`;
    const run = (sql: string) => [parse(sql), bind(), execute()];
    client.send(...run(set(agent)), ...run(WHO), ...run(set(regional)), ...run(WHO), sync);
    client.send(query(`${set(agent)}; ${WHO}; ${set(regional)}; ${WHO}`));
    client.send(...run(set('x.y.z')), ...run(WHO), sync, query(WHO));
    await client.until('ready-for-query', 4);
    const rows = client.messages.flatMap((message) =>
      message.kind === 'data-row' ? [String(message.values[0])] : [],
    );
    expect(rows).toEqual(['agent', '***', 'agent', '***', '***']);
    expect(transcript(client.messages).filter((one) => /^(?:error|ready)/.test(one))).toEqual([
      'ready I',
      'ready I',
      'error 42501',
      'ready I',
      'ready I',
    ]);
    client.close();
  });

  it('never goes to the server, into an event or into an error', async () => {
    const client = await proxy.connect('crm_marketing');
    const admin = await proxy.db.connect();
    await admin.query(`ALTER DATABASE ${proxy.db.name} SET track_activities = on`);
    const token = await sso.sign({ pgveil_role: 'agent', pgveil_actor: { secret: 'x'.repeat(20) } });
    const texts = [
      `SET pgveil.token = '${token}'`,
      `SET pgveil.token TO "${token}"`,
      `SET pgveil . "token" TO "${token}" ; SELECT 1`,
      `SET pgveil.token TO "${token}" nonsense`,
      `SET pgveil.token TO ${token}`,
      `SET pgveil.token TO ${token.replaceAll(/[.-]/g, '_')}`,
      `SET pgveil.token TO "${token}", "${token}"`,
      `SET pgveil.token = '${token}x'`,
    ];
    const [, payload] = token.split('.');
    let seen = '';
    for (const protocol of ['simple', 'extended'] as const)
      for (const text of texts) {
        try {
          await ask(client, { text, ...(protocol === 'extended' ? { queryMode: 'extended' } : {}) });
        } catch (error) {
          seen += JSON.stringify(error, Object.getOwnPropertyNames(error));
        }
        const activity = await admin.query<{ query: string }>(
          "SELECT query FROM pg_stat_activity WHERE usename = 'crm_marketing'",
        );
        seen += JSON.stringify(activity.rows);
      }
    seen += await tell(client, 'SELECT * FROM pg_settings', 'simple');
    await client.end();
    await expect.poll(async () => (await proxy.events()).length).toBeGreaterThan(16);
    seen += JSON.stringify(await proxy.events());
    expect(seen).not.toContain(payload!.slice(0, 40));
    expect(seen).toContain('pgveil.token');
  });
});
