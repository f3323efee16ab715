/** SCRAM against the vector of RFC 7677, against pg's own client, and message by message where a client breaks the rules. */
import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';
import { createRequire } from 'node:module';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SaslProblem } from '../../../../src/session/auth/sasl-problem.js';
import { preparedPassword } from '../../../../src/session/auth/saslprep.js';
import { ScramClient } from '../../../../src/session/auth/scram-client.js';
import {
  keysOf,
  parseScramVerifier,
  type ScramKeys,
  type ScramVerifier,
} from '../../../../src/session/auth/scram-keys.js';
import { ScramServer, type ScramServerOptions } from '../../../../src/session/auth/scram-server.js';

const salt = Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64');
const clientNonce = 'rOprNGfwEbeRWgbNEkqO';
const serverNonce = '%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0';
const pencil = await keysOf(Buffer.from('pencil'), salt, 4096);
const verifier: ScramVerifier = { ...pencil, salt, iterations: 4096 };
const endPoint = createHash('sha256').update('a certificate').digest();

function server(options: Partial<ScramServerOptions> = {}, mechanism = 'SCRAM-SHA-256'): ScramServer {
  const made = new ScramServer({ verifier, doomed: false, endPoint: undefined, ...options });
  made.select(mechanism);
  return made;
}

function say(to: ScramServer, message: string): string {
  const result = to.exchange(Buffer.from(message, 'latin1'));
  return result.kind === 'rejected' ? 'rejected' : result.data.toString();
}

/** The problem's SQLSTATE and words. */
function problem(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof SaslProblem)
      return [error.sqlstate, error.message, error.detail].filter((part) => part !== undefined).join(' | ');
    throw error;
  }
  return 'no problem';
}

describe('the vector of RFC 7677', () => {
  const first = `n,,n=user,r=${clientNonce}`;
  const serverFirst = `r=${clientNonce}${serverNonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096`;
  const final = `c=biws,r=${clientNonce}${serverNonce},p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=`;
  const serverFinal = 'v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=';

  it('is what the server answers, and the ClientKey comes out of the proof', () => {
    const scram = server({ nonce: serverNonce });
    expect(say(scram, first)).toBe(serverFirst);
    const result = scram.exchange(Buffer.from(final));
    expect(result).toMatchObject({ kind: 'accepted', clientKey: pencil.clientKey });
    expect(result.kind === 'accepted' && result.data.toString()).toBe(serverFinal);
  });

  it('fails for a doomed exchange with the right proof', () => {
    const scram = server({ nonce: serverNonce, doomed: true });
    say(scram, first);
    expect(say(scram, final)).toBe('rejected');
  });

  it('does not hold for another nonce of the server: a proof cannot be replayed', () => {
    const scram = server();
    say(scram, first);
    expect(problem(() => say(scram, final))).toBe('08P01 | invalid SCRAM response | Nonce does not match.');
  });
});

