/** Claims of the startup packet, what a DBA or a function sets, reloads of the policy, and whom the audit names. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeStartupPacket } from '../../../src/wire/startup.js';
import { passwords } from '../../support/databases.js';
import { startProxy, type Proxy } from '../../support/proxy.js';
import { postgresVersions } from '../../support/servers.js';
import { RawClient, transcript } from '../session/support.js';
import {
  AGENT,
  bySettings,
  byToken,
  NO,
  policyFolder,
  REGIONAL,
  SELLER,
  tell,
  WHO,
  type PolicyFolder,
} from './support.js';

describe.each(postgresVersions)('sessions that claim on PostgreSQL %i', (version) => {
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

  it.each([
    ['-c pgveil.role=agent', AGENT],
    ['--pgveil.role=regional', REGIONAL],
    ['-cpgveil.role=seller -c pgveil.purpose=billing', SELLER],
    ['-c PGVEIL.Role=agent -c search_path=public', AGENT],
    ['-c pgveil.role=regional -c pgveil.actor={"region":"EU"}', REGIONAL],
    ['-c pgveil.role=seller', NO],
  ])('startup options %s', async (options, expected) => {
    const client = await proxy.connect('crm_support', { options });
    const told = (sql: string): Promise<string> => tell(client, sql, 'simple');
    expect(await told(WHO)).toBe(expected);
    // What the startup packet claims is what RESET goes back to.
    await told("SET pgveil.role = 'regional'");
    await told('RESET ALL');
    expect(await told(WHO)).toBe(expected);
    await told("SET pgveil.role = ''");
    await told('DISCARD ALL');
    expect(await told(WHO)).toBe(expected);
  });

  it.each([
    ['-c pgveil.role=admin', '42501'],
    ['-c pgveil.role=agent -c pgveil.purpose=billing', '42501'],
    ['-c pgveil.purpose=fraud', '42501'],
    ['-c pgveil.actor=EU', '42501'],
    ['-c pgveil.role=agent -c pgveil.role=regional', '22023'],
    ['-c pgveil.role=agent --pgveil.ROLE=regional', '22023'],
    ['-c pgveil.other=1', '42501'],
    ['-c pgveil.token=x', '42501'],
    ['-c role=crm_admin', '42501'],
  ])('startup options %s are refused', async (options, code) => {
    await expect(proxy.connect('crm_support', { options })).rejects.toMatchObject({ code });
  });

  it('a claim as a parameter of the startup packet, once', async () => {
    const at = { host: '127.0.0.1', port: proxy.app.ports.proxy };
    const who = { user: 'crm_support', database: proxy.db.name };
    const client = await RawClient.login(at, { ...who, 'pgveil.role': 'agent' }, passwords.crm_support);
    client.send({ kind: 'query', sql: Buffer.from(WHO) });
    await client.until('ready-for-query');
    expect(client.messages.some((one) => one.kind === 'data-row' && String(one.values[0]) === 'agent')).toBe(
      true,
    );
    client.close();
    for (const twice of [
      [
        ['pgveil.role', 'agent'],
        ['options', '-c pgveil.role=regional'],
      ],
      [
        ['pgveil.role', 'agent'],
        ['PGVEIL.role', 'regional'],
      ],
      [
        ['pgveil.role', 'agent'],
        ['pgveil.role', 'regional'],
      ],
    ] as const) {
      const second = await RawClient.open(at);
      const parameters = [...Object.entries(who), ...twice] as [string, string][];
      second.socket.write(
        encodeStartupPacket({ kind: 'startup', protocol: { major: 3, minor: 0 }, parameters }),
      );
      expect(transcript(await second.untilClosed())).toEqual(['error 22023']);
    }
  });

  it('what a DBA sets for the role, and what a function sets, claims nothing', async () => {
    const admin = await proxy.db.connect();
    await admin.query(`ALTER ROLE crm_support IN DATABASE ${proxy.db.name} SET pgveil.role = 'agent'`);
    await admin.query(`CREATE FUNCTION claim() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN PERFORM set_config('pgveil.role', 'agent', false); RETURN new; END $$`);
    await admin.query('CREATE TRIGGER claims BEFORE INSERT ON app_log FOR EACH ROW EXECUTE FUNCTION claim()');
    const client = await proxy.connect('crm_support');
    const told = (sql: string): Promise<string> => tell(client, sql, 'simple');
    expect([await told(WHO), await told('SHOW pgveil.role')]).toEqual([NO, '""']);
    expect([await told('RESET ALL'), await told(WHO), await told('DISCARD ALL'), await told(WHO)]).toEqual([
      'RESET',
      NO,
      'DISCARD',
      NO,
    ]);
    await told("SET pgveil.role = 'regional'");
    expect(await told("INSERT INTO app_log (message) VALUES ('x')")).toBe('INSERT');
    expect([await told(WHO), await told('SHOW pgveil.role')]).toEqual([REGIONAL, '"regional"']);
    await admin.query(`ALTER ROLE crm_support IN DATABASE ${proxy.db.name} RESET pgveil.role`);
    await admin.query('DROP TRIGGER claims ON app_log');
  });

  it('each statement is audited under the role and purpose that it ran for, changes of the claim included', async () => {
    const client = await proxy.connect('crm_support', { application_name: 'audited' });
    const told = (sql: string): Promise<string> => tell(client, sql, 'simple');
    await told(WHO);
    await told("SET pgveil.role = 'agent'");
    await told(WHO);
    await told(`SET pgveil.role = 'regional'; ${WHO}`);
    await told("SET pgveil.role = 'admin'");
    await told(
      `SELECT set_config('pgveil.role', 'seller', false), set_config('pgveil.purpose', 'billing', false)`,
    );
    await told('SELECT count(*) FROM products');
    await client.end();
    const mine = async (): Promise<unknown[]> =>
      (await proxy.events())
        .filter((event) => (event.actor as unknown as { app_name: string }).app_name === 'audited')
        .map(({ action_id, unmapped }) => [
          action_id,
          unmapped['role'],
          unmapped['purpose'],
          unmapped['legal_basis'],
        ]);
    await expect.poll(async () => (await mine()).length, { timeout: 5_000 }).toBe(10);
    expect(await mine()).toEqual([
      [1, null, null, null],
      [2, null, null, null],
      [1, null, null, null],
      [4, 'agent', 'support', 'contract'],
      [1, 'agent', 'support', 'contract'],
      [4, 'regional', 'support', 'contract'],
      [2, 'regional', 'support', 'contract'],
      [1, 'regional', 'support', 'contract'],
      [1, 'seller', 'billing', 'contract'],
      [1, 'seller', 'billing', 'contract'],
    ]);
  });

  it('a reload reaches live sessions, what they prepared and what they hold open', async () => {
    const client = await proxy.connect('crm_support');
    const told = (sql: string): Promise<string> => tell(client, sql, 'simple');
    await told("SET pgveil.role = 'agent'");
    await told(`PREPARE q AS ${WHO}`);
    const named = { name: 'n', text: WHO };
    const byName = (): Promise<string> =>
      client.query(named).then(
        ({ rows }) => JSON.stringify((rows[0] as { email: string }).email),
        (error: unknown) => (error as { code: string }).code,
      );
    await told('BEGIN');
    await told(`DECLARE c SCROLL CURSOR WITH HOLD FOR ${WHO}`);
    await told('COMMIT');
    expect([await told('EXECUTE q'), await byName(), await told('FETCH FIRST c')]).toEqual([
      AGENT,
      AGENT,
      AGENT,
    ]);
    await told('BEGIN');
    await told(`DECLARE d SCROLL CURSOR FOR ${WHO}`);

    folder.write([
      '{ user: crm_support, may: [seller, regional], claims: settings }',
      '{ user: crm_marketing, role: agent }',
    ]);
    expect(await proxy.app.reload()).toEqual([]);
    expect(await told('FETCH FIRST d')).toBe('34000');
    await told('ROLLBACK');
    expect([await told(WHO), await told('EXECUTE q'), await byName(), await told('FETCH FIRST c')]).toEqual([
      NO,
      NO,
      NO,
      '34000',
    ]);
    expect(await told("SET pgveil.role = 'agent'")).toBe(NO);
    await told("SET pgveil.role = 'regional'");
    expect([await told(WHO), await byName(), await told('EXECUTE q')]).toEqual([REGIONAL, REGIONAL, '26000']);

    // A set that cannot be used changes nothing.
    folder.write([byToken.replace('keys.json', 'missing.json')]);
    expect(await proxy.app.reload()).not.toEqual([]);
    expect(await told(WHO)).toBe(REGIONAL);

    // The login has no entry any more, or becomes exempt: nobody acts in the session that is open.
    for (const entry of [
      '{ user: crm_marketing, may: [agent, seller, regional], claims: settings }',
      '{ user: crm_support, exempt: true }',
    ]) {
      folder.write([entry, '{ user: nobody, may: [agent, seller, regional], claims: settings }']);
      await proxy.app.reload();
      expect([await told(WHO), await told("SET pgveil.role = 'regional'")]).toEqual([NO, NO]);
    }
    folder.write([bySettings]);
    expect(await proxy.app.reload()).toEqual([]);
    expect(await told(WHO)).toBe(REGIONAL);
  });
});
