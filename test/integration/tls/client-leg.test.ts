/** TLS toward clients: what libpq and raw clients can and cannot do in each mode. */
import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startPostgres, type PostgresServer } from '../../../src/cli/launch/postgres.js';
import { encodeStartupPacket } from '../../../src/wire/startup.js';
import { type Certificates, makeCertificates } from '../../support/certificates.js';
import type { Proxy } from '../session/support.js';
import { asked, directTls, gssencRequest, psql, readAll, sslRequest, startTlsProxy } from './support.js';

let certificates: Certificates;
let server: PostgresServer;
const open = {} as Record<'plain' | 'prefer' | 'require' | 'verify', Proxy>;

const startup = encodeStartupPacket({
  kind: 'startup',
  protocol: { major: 3, minor: 0 },
  parameters: [
    ['user', 'postgres'],
    ['database', 'postgres'],
  ],
});

beforeAll(async () => {
  certificates = await makeCertificates();
  server = await startPostgres({ version: 18 });
  const { server: certificate, ca } = certificates;
  open.plain = await startTlsProxy(server, {});
  open.prefer = await startTlsProxy(server, { client: { certificate } });
  open.require = await startTlsProxy(server, {
    client: { certificate, mode: 'require', ca: ca.files },
    limits: { startupTimeoutMs: 700 },
  });
  open.verify = await startTlsProxy(server, { client: { certificate, mode: 'verify-client', ca: ca.files } });
});

afterAll(async () => {
  await Promise.all(Object.values(open).map((proxy) => proxy.stop()));
  await server.stop();
  certificates.remove();
});

describe('libpq', () => {
  const verified = (): string => `sslmode=verify-full sslrootcert=${certificates.ca.files.cert}`;
  test.each([
    ['prefer', 'sslmode=disable', '1'],
    ['prefer', 'sslmode=allow', '1'],
    ['prefer', 'sslmode=prefer', '1'],
    ['prefer', 'sslmode=require', '1'],
    ['prefer', 'verified', '1'],
    ['require', 'sslmode=disable', 'FATAL:  pgveil: this listener takes encrypted connections only'],
    // libpq tries again with TLS by itself.
    ['require', 'sslmode=allow', '1'],
    ['require', 'verified', '1'],
    ['plain', 'sslmode=prefer', '1'],
    ['plain', 'sslmode=require', 'server does not support SSL, but SSL was required'],
    ['verify', 'sslmode=require', 'FATAL:  pgveil: connection requires a valid client certificate'],
    ['verify', 'sslmode=disable', 'FATAL:  pgveil: this listener takes encrypted connections only'],
  ] as const)('in mode %s, with %s', async (mode, conninfo, expected) => {
    const info = conninfo === 'verified' ? verified() : conninfo;
    const said = await psql(open[mode].port, `user=postgres dbname=postgres ${info}`);
    if (expected === '1') expect(said).toBe('1');
    else expect(said).toContain(expected);
  });

  test('refuses our certificate when another authority has signed it, and the handshake is a failed log-in', async () => {
    const proxy = open.prefer;
    const info = `sslmode=verify-ca sslrootcert=${certificates.wrongCa.files.cert}`;
    expect(await psql(proxy.port, `user=postgres dbname=postgres ${info}`)).toContain(
      'certificate verify failed',
    );
    await expect.poll(() => proxy.authFailures).toContain('tls_handshake');
    expect(proxy.audit.events).toContainEqual(
      expect.objectContaining({
        kind: 'login-failed',
        reason: expect.stringMatching(/^TLS: ERR_SSL_/) as string,
      }),
    );
  });

  test('refuses an expired certificate', async () => {
    const proxy = await startTlsProxy(server, { client: { certificate: certificates.expiredServer } });
    expect(await psql(proxy.port, `user=postgres dbname=postgres ${verified()}`)).toContain(
      'certificate verify failed',
    );
    await proxy.stop();
  });

  test('opens a session that knows its encryption', async () => {
    const { audit, port } = open.prefer;
    await psql(port, `user=postgres dbname=postgres sslmode=require`);
    const event = audit.events.filter(({ kind }) => kind === 'session-open').at(-1);
    expect(event).toMatchObject({ session: { encryption: { client: 'TLSv1.3', upstream: undefined } } });
  });
});

