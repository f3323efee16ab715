/** What somebody tries who has no password, or another one's: each attempt is kept here. */
import { copyFileSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ScramClient } from '../../../src/session/auth/scram-client.js';
import { keysOf } from '../../../src/session/auth/scram-keys.js';
import { encodeBackend } from '../../../src/wire/backend-message.js';
import { encodeFrontend } from '../../../src/wire/frontend-message.js';
import { describeSeen, queryFlags, type RawClient, type ScramWorld, startScramWorld } from './support.js';

const long = `long_${Date.now()}_`.padEnd(63, 'x');
const policy = `version: 1
mode: enforce
unlabelled: clear
unlisted_tables: allow
purposes: { work: { legal_basis: contract } }
roles: { reader: { purposes: [work], masks: {}, owner: a@example.com, review_by: 2099-01-01 } }
sessions:
  - { user: ${long}, role: reader }
  - { exempt: true }
`;

describe('against a real server', () => {
  let world: ScramWorld;
  let alice = '';
  let bob = '';
  beforeAll(async () => {
    world = await startScramWorld(18, {
      policies: policy,
      flags: (db) => ({ ...queryFlags(db), 'limits.auth_timeout': '2s', 'limits.idle_in_handshake': '2s' }),
    });
    [alice, bob] = [world.role('alice'), world.role('bob')];
    await world.sql(
      `CREATE ROLE ${alice} LOGIN PASSWORD 'of alice'; CREATE ROLE ${bob} LOGIN PASSWORD 'of bob'; ` +
        `CREATE ROLE ${long} LOGIN PASSWORD 'right'`,
    );
  });
  afterAll(async () => {
    await world.sql(`DROP ROLE ${long}`);
    await world.stop();
  });

  it('the password of another user opens nothing, whatever name stands in the exchange', async () => {
    for (const name of ['', bob]) {
      const client = await world.raw(alice);
      await client.authentication();
      client.sasl('SCRAM-SHA-256', `n,,n=${name},r=abcdefgh`);
      const challenge = await client.authentication();
      if (challenge.method !== 'sasl-continue') throw new Error('no challenge');
      const text = challenge.data.toString();
      const [, nonce, salt] = /^r=([^,]*),s=([^,]*),/.exec(text)!;
      const keys = await keysOf(Buffer.from('of bob'), Buffer.from(salt!, 'base64'), 4096);
      const scram = new ScramClient({ kind: 'none' }, 'abcdefgh');
      client.password(scram.final({ text, nonce: nonce!, salt: Buffer.alloc(0), iterations: 4096 }, keys));
      expect(await client.rest()).toBe(`28P01 password authentication failed for user "${alice}"`);
    }
  });

  it('a recorded proof opens nothing again', async () => {
    const first = await world.raw(alice);
    const recorded = await proof(first, 'of alice');
    first.password(recorded);
    expect(await first.authentication()).toMatchObject({ method: 'sasl-final' });
    first.end();
    const again = await world.raw(alice);
    await proof(again, 'of alice');
    again.password(recorded);
    expect(await again.rest()).toBe('08P01 invalid SCRAM response');
  });

  it('names are the same to the policy, the verifiers and the server: cut at 63 bytes, letters as they are', async () => {
    for (const user of [long, `${long}x`, `${long}_and_much_more_behind_it`]) {
      const client = world.client(user, 'right');
      await client.connect();
      // The rule of the short name holds: the session is governed, so this is refused.
      await expect(client.query('CREATE TABLE public.made (i int)')).rejects.toMatchObject({ code: '42501' });
      expect((await client.query('SELECT session_user AS s')).rows).toEqual([{ s: long }]);
      await client.end();
    }
    for (const user of [alice.toUpperCase(), ` ${alice}`, `${alice} `, `"${alice}"`])
      expect(await world.logIn(user, 'of alice')).toBe(
        `28P01 password authentication failed for user "${user}"`,
      );
  });

  it('a NUL in a name ends the packet, not the name', async () => {
    const client = await world.raw(alice);
    client.end();
    const socket = net.connect(world.proxy.app.ports.proxy, '127.0.0.1');
    const body = Buffer.from(`\0\x03\0\0user\0${alice}\0${bob}\0`, 'latin1');
    const length = Buffer.alloc(4);
    length.writeInt32BE(body.length + 4);
    socket.end(Buffer.concat([length, body]));
    const chunks: Buffer[] = [];
    for await (const chunk of socket) chunks.push(chunk as Buffer);
    expect(Buffer.concat(chunks).toString()).toContain('08P01');
  });

  it.each<[string, (client: RawClient) => void, string]>([
    [
      'a query',
      (client) => client.socket.write(encodeFrontend({ kind: 'query', sql: Buffer.from('SELECT 1') })),
      '08P01 expected SASL response, got message type 81',
    ],
    [
      'a length that is none',
      (client) => client.socket.write(Buffer.from([0x70, 0, 0, 0, 3])),
      '08P01 invalid message length',
    ],
    [
      'a message beyond the bound',
      (client) => client.socket.write(Buffer.from([0x70, 0, 0, 8, 0])),
      '08P01 invalid message length',
    ],
    [
      'a negative length',
      (client) => client.socket.write(Buffer.from([0x70, 255, 255, 255, 255])),
      '08P01 invalid message length',
    ],
    [
      'an md5 answer',
      (client) => client.password('md5abc\0'),
      '08P01 pgveil: malformed SASL initial response message: it ends too early',
    ],
    [
      'PLAIN',
      (client) => client.sasl('PLAIN', '\0alice\0x'),
      '08P01 client selected an invalid SASL authentication mechanism',
    ],
    [
      '-PLUS without TLS',
      (client) => client.sasl('SCRAM-SHA-256-PLUS', 'p=tls-server-end-point,,n=,r=abc'),
      '08P01 client selected an invalid SASL authentication mechanism',
    ],
    ['an empty response', (client) => client.sasl('SCRAM-SHA-256', ''), '08P01 malformed SCRAM message'],
  ])('%s in place of a first message ends it', async (_, send, expected) => {
    const client = await world.raw(alice);
    await client.authentication();
    send(client);
    expect(await client.rest()).toBe(expected);
  });

  it('a flood of password messages ends at the first wrong one', async () => {
    const client = await world.raw(bob);
    await client.authentication();
    client.sasl('SCRAM-SHA-256', 'n,,n=,r=abcdefgh');
    for (let at = 0; at < 10_000; at++) client.password('c=biws,r=abcdefgh,p=AAAA');
    expect(await client.rest()).toMatch(/^R 08P01 \w/);
  });

  it('an exchange that never ends is ended, byte by byte or not at all', async () => {
    const silent = await world.raw(alice);
    await silent.authentication();
    const slow = await world.raw(alice);
    await slow.authentication();
    const message = encodeFrontend({ kind: 'password', data: Buffer.alloc(400) });
    let at = 0;
    const drip = setInterval(() => slow.socket.write(message.subarray(at, ++at)), 50);
    expect(await silent.rest()).toContain('08006 pgveil: the log-in took too long');
    expect(await slow.rest()).toContain('08006 pgveil: the log-in took too long');
    clearInterval(drip);
  });

  it('cut after any message, an exchange leaves nothing behind', async () => {
    for (let cut = 0; cut < 3; cut++) {
      const client = await world.raw(alice);
      if (cut > 0) await client.authentication();
      if (cut > 1) client.sasl('SCRAM-SHA-256', 'n,,n=,r=abcdefgh');
      client.end();
    }
    expect(await world.logIn(alice, 'of alice')).toBe('ok');
  });

  it('what is sent behind the proof waits for the log-in, and is no part of it at the server', async () => {
    const client = await world.raw(alice);
    const final = await proof(client, 'of alice');
    client.socket.write(
      Buffer.concat([
        encodeFrontend({ kind: 'password', data: final }),
        encodeFrontend({ kind: 'query', sql: Buffer.from('SELECT 1') }),
      ]),
    );
    expect(await untilReady(client)).toMatch(/^R R( S)+ K Z$/);
    expect(await untilReady(client)).toBe('T D C Z');
    client.end();
  });

  it('who guesses waits, and nobody else', async () => {
    const timed = async (user: string, password: string): Promise<number> => {
      const began = performance.now();
      await world.logIn(user, password);
      return performance.now() - began;
    };
    const victim = world.role('victim');
    await world.sql(`CREATE ROLE ${victim} LOGIN PASSWORD 'right'`);
    for (let turn = 0; turn < 7; turn++) await timed(victim, 'wrong');
    // 100 ms after five failures, then twice as long each time: the right password waits as well.
    expect(await timed(victim, 'right')).toBeGreaterThan(390);
    expect(await timed(bob, 'of bob')).toBeLessThan(390);
  });

  it('failures are counted and audited with their reason, and no event holds a proof or a password', async () => {
    const user = world.role('audited');
    await world.logIn(user, 'secret of nobody');
    await world.sql(`CREATE ROLE ${user} LOGIN PASSWORD 'right'`);
    await world.logIn(user, 'secret of nobody');
    const metrics = await fetch(`http://127.0.0.1:${world.proxy.app.ports.admin}/metrics`);
    const text = await metrics.text();
    expect(text).toMatch(/pgveil_auth_failures_total\{reason="unknown_user"\} \d/);
    expect(text).toMatch(/pgveil_auth_failures_total\{reason="password"\} \d/);
    await expect
      .poll(async () => JSON.stringify(await world.proxy.events()))
      .toMatch(new RegExp(`${user}.*unknown_user|unknown_user.*${user}`));
    const events = JSON.stringify(await world.proxy.events());
    for (const secret of ['secret of nobody', 'p=', 'SCRAM-SHA-256$', 'of alice'])
      expect(events).not.toContain(secret);
  });

  it.each([1, 2, 7])(
    'a client of protocol 3.%i is told the version before it is asked for a password',
    async (minor) => {
      const client = await world.raw(alice, [['_pq_.unknown', '1']], minor);
      expect((await client.next())?.type).toBe('v');
      client.password(await proof(client, 'of alice'));
      expect(await untilReady(client)).toMatch(/^R R( S)+ K Z$/);
      client.end();
    },
  );
});

