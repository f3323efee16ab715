/** What a client can learn from a log-in at the proxy, and which servers the proxy believes. */
import { createHash, randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { ClientExchange } from '../../../../src/session/auth/client-exchange.js';
import { wipe } from '../../../../src/session/auth/credentials.js';
import { md5Answer, md5Hash } from '../../../../src/session/auth/md5.js';
import { mockVerifier } from '../../../../src/session/auth/mock-verifier.js';
import {
  cleartextPassword,
  type RoleEntry,
  storedPassword,
} from '../../../../src/session/auth/role-password.js';
import { ScramClient } from '../../../../src/session/auth/scram-client.js';
import { keysOf } from '../../../../src/session/auth/scram-keys.js';
import { ScramServer } from '../../../../src/session/auth/scram-server.js';
import {
  UpstreamExchange,
  type UpstreamSecurity,
  type UpstreamStep,
} from '../../../../src/session/auth/upstream-exchange.js';
import { openFrame } from '../../../../src/wire/codec.js';
import { authentication, type Authentication } from '../../../../src/wire/messages/authentication.js';
import {
  passwordMessage,
  readSaslInitialResponse,
  saslInitialResponse,
} from '../../../../src/wire/messages/password.js';

const secret = randomBytes(32);
const salt = randomBytes(16);
const keys = await keysOf(Buffer.from('right'), salt, 4096);
const scramEntry: RoleEntry = {
  password: { kind: 'scram', verifier: { iterations: 4096, salt, ...keys } },
  validUntil: undefined,
};
const now = 1_000_000;

function exchange(entry: RoleEntry | undefined, user = 'someone'): ClientExchange {
  return new ClientExchange({
    user,
    entry,
    mock: mockVerifier(secret, user, 4096),
    endPoint: undefined,
    now,
  });
}

function read(frame: Buffer): Authentication {
  return authentication.decode(openFrame(frame, 'authentication'));
}

/** The log-in of a client that knows `password`: frames seen, and how it ended. */
async function logIn(client: ClientExchange, password: string): Promise<{ shapes: string[]; end: string }> {
  const shapes: string[] = [read(client.begin()).method];
  const scram = new ScramClient({ kind: 'none' });
  const first = client.answer(
    saslInitialResponse({ mechanism: 'SCRAM-SHA-256', response: scram.first() }).data,
  );
  if (first.kind !== 'send') return { shapes, end: first.kind };
  const challenge = read(first.frame);
  if (challenge.method !== 'sasl-continue') throw new Error('no challenge');
  shapes.push(`${challenge.method} ${challenge.data.length}`);
  const serverFirst = scram.readServerFirst(challenge.data)!;
  const derived = await keysOf(Buffer.from(password), serverFirst.salt, serverFirst.iterations);
  const last = client.answer(scram.final(serverFirst, derived));
  return { shapes, end: last.kind === 'rejected' ? last.reason : last.kind };
}

describe('a client at the proxy', () => {
  it.each<[string, RoleEntry | undefined, string]>([
    ['an unknown user', undefined, 'unknown_user'],
    ['a user without a password', { password: undefined, validUntil: undefined }, 'no_password'],
    ['an expired password', { ...scramEntry, validUntil: now - 1 }, 'expired'],
  ])('%s is shown what a wrong password is shown, even with the right one', async (_, entry, reason) => {
    const wrong = await logIn(exchange(scramEntry), 'wrong');
    const other = await logIn(exchange(entry), 'right');
    expect(other.shapes).toEqual(wrong.shapes);
    expect([wrong.end, other.end]).toEqual(['password', reason]);
  });

  it('a password that is valid until later, or for ever, is taken', async () => {
    expect((await logIn(exchange({ ...scramEntry, validUntil: now }), 'right')).end).toBe('accepted');
    expect((await logIn(exchange({ ...scramEntry, validUntil: Infinity }), 'right')).end).toBe('accepted');
    expect((await logIn(exchange({ ...scramEntry, validUntil: -Infinity }), 'right')).end).toBe('expired');
  });

  it('an unknown user has one salt in all workers, and another user another', () => {
    const saltOf = (user: string): string => mockVerifier(secret, user, 4096).salt.toString('hex');
    expect(saltOf('a')).toBe(saltOf('a'));
    expect(saltOf('a')).not.toBe(saltOf('b'));
    expect(mockVerifier(randomBytes(32), 'a', 4096).salt.toString('hex')).not.toBe(saltOf('a'));
  });

  it('a client without an initial response is asked again, as by the server', () => {
    const client = exchange(scramEntry);
    client.begin();
    const asked = client.answer(saslInitialResponse({ mechanism: 'SCRAM-SHA-256', response: null }).data);
    expect(asked.kind === 'send' && read(asked.frame)).toMatchObject({ method: 'sasl-continue' });
    const next = client.answer(new ScramClient({ kind: 'none' }).first());
    expect(next.kind).toBe('send');
  });

  it('md5 verifiers are asked for md5, with a salt of its own each time', () => {
    const entry: RoleEntry = {
      password: storedPassword(`md5${md5Hash('someone', Buffer.from('right'))}`),
      validUntil: undefined,
    };
    const client = exchange(entry);
    const request = read(client.begin());
    if (request.method !== 'md5-password') throw new Error('not asked for md5');
    const answer = (password: string): Buffer =>
      passwordMessage(md5Answer(md5Hash('someone', Buffer.from(password)), request.salt)).data;
    expect(client.answer(answer('wrong'))).toEqual({ kind: 'rejected', reason: 'password' });
    expect(client.answer(answer('right'))).toMatchObject({ kind: 'accepted', frame: undefined });
    const other = exchange(entry);
    other.begin();
    expect(other.answer(answer('right'))).toEqual({ kind: 'rejected', reason: 'password' });
    expect(() => exchange(entry).answer(passwordMessage(Buffer.alloc(0)).data)).toThrow('empty password');
    expect(() => exchange(entry).answer(Buffer.from('md5'))).toThrow('without terminator');
    expect(() => exchange(entry).answer(Buffer.from('md5\0x'))).toThrow('trailing bytes');
  });

  it('credentials hold nothing when they are wiped', () => {
    const clientKey = Buffer.from(keys.clientKey);
    wipe({ user: 'someone', password: scramEntry.password!, clientKey });
    expect(clientKey.every((byte) => byte === 0)).toBe(true);
  });
});

const plain = { encrypted: false, verified: false, endPoint: undefined };
/** As `require`, over a certificate that has no hash (Ed25519). */
const encrypted = { ...plain, encrypted: true };
const verified = { ...encrypted, verified: true };
const kind = 'authentication';
const sasl = (...mechanisms: string[]): Authentication => ({ kind, method: 'sasl', mechanisms });
const ok: Authentication = { kind, method: 'ok' };

function upstream(password = scramEntry.password!, security: UpstreamSecurity = plain): UpstreamExchange {
  return new UpstreamExchange(
    { user: 'someone', password, clientKey: Buffer.from(keys.clientKey) },
    () => security,
  );
}

/** Runs SCRAM against a real server side. */
async function scramWith(
  proxy: UpstreamExchange,
  server: ScramServer,
  mechanism: string,
): Promise<UpstreamStep> {
  const first = await proxy.answer(sasl(mechanism, 'SCRAM-SHA-256'));
  if (first.kind !== 'send') return first;
  const initial = readSaslInitialResponse(first.message);
  server.select(initial.mechanism);
  const challenge = server.exchange(initial.response!);
  if (challenge.kind !== 'continue') throw new Error('no challenge');
  const final = await proxy.answer({ kind, method: 'sasl-continue', data: challenge.data });
  if (final.kind !== 'send') return final;
  const last = server.exchange(final.message.data);
  if (last.kind !== 'accepted') throw new Error('the server refused');
  return proxy.answer({ kind, method: 'sasl-final', data: last.data });
}

const inClear = await cleartextPassword(Buffer.from('right'), salt);

describe('the proxy at the server', () => {
  const verifier = { iterations: 4096, salt, ...keys };

  it('proves the ClientKey, sees the server proven, and only then believes its AuthenticationOk', async () => {
    const proxy = upstream();
    const server = new ScramServer({ verifier, doomed: false, endPoint: undefined });
    expect(await scramWith(proxy, server, 'SCRAM-SHA-256')).toEqual({ kind: 'wait' });
    expect(await proxy.answer(ok)).toEqual({ kind: 'done' });
    expect(await proxy.answer(ok)).toMatchObject({ kind: 'refused' });
  });

  it('binds to the channel where the server offers it', async () => {
    const endPoint = createHash('sha256').update('certificate').digest();
    const proxy = upstream(undefined, { ...encrypted, endPoint });
    const server = new ScramServer({ verifier, doomed: false, endPoint });
    expect(await scramWith(proxy, server, 'SCRAM-SHA-256-PLUS')).toEqual({ kind: 'wait' });
  });

  it('trust is believed at once; SCRAM that is begun must be ended', async () => {
    expect(await upstream().answer(ok)).toEqual({ kind: 'done' });
    const begun = upstream();
    await begun.answer(sasl('SCRAM-SHA-256'));
    expect(await begun.answer(ok)).toMatchObject({
      kind: 'refused',
      why: 'the database server has not shown that it knows the password',
    });
  });

  it('does not send a proof where the verifier is another', async () => {
    const proxy = upstream();
    const server = new ScramServer({
      verifier: { ...verifier, salt: randomBytes(16) },
      doomed: false,
      endPoint: undefined,
    });
    expect(await scramWith(proxy, server, 'SCRAM-SHA-256')).toEqual({ kind: 'other-verifier' });
  });

  it('knows the password in clear where a file says it, and then answers any salt', async () => {
    const proxy = upstream(await cleartextPassword(Buffer.from('right'), randomBytes(16)));
    const server = new ScramServer({ verifier, doomed: false, endPoint: undefined });
    expect(await scramWith(proxy, server, 'SCRAM-SHA-256')).toEqual({ kind: 'wait' });
  });

  it.each<[string, Authentication[], Parameters<typeof upstream>]>([
    ['-PLUS without TLS', [sasl('SCRAM-SHA-256-PLUS', 'SCRAM-SHA-256')], []],
    ['an unknown mechanism', [sasl('SCRAM-SHA-512')], []],
    ['md5 for a SCRAM verifier', [{ kind, method: 'md5-password', salt: Buffer.alloc(4) }], []],
    ['the password in clear', [{ kind, method: 'cleartext-password' }], []],
    ['the password in clear without TLS', [{ kind, method: 'cleartext-password' }], [inClear]],
    ['the password in clear to anybody', [{ kind, method: 'cleartext-password' }], [inClear, encrypted]],
    [
      '-PLUS with a certificate that nothing can be bound to, which anybody could show',
      [sasl('SCRAM-SHA-256-PLUS', 'SCRAM-SHA-256')],
      [undefined, encrypted],
    ],
    ['-PLUS alone with such a certificate', [sasl('SCRAM-SHA-256-PLUS')], [undefined, verified]],
    ['SCRAM for an md5 verifier', [sasl('SCRAM-SHA-256')], [storedPassword(`md5${'0'.repeat(32)}`)]],
    ['GSS', [{ kind, method: 'gss' }], []],
    ['SCRAM twice', [sasl('SCRAM-SHA-256'), sasl('SCRAM-SHA-256')], []],
    ['a challenge without a request', [{ kind, method: 'sasl-continue', data: Buffer.alloc(0) }], []],
    ['an end without a beginning', [{ kind, method: 'sasl-final', data: Buffer.from('v=AAAA') }], []],
    [
      'a challenge that is none',
      [sasl('SCRAM-SHA-256'), { kind, method: 'sasl-continue', data: Buffer.from('r=x') }],
      [],
    ],
  ])('refuses %s', async (_, messages, [password, security]) => {
    const proxy = upstream(password, security);
    let step: UpstreamStep = { kind: 'wait' };
    for (const message of messages) step = await proxy.answer(message);
    expect(step.kind).toBe('refused');
  });

  it('does without channel binding where the certificate allows none, and was verified', async () => {
    const proxy = upstream(undefined, verified);
    const server = new ScramServer({ verifier, doomed: false, endPoint: undefined });
    expect(await scramWith(proxy, server, 'SCRAM-SHA-256-PLUS')).toEqual({ kind: 'wait' });
  });

  it('answers md5, and cleartext to the server that was meant, where the verifier allows it', async () => {
    const md5 = upstream(storedPassword(`md5${md5Hash('someone', Buffer.from('right'))}`));
    const asked: Authentication = { kind, method: 'md5-password', salt: Buffer.from([1, 2, 3, 4]) };
    expect(await md5.answer(asked)).toMatchObject({ kind: 'send' });
    expect(await md5.answer(ok)).toEqual({ kind: 'done' });
    const clear = upstream(await cleartextPassword(Buffer.from('right'), salt), verified);
    expect(await clear.answer({ kind, method: 'cleartext-password' })).toEqual({
      kind: 'send',
      message: passwordMessage(Buffer.from('right')),
    });
  });
});