describe('client certificates', () => {
  test('of the authority are taken, and their names are known', async () => {
    const { cert, key, fingerprint } = await certificates.client('crm_support');
    const { port, audit } = open.verify;
    const who = 'user=postgres dbname=postgres sslmode=require';
    expect(await psql(port, `${who} sslcert=${cert} sslkey=${key}`)).toBe('1');
    expect(audit.events.findLast(({ kind }) => kind === 'session-open')).toMatchObject({
      session: { encryption: { certificate: fingerprint.replaceAll(':', '').toLowerCase() } },
    });
  });

  test.each(['require', 'verify'] as const)(
    'that are not valid are refused in mode %s, wanted or not',
    async (mode) => {
      const { port } = open[mode];
      const forged = await certificates.wrongCa.issue({ commonName: 'crm_admin' });
      const expired = await certificates.ca.issue({ commonName: 'crm_admin', expired: true });
      const twoFaced = await certificates.ca.issue({ subject: [{ CN: ['crm_admin\0.example.com'] }] });
      const who = 'user=postgres dbname=postgres sslmode=require';
      const said = async ({ cert, key }: { cert: string; key: string }): Promise<string> =>
        psql(port, `${who} sslcert=${cert} sslkey=${key}`);
      expect(await said(forged)).toMatch(/client certificate is not valid \(\w+\)/);
      expect(await said(expired)).toContain('client certificate is not valid (CERT_HAS_EXPIRED)');
      expect(await said(twoFaced)).toContain(
        'client certificate is not valid (its subject holds a zero byte)',
      );
    },
  );

  test('are asked for again with a name of their own, by the same authority (SNI)', async () => {
    const other = await certificates.ca.issue({ names: ['db.example.com'] });
    const { server: certificate, ca } = certificates;
    const proxy = await startTlsProxy(server, {
      client: { certificate, mode: 'verify-client', ca: ca.files, byName: { 'db.example.com': other } },
    });
    const forged = await certificates.wrongCa.issue({ commonName: 'crm_admin' });
    const socket = await directTls(proxy.port, {
      servername: 'db.example.com',
      ca: ca.files.certPem,
      cert: forged.certPem,
      key: forged.keyPem,
    });
    socket.write(startup);
    expect((await readAll(socket)).toString()).toContain('client certificate is not valid');
    await proxy.stop();
  });
});

describe('server names (SNI)', () => {
  test('choose the certificate; without one, and for others, the main one is shown', async () => {
    const one = await certificates.ca.issue({ names: ['db.example.com'] });
    const many = await certificates.ca.issue({ names: ['*.example.net'] });
    const proxy = await startTlsProxy(server, {
      client: { certificate: certificates.server, byName: { 'db.example.com': one, '*.example.net': many } },
    });
    const shown = async (servername?: string): Promise<string> => {
      const socket = await directTls(proxy.port, {
        rejectUnauthorized: false,
        ...(servername === undefined ? {} : { servername }),
      });
      const { fingerprint256 } = socket.getPeerCertificate();
      socket.destroy();
      return fingerprint256;
    };
    expect(await shown('DB.example.com')).toBe(one.fingerprint);
    expect(await shown('a.example.net')).toBe(many.fingerprint);
    expect(await shown('a.b.example.net')).toBe(certificates.server.fingerprint);
    expect(await shown('example.net')).toBe(certificates.server.fingerprint);
    expect(await shown('localhost')).toBe(certificates.server.fingerprint);
    expect(await shown()).toBe(certificates.server.fingerprint);
    await proxy.stop();
  });
});