describe('messages that break the rules', () => {
  it.each([
    ['', '08P01 | malformed SCRAM message | The message is empty.'],
    ['n,,n=,r=a\0b', '08P01 | malformed SCRAM message | Message length does not match input length.'],
    ['x,,n=,r=abc', '08P01 | malformed SCRAM message | Unexpected channel-binding flag "x".'],
    ['\xff,,n=,r=abc', '08P01 | malformed SCRAM message | Unexpected channel-binding flag 0xff.'],
    ['n', '08P01 | malformed SCRAM message | Comma expected, but found character 0x00.'],
    ['n;,n=,r=abc', '08P01 | malformed SCRAM message | Comma expected, but found character ";".'],
    ['n,a=root,n=,r=abc', '0A000 | client uses authorization identity, but it is not supported'],
    ['n,b=,n=,r=abc', '08P01 | malformed SCRAM message | Unexpected attribute "b" in client-first-message.'],
    ['n,,m=x,n=,r=abc', '0A000 | client requires an unsupported SCRAM extension'],
    ['n,,r=abc', '08P01 | malformed SCRAM message | Attribute "n" was expected, but found "r".'],
    ['n,,n', '08P01 | malformed SCRAM message | Expected character "=" for attribute "n".'],
    ['n,,n=', '08P01 | malformed SCRAM message | Attribute "r" was expected, but found 0x00.'],
    ['n,,n=,r=a b', '08P01 | non-printable characters in SCRAM nonce'],
    [
      'n,,n=,r=abc,1=x',
      '08P01 | malformed SCRAM message | Attribute expected, but found invalid character "1".',
    ],
    [
      'p=tls-server-end-point,,n=,r=abc',
      '08P01 | malformed SCRAM message | The client selected SCRAM-SHA-256 without channel binding, but the SCRAM message includes channel binding data.',
    ],
  ])('%j as first message', (message, expected) => {
    expect(problem(() => say(server(), message))).toBe(expected);
  });

  it('a mechanism that was not offered', () => {
    for (const mechanism of ['', 'SCRAM-SHA-1', 'scram-sha-256', 'SCRAM-SHA-256-PLUS', 'PLAIN'])
      expect(problem(() => server({}, mechanism))).toBe(
        '08P01 | client selected an invalid SASL authentication mechanism',
      );
  });

  const nonces = `r=abc${serverNonce}`;
  it.each([
    ['', '08P01 | malformed SCRAM message | The message is empty.'],
    [`c=eSws,${nonces},p=AAAA`, '08P01 | unexpected SCRAM channel-binding attribute in client-final-message'],
    [
      `c=biws,${nonces}`,
      '08P01 | malformed SCRAM message | Attribute expected, but found invalid character 0x00.',
    ],
    [`c=biws,${nonces},p=AAAA`, '08P01 | malformed SCRAM message | Malformed proof in client-final-message.'],
    [`c=biws,${nonces},p=!!`, '08P01 | malformed SCRAM message | Malformed proof in client-final-message.'],
    [
      `c=biws,${nonces},p=${Buffer.alloc(32).toString('base64')},x=1`,
      '08P01 | malformed SCRAM message | Garbage found at the end of client-final-message.',
    ],
    [
      `c=biws,r=abc,p=${Buffer.alloc(32).toString('base64')}`,
      '08P01 | invalid SCRAM response | Nonce does not match.',
    ],
    [`c=biws,${nonces},p=${Buffer.alloc(32).toString('base64')}`, 'no problem'],
    [`${nonces},c=biws`, '08P01 | malformed SCRAM message | Attribute "c" was expected, but found "r".'],
  ])('%j as final message', (message, expected) => {
    const scram = server({ nonce: serverNonce });
    say(scram, 'n,,n=,r=abc');
    expect(problem(() => say(scram, message))).toBe(expected);
  });

  it('any bytes are answered or refused, and never accepted', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.uint8Array({ maxLength: 200 }), (one, two) => {
        const scram = server();
        const results: string[] = [];
        problem(() => {
          results.push(scram.exchange(Buffer.from(one)).kind, scram.exchange(Buffer.from(two)).kind);
        });
        expect(results).not.toContain('accepted');
      }),
      { numRuns: 500 },
    );
  });
});

