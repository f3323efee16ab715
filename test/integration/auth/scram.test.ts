/** Log-ins that end at the proxy, with clients of their own and on both majors: who gets in, and what everybody else sees. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ScramClient } from '../../../src/session/auth/scram-client.js';
import { keysOf } from '../../../src/session/auth/scram-keys.js';
import { postgresVersions } from '../../support/servers.js';
import { psql, type RawClient, type ScramWorld, startScramWorld } from './support.js';

describe.each(postgresVersions)('PostgreSQL %i', (version) => {
  let world: ScramWorld;
  beforeAll(async () => {
    world = await startScramWorld(version);
  });
  afterAll(() => world.stop());

  const wrong = (user: string): string => `28P01 password authentication failed for user "${user}"`;

  it('the right password gets in, as the user that was named, a wrong one does not', async () => {
    const user = world.role('plain');
    await world.sql(`CREATE ROLE ${user} LOGIN PASSWORD 'right'`);
    expect(await world.logIn(user, 'right')).toBe('ok');
    expect(await world.logIn(user, 'wrong')).toBe(wrong(user));
    const client = world.client(user, 'right');
    await client.connect();
    const { rows } = await client.query(
      'SELECT session_user AS s, current_user AS c, pg_backend_pid() AS pid',
    );
    expect(rows).toMatchObject([{ s: user, c: user }]);
    await client.end();
  });

  it('psql gets in, and its password prompt knows the words of a refusal', async () => {
    const user = world.role('psql');
    await world.sql(`CREATE ROLE ${user} LOGIN PASSWORD 'right'`);
    const settings = {
      PGHOST: '127.0.0.1',
      PGPORT: String(world.proxy.app.ports.proxy),
      PGUSER: user,
      PGDATABASE: world.db.name,
      PGPASSWORD: 'right',
    };
    expect(await psql(settings, 'SELECT current_user')).toBe(user);
    expect(await psql({ ...settings, PGPASSWORD: 'wrong' }, 'SELECT 1')).toContain(
      `FATAL:  password authentication failed for user "${user}"`,
    );
  });

  it('a changed password works at once, and the old one no more', async () => {
    const user = world.role('changed');
    await world.sql(`CREATE ROLE ${user} LOGIN PASSWORD 'p0'`);
    for (let turn = 0; turn < 5; turn++) {
      expect(await world.logIn(user, `p${turn}`)).toBe('ok');
      await world.sql(`ALTER ROLE ${user} PASSWORD 'p${turn + 1}'`);
      expect(await world.logIn(user, `p${turn}`)).toBe(wrong(user));
    }
    const fresh = world.role('fresh');
    expect(await world.logIn(fresh, 'x')).toBe(wrong(fresh));
    await world.sql(`CREATE ROLE ${fresh} LOGIN PASSWORD 'x'`);
    expect(await world.logIn(fresh, 'x')).toBe('ok');
  });

  it.each<[string, string, (user: string) => string]>([
    ['a password that has expired', "LOGIN PASSWORD 'right' VALID UNTIL '2020-01-01'", wrong],
    ['a password that is valid still', "LOGIN PASSWORD 'right' VALID UNTIL '2999-01-01'", () => 'ok'],
    ['a password that is valid for ever', "LOGIN PASSWORD 'right' VALID UNTIL 'infinity'", () => 'ok'],
    ['no password', 'LOGIN', wrong],
    ['NOLOGIN', "NOLOGIN PASSWORD 'right'", (user) => `28000 role "${user}" is not permitted to log in`],
    [
      'no connection left',
      "LOGIN PASSWORD 'right' CONNECTION LIMIT 0",
      (user) => `53300 too many connections for role "${user}"`,
    ],
  ])('%s, as at the server', async (what, options, expected) => {
    const user = world.role(what.replace(/\W/g, '_'));
    await world.sql(`CREATE ROLE "${user}" ${options}`);
    const direct = await world.logIn(user, 'right', { port: world.db.port });
    expect(await world.logIn(user, 'right')).toBe(expected(user));
    expect(direct).toBe(expected(user));
    if (expected(user) !== 'ok') expect(await world.logIn(user, 'wrong')).toBe(wrong(user));
  });

  it.each(['pässwörd', 'I\u00adX', 'ª', '\u2168', 'a\u00a0b', '😀', 'ß\u3000ç', 'bad\u0221', '\u0627\u0031'])(
    'the password %j, as SASLprep has it',
    async (password) => {
      const user = world.role(`prep${Buffer.from(password).toString('hex')}`);
      await world.sql(`CREATE ROLE ${user} LOGIN PASSWORD '${password}'`);
      const settings = {
        PGHOST: '127.0.0.1',
        PGPORT: String(world.proxy.app.ports.proxy),
        PGUSER: user,
        PGDATABASE: world.db.name,
        PGPASSWORD: password,
        PGCLIENTENCODING: 'UTF8',
      };
      expect(await psql(settings, 'SELECT 1')).toBe('1');
    },
  );

  it("errors of the database's own reach the client", async () => {
    const user = world.role('errors');
    await world.sql(`CREATE ROLE ${user} LOGIN PASSWORD 'right'`);
    expect(await world.logIn(user, 'right', { database: 'no_such_database' })).toBe(
      '3D000 database "no_such_database" does not exist',
    );
    await world.sql(`REVOKE CONNECT ON DATABASE ${world.db.name} FROM public`);
    expect(await world.logIn(user, 'right')).toBe(`42501 permission denied for database "${world.db.name}"`);
    await world.sql(`GRANT CONNECT ON DATABASE ${world.db.name} TO public`);
  });

  it('a user that does not exist sees the same messages of the same length as one that does', async () => {
    const user = world.role('known');
    await world.sql(`CREATE ROLE ${user} LOGIN PASSWORD 'right'`);
    const shape = async (name: string): Promise<string[]> => {
      const client = await world.raw(name);
      const end = await prove(client, 'wrong');
      const saw = client.bytes.map((chunk) => chunk.length).join();
      return [saw, end.replaceAll(name, 'X')];
    };
    const unknown = world.role('unkno');
    expect(await shape(unknown)).toEqual(await shape(user));
    const salts = await Promise.all([unknown, unknown, user, user].map((name) => saltOf(name)));
    expect(salts[0]).toBe(salts[1]);
    expect(salts[2]).toBe(salts[3]);
    expect(salts[0]).not.toBe(salts[2]);
  });

  it('and takes about as long', async () => {
    const user = world.role('timed');
    await world.sql(`CREATE ROLE ${user} LOGIN PASSWORD 'right'`);
    const unknown = world.role('times');
    const took: Record<string, number[]> = { [user]: [], [unknown]: [] };
    // Below the number of failures from which on answers are delayed.
    for (let turn = 0; turn < 5; turn++)
      for (const name of [user, unknown]) {
        const client = await world.raw(name);
        const began = performance.now();
        await prove(client, 'wrong', 1);
        took[name]!.push(performance.now() - began);
      }
    const median = (of: number[]): number => of.sort((a, b) => a - b)[2]!;
    // Rough: other tests share the machine. A derivation of a key more or less would be some milliseconds.
    expect(Math.abs(median(took[user]!) - median(took[unknown]!))).toBeLessThan(25);
  });

  it('nothing is opened at the server for somebody who has not proven himself', async () => {
    const user = world.role('cheap');
    await world.sql(`CREATE ROLE ${user} LOGIN PASSWORD 'right'`);
    const backends = async (): Promise<unknown> =>
      (await world.sql(`SELECT count(*)::int AS n FROM pg_stat_activity WHERE usename = '${user}'`)).rows;
    const clients = await Promise.all(Array.from({ length: 20 }, () => world.raw(user)));
    for (const client of clients) {
      await client.authentication();
      client.sasl('SCRAM-SHA-256', 'n,,n=,r=abcdefgh');
      await client.authentication();
    }
    expect(await backends()).toEqual([{ n: 0 }]);
    for (const client of clients) client.end();
  });

  it('md5 roles are asked for md5, and the server too', async () => {
    const user = world.role('md5');
    await world.sql(`SET password_encryption = md5; CREATE ROLE ${user} LOGIN PASSWORD 'right'`);
    const client = await world.raw(user);
    expect(await client.authentication()).toMatchObject({ method: 'md5-password' });
    client.end();
    expect(await world.logIn(user, 'wrong')).toBe(wrong(user));
    // This server's pg_hba.conf says scram-sha-256, which an md5 password can never pass: as it says of a direct log-in.
    expect(await world.logIn(user, 'right', { port: world.db.port })).toBe(wrong(user));
    expect(await world.logIn(user, 'right')).toContain('28000 pgveil: the database server asks for SCRAM');
  });

  async function saltOf(name: string): Promise<string> {
    const client = await world.raw(name);
    await client.authentication();
    client.sasl('SCRAM-SHA-256', 'n,,n=,r=abcdefgh');
    const challenge = await client.authentication();
    client.end();
    return challenge.method === 'sasl-continue' ? /s=([^,]*)/.exec(challenge.data.toString())![1]! : '';
  }
});

/** A whole SCRAM log-in; how it ended. */
async function prove(client: RawClient, password: string, iterations?: number): Promise<string> {
  await client.authentication();
  const scram = new ScramClient({ kind: 'none' });
  client.sasl('SCRAM-SHA-256', scram.first());
  const challenge = await client.authentication();
  if (challenge.method !== 'sasl-continue') return challenge.method;
  const first = scram.readServerFirst(challenge.data)!;
  const keys = await keysOf(Buffer.from(password), first.salt, iterations ?? first.iterations);
  client.password(scram.final(first, keys));
  return client.rest();
}