describe('the start of a connection', () => {
  test.each([
    [
      'direct TLS',
      () => directTls(open.require.port, { ca: certificates.ca.files.certPem, servername: 'localhost' }),
    ],
    ['SSLRequest', () => asked(open.require.port)],
    ['GSSENCRequest, then SSLRequest', () => asked(open.require.port, {}, [gssencRequest])],
    ['SSLRequest with ALPN', () => asked(open.require.port, { ALPNProtocols: ['postgresql'] })],
  ])('%s leads to a log-in', async (_name, connect) => {
    const socket = await connect();
    socket.write(startup);
    const [answer] = (await once(socket, 'data')) as [Buffer];
    // An Authentication request: the StartupMessage was heard.
    expect(answer[0]).toBe('R'.charCodeAt(0));
    socket.destroy();
  });

  test('direct TLS without ALPN ends without a word, since another protocol may have been meant', async () => {
    const socket = await directTls(open.prefer.port, { rejectUnauthorized: false, ALPNProtocols: [] });
    socket.write(startup);
    expect(await readAll(socket)).toEqual(Buffer.alloc(0));
  });

  test.each([
    ['direct', () => directTls(open.prefer.port, { rejectUnauthorized: false, ALPNProtocols: ['http/1.1'] })],
    ['after SSLRequest', () => asked(open.prefer.port, { ALPNProtocols: ['http/1.1'] })],
  ])('another protocol in ALPN fails the handshake, %s', async (_name, connect) => {
    await expect(connect()).rejects.toThrow(/no application protocol/);
  });

  test.each([
    ['TLSv1', 'TLSv1'],
    ['TLSv1.1', 'TLSv1.1'],
  ] as const)('%s is refused', async (minVersion, maxVersion) => {
    const old = { minVersion, maxVersion, ciphers: 'ALL@SECLEVEL=0', rejectUnauthorized: false };
    await expect(directTls(open.prefer.port, old)).rejects.toThrow(/protocol version/);
  });

  test.each(['TLSv1.2', 'TLSv1.3'] as const)(
    '%s sessions are not resumed, nor renegotiated',
    async (version) => {
      const options = { rejectUnauthorized: false, minVersion: version, maxVersion: version };
      const first = await directTls(open.prefer.port, options);
      const session = first.getSession();
      first.write(startup);
      await once(first, 'data');
      const tickets = first.getTLSTicket();
      if (version === 'TLSv1.2') {
        expect(tickets).toBeUndefined();
        const failure = await new Promise<Error | null>((resolve) => {
          first.on('error', resolve);
          first.renegotiate({ rejectUnauthorized: false }, resolve);
        });
        expect(String(failure)).toMatch(/renegotiation/i);
      }
      first.destroy();
      const second = await directTls(open.prefer.port, { ...options, session });
      expect(second.isSessionReused()).toBe(false);
      second.destroy();
    },
  );

  test('bytes behind an SSLRequest are fatal before the handshake (CVE-2021-23214)', async () => {
    const socket = net.connect(open.prefer.port, '127.0.0.1');
    socket.write(Buffer.concat([sslRequest, startup]));
    const answer = (await readAll(socket)).toString();
    expect(answer).not.toMatch(/^S/);
    expect(answer).toContain('received data after an encryption request');
  });

  test('a StartupMessage slipped in behind the answer breaks the handshake and is never read', async () => {
    const socket = net.connect(open.prefer.port, '127.0.0.1');
    socket.write(sslRequest);
    await once(socket, 'data');
    socket.write(startup);
    expect((await readAll(socket)).toString()).not.toContain('SCRAM');
  });

  test.each([
    ['SSLRequest', sslRequest],
    ['GSSENCRequest', gssencRequest],
  ])('a second %s, inside TLS, is refused', async (_name, request) => {
    const socket = await asked(open.prefer.port);
    socket.write(request);
    expect((await readAll(socket)).toString()).toMatch(/08P01.*encryption request/s);
  });

  test('TLS that comes after a GSSENCRequest without being asked for is refused', async () => {
    const socket = net.connect(open.prefer.port, '127.0.0.1');
    socket.write(gssencRequest);
    await once(socket, 'data');
    await expect(
      new Promise((_resolve, reject) => {
        const inside = tls.connect({ socket, rejectUnauthorized: false, ALPNProtocols: ['postgresql'] });
        inside.on('error', reject);
        inside.on('close', () => reject(new Error('closed')));
      }),
    ).rejects.toThrow();
  });

  test.each([
    ['in the middle of a record', Buffer.from([0x16, 3, 1, 2, 0, 1])],
    ['at its first byte', Buffer.from([0x16])],
  ])('a handshake that stops %s is given up in time, without a word in the clear', async (_name, bytes) => {
    const { port, authFailures } = open.require;
    const before = authFailures.length;
    const socket = net.connect(port, '127.0.0.1');
    socket.write(bytes);
    expect(await readAll(socket)).toEqual(Buffer.alloc(0));
    await expect.poll(() => authFailures.slice(before)).toEqual(['tls_handshake']);
  });

  test('rubbish instead of a handshake is a failed log-in, not a bug', async () => {
    const { port, authFailures, audit } = open.prefer;
    const before = authFailures.length;
    const socket = net.connect(port, '127.0.0.1');
    socket.write(Buffer.concat([Buffer.from([0x16, 3, 1, 0, 5]), Buffer.from('rubbish, and more of it')]));
    await readAll(socket);
    await expect.poll(() => authFailures.slice(before)).toEqual(['tls_handshake']);
    expect(JSON.stringify(audit.events)).not.toContain('rubbish');
  });

  test('a cancel request is heard in the clear and inside of TLS, in every mode', async () => {
    const cancel = encodeStartupPacket({
      kind: 'cancel-request',
      processId: 1,
      secretKey: Buffer.alloc(4, 1),
    });
    const clear = net.connect(open.verify.port, '127.0.0.1');
    clear.write(cancel);
    expect(await readAll(clear)).toEqual(Buffer.alloc(0));
    const inside = await asked(open.verify.port);
    inside.write(cancel);
    expect(await readAll(inside)).toEqual(Buffer.alloc(0));
  });
});