describe('other sources, other servers', () => {
  it('a userlist: SCRAM, cleartext and what is none; read again at a reload, kept when it is broken', async () => {
    const world = await startScramWorld(15, {
      flags: (_, folder) => {
        const path = join(folder, 'userlist.txt');
        writeFileSync(path, '; nobody yet\n');
        return { 'auth.verifiers.from': 'file', 'auth.verifiers.path': path };
      },
    });
    try {
      const path = join(world.folder, 'userlist.txt');
      const [scram, clear, stale] = [world.role('scram'), world.role('clear'), world.role('stale')];
      for (const role of [scram, clear, stale])
        await world.sql(`CREATE ROLE ${role} LOGIN PASSWORD 'rîght "it" is'`);
      const { rows } = await world.sql(`SELECT rolpassword AS p FROM pg_authid WHERE rolname = '${scram}'`);
      const stored = (rows as { p: string }[])[0]!.p;
      const password = 'rîght "it" is';
      expect(await world.logIn(scram, password)).toContain('28P01');
      writeFileSync(
        path,
        `"${scram}" "${stored}" ""\n\n# a remark\n"${clear}" "rîght ""it"" is"\n"${stale}" "${stored}"\n"none" ""\n`,
      );
      expect(await world.proxy.app.reload()).toEqual([]);
      expect(await world.logIn(scram, password)).toBe('ok');
      expect(await world.logIn(clear, password)).toBe('ok');
      expect(await world.logIn(clear, 'wrong')).toContain('28P01');
      expect(await world.logIn('none', '')).toContain('SASL');
      // The right password, and another salt than the server's: the proxy cannot log in with it.
      expect(await world.logIn(stale, password)).toBe(
        `28P01 password authentication failed for user "${stale}"`,
      );
      copyFileSync(path, `${path}.good`);
      writeFileSync(path, `"${scram}" ${stored}\n`);
      const problems = await world.proxy.app.reload();
      expect(problems).toMatchObject([{ place: { file: path, line: 1 } }]);
      expect(JSON.stringify(problems)).not.toContain(stored);
      expect(await world.logIn(scram, password)).toBe('ok');
      await world.sql(`ALTER ROLE ${clear} VALID UNTIL '2020-01-01'`);
      expect(await world.logIn(clear, password)).toBe(
        `28P01 password authentication failed for user "${clear}"`,
      );
    } finally {
      await world.stop();
    }
  });

  it("a query of the DBA's own, as PgBouncer's; one that answers for another user lets nobody in", async () => {
    for (const [query, expected] of [
      ['SELECT usename, passwd FROM pg_catalog.pg_shadow WHERE usename = $1', 'ok'],
      [`SELECT usename, passwd FROM pg_catalog.pg_shadow WHERE usename = lower($1) AND usename <> 'x'`, 'ok'],
      [`SELECT 'x' AS usename, passwd FROM pg_catalog.pg_shadow WHERE usename = $1`, '08006'],
      ['SELECT usename, passwd FROM pg_catalog.pg_shadow WHERE $1 IS NOT NULL', '08006'],
      ['SELECT passwd AS other FROM pg_catalog.pg_shadow WHERE usename = $1', '08006'],
      ['SELECT no_such FROM pg_catalog.pg_shadow WHERE usename = $1', '08006'],
    ] as const) {
      const world = await startScramWorld(18, {
        flags: (db) => ({ ...queryFlags(db), 'auth.verifiers.query': query }),
      });
      try {
        const user = world.role('asked');
        await world.sql(`CREATE ROLE ${user} LOGIN PASSWORD 'right'`);
        expect((await world.logIn(user, 'right')).slice(0, expected.length)).toBe(expected);
        expect(await world.logIn(user.toUpperCase(), 'right')).toMatch(/^(28P01|08006)/);
      } finally {
        await world.stop();
      }
    }
  });

  it('verifiers that cannot be reached are no wrong password; when they can again, the next log-in works', async () => {
    const down = await startScramWorld(18, {
      flags: (db) => ({ ...queryFlags(db), 'auth.verifiers.url': 'postgres://u:p@127.0.0.1:1/x' }),
    });
    try {
      expect(await down.logIn('crm_admin', 'admin')).toBe(
        '08006 pgveil: the verifiers of passwords cannot be read',
      );
    } finally {
      await down.stop();
    }
    const world = await startScramWorld(18);
    try {
      expect(await world.logIn('crm_admin', 'admin')).toBe('ok');
      await world.sql(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'pgveil verifiers' AND datname = current_database()`,
      );
      expect(await world.logIn('crm_admin', 'admin')).toBe('ok');
    } finally {
      await world.stop();
    }
  });

  it.each<[string, Buffer[], string]>([
    [
      'AuthenticationOk in the middle of SCRAM',
      [
        encodeBackend({ kind: 'authentication', method: 'sasl', mechanisms: ['SCRAM-SHA-256'] }),
        encodeBackend({ kind: 'authentication', method: 'ok' }),
      ],
      '28000 pgveil: the database server has not shown that it knows the password',
    ],
    [
      'ReadyForQuery without a log-in',
      [encodeBackend({ kind: 'ready-for-query', status: 'I' })],
      '08P01 pgveil: the server skipped the log-in',
    ],
    [
      'a request for the password in clear',
      [encodeBackend({ kind: 'authentication', method: 'cleartext-password' })],
      '28000 pgveil: the database server asks for the password in clear, which pgveil does not know',
    ],
    [
      'a request for md5',
      [encodeBackend({ kind: 'authentication', method: 'md5-password', salt: Buffer.alloc(4) })],
      '28000 pgveil: the database server asks for an md5 log-in',
    ],
    [
      'a challenge with a salt of its own',
      [
        encodeBackend({ kind: 'authentication', method: 'sasl', mechanisms: ['SCRAM-SHA-256'] }),
        encodeBackend({
          kind: 'authentication',
          method: 'sasl-continue',
          data: Buffer.from('r=x,s=QUJD,i=1'),
        }),
      ],
      '28000 pgveil: the database server broke the rules of SCRAM',
    ],
  ])('a false server that sends %s gets no proof and no session', async (_, frames, expected) => {
    const heard: Buffer[] = [];
    const server = net.createServer((socket) => {
      socket.on('data', (chunk) => heard.push(chunk)).on('error', () => undefined);
      socket.write(Buffer.concat(frames));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as net.AddressInfo;
    const world = await startScramWorld(18, { proxy: { upstreamPort: port } });
    try {
      expect(await world.logIn('crm_admin', 'admin')).toContain(expected);
      expect(Buffer.concat(heard).toString()).not.toContain('p=');
    } finally {
      await world.stop();
      server.close();
    }
  });
});

async function untilReady(client: RawClient): Promise<string> {
  const all: string[] = [];
  while (all.at(-1) !== 'Z') all.push(describeSeen(await client.next()));
  return all.join(' ');
}

/** The client-final-message of a log-in with this password. */
async function proof(client: RawClient, password: string): Promise<Buffer> {
  await client.authentication();
  const scram = new ScramClient({ kind: 'none' });
  client.sasl('SCRAM-SHA-256', scram.first());
  const challenge = await client.authentication();
  if (challenge.method !== 'sasl-continue') throw new Error('no challenge');
  const first = scram.readServerFirst(challenge.data)!;
  return scram.final(first, await keysOf(Buffer.from(password), first.salt, first.iterations));
}