describe('channel binding', () => {
  const bound = (): ScramServer => server({ endPoint }, 'SCRAM-SHA-256-PLUS');

  it.each([
    [
      'y,,n=,r=abc',
      '28000 | SCRAM channel binding negotiation error | The client supports SCRAM channel binding but thinks the server does not.  However, this server does support channel binding.',
    ],
    ['n,,n=,r=abc', 'no problem'],
  ])('%j without -PLUS over TLS', (message, expected) => {
    expect(problem(() => say(server({ endPoint }), message))).toBe(expected);
  });

  it('"y" without TLS is taken: there was nothing to take away', () => {
    const scram = server({ nonce: serverNonce });
    say(scram, 'y,,n=,r=abc');
    const proof = Buffer.alloc(32).toString('base64');
    expect(say(scram, `c=eSws,r=abc${serverNonce},p=${proof}`)).toBe('rejected');
    const other = server({ nonce: serverNonce });
    say(other, 'y,,n=,r=abc');
    expect(problem(() => say(other, `c=biws,r=abc${serverNonce},p=${proof}`))).toContain('08P01');
  });

  it.each([
    ['n,,n=,r=abc', 'does not include channel binding data'],
    ['y,,n=,r=abc', 'does not include channel binding data'],
    ['p=tls-unique,,n=,r=abc', 'unsupported SCRAM channel-binding type'],
    ['p=,,n=,r=abc', 'unsupported SCRAM channel-binding type'],
  ])('%j with -PLUS', (message, expected) => {
    expect(problem(() => say(bound(), message))).toContain(expected);
  });

  it.each([
    ['another certificate', Buffer.concat([Buffer.from('p=tls-server-end-point,,'), randomBytes(32)])],
    ['no certificate', Buffer.from('p=tls-server-end-point,,')],
    ['another header', Buffer.concat([Buffer.from('n,,'), endPoint])],
  ])('%s in the final message', (_, input) => {
    const scram = server({ endPoint, nonce: serverNonce }, 'SCRAM-SHA-256-PLUS');
    say(scram, 'p=tls-server-end-point,,n=,r=abc');
    const proof = Buffer.alloc(32).toString('base64');
    expect(problem(() => say(scram, `c=${input.toString('base64')},r=abc${serverNonce},p=${proof}`))).toBe(
      '28000 | SCRAM channel binding check failed',
    );
  });

  it('our client and our server agree with and without it', () => {
    for (const binding of [
      { kind: 'bound', endPoint } as const,
      { kind: 'none' } as const,
      { kind: 'not-offered' } as const,
    ]) {
      const isBound = binding.kind === 'bound';
      const scram = isBound ? bound() : server();
      const client = new ScramClient(binding);
      expect(finish(scram, client, pencil)).toBe(true);
    }
  });
});

function finish(scram: ScramServer, client: ScramClient, keys: ScramKeys): boolean {
  const first = scram.exchange(client.first());
  if (first.kind !== 'continue') return false;
  const read = client.readServerFirst(first.data);
  if (read === undefined) return false;
  const last = scram.exchange(client.final(read, keys));
  return last.kind === 'accepted' && client.verify(last.data);
}

describe("the proxy as the server's client", () => {
  it('logs in with the ClientKey that was proven to it, and with no other', async () => {
    const keys = { ...pencil };
    expect(finish(server(), new ScramClient({ kind: 'none' }), keys)).toBe(true);
    const other = await keysOf(Buffer.from('other'), salt, 4096);
    expect(
      finish(server(), new ScramClient({ kind: 'none' }), { ...pencil, clientKey: other.clientKey }),
    ).toBe(false);
  });

  it.each([
    ['a nonce that is not ours', 'r=other,s=QUJD,i=4096'],
    ['a nonce without a part of its own', `r=${clientNonce},s=QUJD,i=4096`],
    ['no salt', `r=${clientNonce}x,s=,i=4096`],
    ['a salt that is no base64', `r=${clientNonce}x,s=A,i=4096`],
    ['no count', `r=${clientNonce}x,s=QUJD`],
    ['count 0', `r=${clientNonce}x,s=QUJD,i=0`],
    ['a count that would keep us busy', `r=${clientNonce}x,s=QUJD,i=999999999`],
    ['a mandatory extension first', `m=x,r=${clientNonce}x,s=QUJD,i=4096`],
    ['nothing', ''],
  ])('refuses %s', (_, message) => {
    expect(
      new ScramClient({ kind: 'none' }, clientNonce).readServerFirst(Buffer.from(message)),
    ).toBeUndefined();
  });

  it('believes no server that cannot sign', () => {
    const client = new ScramClient({ kind: 'none' }, clientNonce);
    const read = client.readServerFirst(Buffer.from(`r=${clientNonce}x,s=QUJD,i=4096`))!;
    for (const message of ['v=', `v=${randomBytes(32).toString('base64')}`, 'e=other-error', ''])
      expect(client.verify(Buffer.from(message))).toBe(false);
    client.final(read, pencil);
    for (const message of ['v=', `v=${randomBytes(32).toString('base64')}`, 'e=other-error', ''])
      expect(client.verify(Buffer.from(message))).toBe(false);
    expect(client.proven).toBe(false);
  });
});

