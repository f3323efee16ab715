/** Caps on connections and on handshakes: what a crowd of clients, or one client that dawdles, may take from others. */
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createDatabase, passwords, type TestDatabase, type TestRole } from '../../support/databases.js';
import type { SessionLimits } from '../../../src/session/ports.js';
import * as s from './support.js';

let db: TestDatabase;
let proxy: s.Proxy;
beforeAll(async () => {
  db = await createDatabase(18, { fixture: 'fixtures/crm.sql' });
});
afterEach(() => proxy.stop());
afterAll(() => db.drop());

async function start(limits: Partial<SessionLimits>): Promise<void> {
  proxy = await s.startProxy(db, { limits });
}
const login = (user: TestRole): Promise<s.RawClient> =>
  s.RawClient.login(proxy, { user, database: db.name }, passwords[user]);

async function until(what: string, holds: () => boolean): Promise<void> {
  for (let tries = 0; !holds(); tries++) {
    if (tries > 200) throw new Error(`${what} did not happen`);
    await sleep(20);
  }
}

/** The error that a log-in ends with, as a driver shows it. */
async function refusal(user: TestRole): Promise<string> {
  const client = new pg.Client({
    host: proxy.host,
    port: proxy.port,
    user,
    password: passwords[user],
    database: db.name,
  });
  client.on('error', () => undefined);
  const error: unknown = await client.connect().then(
    () => client.end().then(() => undefined),
    (cause: unknown) => cause,
  );
  return error instanceof pg.DatabaseError ? `${error.code} ${error.message}` : String(error);
}

describe('caps on connections', () => {
  test("per user: counted after the log-in, told in the server's words, freed at the end", async () => {
    await start({ connectionsPerUser: 2 });
    const [first] = [await login('crm_support'), await login('crm_support')];
    expect(await refusal('crm_support')).toBe('53300 pgveil: too many connections for role "crm_support"');
    (await login('crm_admin')).close();
    first.close();
    await until('the end of a session', () => proxy.connections < 3);
    (await login('crm_support')).close();
    expect(proxy.audit.events.filter((event) => event.kind === 'login-failed')).toMatchObject([
      { user: 'crm_support', sqlstate: '53300' },
    ]);
  });

  test('per user: whoever only names a user takes none of its places', async () => {
    await start({ connectionsPerUser: 1 });
    const pretenders = await Promise.all([1, 2, 3].map(() => s.RawClient.open(proxy)));
    for (const one of pretenders) one.startup({ user: 'crm_support', database: db.name });
    await Promise.all(pretenders.map((one) => one.until('authentication')));
    (await login('crm_support')).close();
    for (const one of pretenders) one.close();
  });

  test('per address: counted before the server is asked anything', async () => {
    await start({ connectionsPerAddress: 1 });
    const first = await login('crm_support');
    expect(await refusal('crm_admin')).toBe('53300 pgveil: too many connections from this address');
    first.close();
    await until('the end of the session', () => proxy.connections === 0);
    (await login('crm_admin')).close();
  });

  test('in all: exactly as many as configured when many come at once', async () => {
    await start({ connections: 5 });
    const outcomes = await Promise.allSettled(Array.from({ length: 12 }, () => login('crm_support')));
    expect(outcomes.filter((one) => one.status === 'rejected')).toHaveLength(7);
    expect(await refusal('crm_admin')).toBe('53300 pgveil: sorry, too many clients already');
  });

  test('a refused log-in leaves no place behind', async () => {
    await start({ connections: 2, connectionsPerUser: 2, connectionsPerAddress: 2 });
    for (let round = 0; round < 6; round++) {
      const wrong = s.RawClient.login(proxy, { user: 'crm_support', database: db.name }, 'wrong');
      await expect(wrong).rejects.toThrow();
      await until('its end', () => proxy.connections === 0);
    }
    (await login('crm_support')).close();
  });
});

describe('handshakes', () => {
  test('silent connections are bounded: the oldest give way, without a word, and nobody is kept out', async () => {
    await start({ connections: 1, handshakes: 50, startupTimeoutMs: 600 });
    const silent: s.RawClient[] = [];
    for (let n = 0; n < 80; n++) silent.push(await s.RawClient.open(proxy));
    await until('the oldest to go', () => silent.filter((one) => one.closed).length === 30);
    expect(silent.slice(0, 30).every((one) => one.closed)).toBe(true);
    expect(proxy.connections).toBe(50);
    // The place of one more is the oldest one's, and silent ones hold none of limits.connections.
    const client = await login('crm_support');
    await Promise.all(silent.map((one) => one.untilClosed()));
    expect(silent.slice(31).every((one) => s.transcript(one.messages).join() === 'error 08006')).toBe(true);
    client.close();
  });

  test('a startup packet byte by byte ends at the time-out, however steadily it comes', async () => {
    await start({ startupTimeoutMs: 300 });
    const slow = await s.RawClient.open(proxy);
    const packet = Buffer.concat([Buffer.from([0, 0, 0, 200, 0, 3, 0, 0]), Buffer.alloc(192, 'u')]);
    const began = performance.now();
    for (const byte of packet) {
      if (slow.closed) break;
      slow.socket.write(Buffer.from([byte]));
      await sleep(10);
    }
    expect(s.transcript(await slow.untilClosed())).toEqual(['error 08006']);
    expect(performance.now() - began).toBeLessThan(2000);
  });

  test('a log-in whose password comes byte by byte ends at the time-out', async () => {
    await start({ authTimeoutMs: 400 });
    const slow = await s.RawClient.open(proxy);
    slow.startup({ user: 'crm_support', database: db.name });
    await slow.until('authentication');
    slow.socket.write(Buffer.from('p\0\0\x01\0', 'latin1'));
    for (let n = 0; n < 200 && !slow.closed; n++) {
      slow.socket.write('x');
      await sleep(10);
    }
    expect(s.transcript(await slow.untilClosed()).at(-1)).toBe('error 08006');
  });

  test('a statement byte by byte holds its memory no longer than a silent half one', async () => {
    await start({ stalledMessageMs: 200 });
    const slow = await login('crm_support');
    slow.socket.write(Buffer.from('Q\0\0\x40\0SELECT', 'latin1'));
    for (let n = 0; n < 200 && !slow.closed; n++) {
      slow.socket.write(' ');
      await sleep(10);
    }
    expect(s.transcript(await slow.untilClosed()).at(-1)).toBe('error 08P01');
  });
});