describe('against pg and node', () => {
  interface PgSession {
    readonly response: string;
  }
  const sasl = createRequire(import.meta.url)('pg/lib/crypto/sasl') as {
    startSession(mechanisms: string[]): PgSession;
    continueSession(session: PgSession, password: string, data: string): Promise<void>;
    finalizeSession(session: PgSession, data: string): void;
  };

  it("pg's client logs in with any password, and only with its own", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.string({ minLength: 1, unit: 'grapheme' }),
        fc.integer({ min: 1, max: 50 }),
        fc.boolean(),
        async (password, iterations, right) => {
          const prepared = preparedPassword(Buffer.from(password));
          // pg does not refuse what SASLprep prohibits, so only passwords that both prepare alike can be compared.
          fc.pre(prepared.equals(Buffer.from(password)) && password.normalize('NFKC') === password);
          const keys = await keysOf(prepared, salt, iterations);
          const scram = server({ verifier: { ...keys, salt, iterations } });
          const session = sasl.startSession(['SCRAM-SHA-256']);
          const challenge = say(scram, session.response);
          await sasl.continueSession(session, right ? password : `${password}x`, challenge);
          const last = say(scram, session.response);
          if (right) sasl.finalizeSession(session, last);
          expect(last === 'rejected').toBe(!right);
        },
      ),
      { numRuns: 60 },
    );
  });

  it("the keys are node's PBKDF2 and HMAC, and a verifier of them reads back", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ minLength: 1, maxLength: 40 }),
        fc.uint8Array({ minLength: 1, maxLength: 40 }),
        fc.integer({ min: 1, max: 30 }),
        async (password, anySalt, iterations) => {
          const keys = await keysOf(Buffer.from(password), Buffer.from(anySalt), iterations);
          const salted = pbkdf2Sync(password, anySalt, iterations, 32, 'sha256');
          const clientKey = createHmac('sha256', salted).update('Client Key').digest();
          const storedKey = createHash('sha256').update(clientKey).digest();
          expect(keys).toEqual({
            clientKey,
            storedKey,
            serverKey: createHmac('sha256', salted).update('Server Key').digest(),
          });
          const [s, stored, serverKey] = [Buffer.from(anySalt), storedKey, keys.serverKey].map((one) =>
            one.toString('base64'),
          );
          expect(parseScramVerifier(`SCRAM-SHA-256$${iterations}:${s}$${stored}:${serverKey}`)).toEqual({
            iterations,
            salt: Buffer.from(anySalt),
            storedKey,
            serverKey: keys.serverKey,
          });
        },
      ),
      { numRuns: 50 },
    );
  });

  it.each([
    '',
    'md5',
    'SCRAM-SHA-256$',
    'SCRAM-SHA-256$4096:QUJD$QUJD:QUJD',
    `SCRAM-SHA-256$0:QUJD$${pencil.storedKey.toString('base64')}:${pencil.serverKey.toString('base64')}`,
    `SCRAM-SHA-256$4096:Q UJD$${pencil.storedKey.toString('base64')}:${pencil.serverKey.toString('base64')}`,
    `scram-sha-256$4096:QUJD$${pencil.storedKey.toString('base64')}:${pencil.serverKey.toString('base64')}`,
    `SCRAM-SHA-256$4096:QUJD$${pencil.storedKey.toString('base64')}:${pencil.serverKey.toString('base64')}:x`,
  ])('%j is no verifier', (text) => {
    expect(parseScramVerifier(text)).toBeUndefined();
  });
});
