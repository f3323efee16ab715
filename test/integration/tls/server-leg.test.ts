/** TLS toward the database server: libpq's sslmode words, and servers that mean no good. */
import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startPostgres, type PostgresServer } from '../../../src/cli/launch/postgres.js';
import type { UpstreamTlsMaterial } from '../../../src/session/tls/client-handshake.js';
import { encodeBackend } from '../../../src/wire/backend-message.js';
import { encodeErrorResponse } from '../../../src/wire/messages/error-response.js';
import { encodeStartupPacket } from '../../../src/wire/startup.js';
import { type CertificateFiles, type Certificates, makeCertificates } from '../../support/certificates.js';
import { pair, psql, readAll, sslRequest, startTlsProxy } from './support.js';

let certificates: Certificates;
/** `both` takes everything, but role tls_only with TLS alone, and role plain_only without. */
const servers = {} as Record<'both' | 'plain' | 'expired' | 'wrong', PostgresServer>;

beforeAll(async () => {
  certificates = await makeCertificates();
  const { server, ca, expiredServer, wrongServer } = certificates;
  const start = (files: CertificateFiles, hba: readonly string[] = []): Promise<PostgresServer> =>
    startPostgres({ version: 18, auth: 'trust', tls: { ...files, ca: ca.files.cert }, hba });
  const both = [
    'hostnossl all tls_only all reject',
    'hostssl all plain_only all reject',
    'hostssl all cert_role all cert',
  ];
  [servers.both, servers.plain, servers.expired, servers.wrong] = await Promise.all([
    start(server, both),
    startPostgres({ version: 15, auth: 'trust' }),
    start(expiredServer),
    start(wrongServer),
  ]);
  const roles = ['tls_only', 'plain_only', 'cert_role'].map((role) => `CREATE ROLE ${role} LOGIN`).join(';');
  await psql(servers.both.port, 'user=postgres dbname=postgres', roles);
});

afterAll(async () => {
  await Promise.all(Object.values(servers).map((server) => server.stop()));
  certificates.remove();
});

const isEncrypted = 'SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()';

/** `t` or `f` for an encrypted server leg, or the error. */
async function through(
  server: { port: number },
  material: Partial<UpstreamTlsMaterial>,
  user = 'postgres',
): Promise<string> {
  const proxy = await startTlsProxy(
    { host: '127.0.0.1', port: server.port },
    { server: material, matchSession: () => exempt },
  );
  const said = await psql(proxy.port, `user=${user} dbname=postgres sslmode=disable`, isEncrypted);
  const encryption = proxy.audit.events.find(({ kind }) => kind === 'session-open');
  if (encryption?.kind === 'session-open')
    expect(encryption.session.encryption?.upstream).toBe(said === 't' ? 'TLSv1.3' : undefined);
  await proxy.stop();
  return said;
}

const exempt = {
  place: { file: 'test', line: 1, column: 1 },
  exempt: true,
  audit: 'statements',
  role: undefined,
  purpose: undefined,
} as const;

const noEncryption = /FATAL: {2}pgveil: no encrypted connection to the database server could be made/;

describe('sslmode', () => {
  const trusted = (): string => certificates.ca.files.certPem;
  const stranger = (): string => certificates.wrongCa.files.certPem;
  test.each<
    [UpstreamTlsMaterial['mode'], keyof typeof servers, 'trusted' | 'stranger' | undefined, string | RegExp]
  >([
    ['disable', 'both', undefined, 'f'],
    ['allow', 'both', undefined, 'f'],
    ['prefer', 'both', undefined, 't'],
    ['require', 'both', undefined, 't'],
    ['verify-ca', 'both', 'trusted', 't'],
    ['verify-full', 'both', 'trusted', 't'],
    ['prefer', 'plain', undefined, 'f'],
    ['allow', 'plain', undefined, 'f'],
    ['require', 'plain', undefined, noEncryption],
    ['verify-full', 'plain', 'trusted', noEncryption],
    // With an authority libpq verifies in every mode (manual, 34.19.1), and prefer goes on without TLS then.
    ['prefer', 'wrong', 'trusted', 'f'],
    ['require', 'wrong', 'trusted', noEncryption],
    ['require', 'wrong', undefined, 't'],
    ['verify-ca', 'wrong', 'trusted', noEncryption],
    ['verify-ca', 'both', 'stranger', noEncryption],
    ['verify-full', 'expired', 'trusted', noEncryption],
    ['require', 'expired', undefined, 't'],
  ])('%s to the server "%s" with the authority %s', async (mode, server, authority, expected) => {
    const ca = authority === undefined ? undefined : authority === 'trusted' ? trusted() : stranger();
    const said = await through(servers[server], { mode, ca });
    if (typeof expected === 'string') expect(said).toBe(expected);
    else expect(said).toMatch(expected);
  });

  test.each([
    ['allow', 'tls_only', 't'],
    ['prefer', 'plain_only', 'f'],
    ['allow', 'plain_only', 'f'],
    ['require', 'plain_only', 'pg_hba.conf rejects'],
    ['disable', 'tls_only', 'pg_hba.conf rejects'],
  ] as const)(
    '%s as %s goes the other way when pg_hba.conf rejects the first',
    async (mode, user, expected) => {
      expect(await through(servers.both, { mode }, user)).toContain(expected);
    },
  );

  test('both ways refused: the second error is told', async () => {
    expect(await through(servers.both, { mode: 'prefer' }, 'nobody')).toContain(
      'role "nobody" does not exist',
    );
  });

  test.each([
    ['localhost', 't'],
    ['127.0.0.1', 't'],
    ['::1', noEncryption],
    ['other.example.com', noEncryption],
  ])('verify-full knows the server by the name %s', async (host, expected) => {
    const said = await through(servers.both, { mode: 'verify-full', ca: trusted(), host });
    if (typeof expected === 'string') expect(said).toBe(expected);
    else expect(said).toMatch(expected);
  });

  test('direct negotiation, and the server that does not know it', async () => {
    expect(await through(servers.both, { mode: 'require', direct: true })).toBe('t');
    expect(await through(servers.plain, { mode: 'require', direct: true })).toMatch(noEncryption);
  });

  test('a client certificate of ours proves the role', async () => {
    const client = pair(await certificates.client('cert_role'));
    expect(await through(servers.both, { mode: 'require', client }, 'cert_role')).toBe('t');
    expect(await through(servers.both, { mode: 'require' }, 'cert_role')).toContain(
      'valid client certificate',
    );
  });
});

describe('a hostile server', () => {
  /** Accepts, answers the first bytes of each connection with `answer`, and keeps all that it hears. */
  async function hostile(
    answer: Buffer | undefined,
    mode: UpstreamTlsMaterial['mode'],
  ): Promise<{ said: string; heard: string[] }> {
    const heard: string[] = [];
    const server = net.createServer((socket) => {
      const index = heard.push('') - 1;
      socket.on('error', () => undefined);
      socket.once('data', () => {
        if (answer === undefined) socket.end();
        else socket.write(answer);
      });
      socket.on('data', (chunk) => (heard[index] = `${heard[index]}${chunk.toString('latin1')}`));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as net.AddressInfo;
    const said = await through({ port }, { mode });
    server.close();
    return { said, heard };
  }
  const asks = sslRequest.toString('latin1');
  const backend = encodeBackend({ kind: 'authentication', request: { kind: 'ok' } } as never);

  test.each<[string, Buffer | undefined]>([
    ['bytes behind S (CVE-2021-23222)', Buffer.concat([Buffer.from('S'), backend])],
    ['bytes behind N', Buffer.concat([Buffer.from('N'), backend])],
    [
      'an error message (CVE-2024-10977)',
      encodeErrorResponse({ severity: 'FATAL', sqlstate: '42501', message: 'go to evil.example.com' }),
    ],
    ['rubbish', Buffer.from('x')],
    ['G, which nobody asked for', Buffer.from('G')],
    ['its end', undefined],
  ])('that answers the SSLRequest with %s is left, even in mode prefer', async (_name, answer) => {
    const { said, heard } = await hostile(answer, 'prefer');
    expect(said).toMatch(noEncryption);
    expect(said).not.toContain('evil');
    // No second connection, and nothing said behind the request.
    expect(heard).toEqual([asks]);
  });

  test('that speaks no TLS behind S gets nothing in the clear, unless the mode says so', async () => {
    const rubbish = async (mode: 'require' | 'prefer'): Promise<string[]> => {
      const heard: string[] = [];
      const server = net.createServer((socket) => {
        const index = heard.push('') - 1;
        socket.on('error', () => undefined);
        socket.on('data', (chunk) => {
          heard[index] = `${heard[index]}${chunk.toString('latin1')}`;
          if (heard[index] === asks) socket.write('S');
          else if (heard[index].startsWith(asks)) socket.write('HTTP/1.1 400 Bad Request\r\n\r\n');
          else socket.end();
        });
      });
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      await through({ port: (server.address() as net.AddressInfo).port }, { mode });
      server.close();
      return heard;
    };
    const strict = await rubbish('require');
    expect(strict).toHaveLength(1);
    expect(strict[0]).not.toContain('user\0postgres');
    const lax = await rubbish('prefer');
    expect(lax).toHaveLength(2);
    expect(lax[1]).toContain('user\0postgres');
  });

  test('that takes direct TLS for another protocol (no ALPN) hears no StartupMessage', async () => {
    const heard: string[] = [];
    const server = tls.createServer(pair(certificates.server), (socket) => {
      socket.on('error', () => undefined);
      socket.on('data', (chunk: Buffer) => heard.push(chunk.toString('latin1')));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as net.AddressInfo;
    expect(await through({ port }, { mode: 'require', direct: true })).toMatch(noEncryption);
    expect(heard).toEqual([]);
    server.close();
  });

  test('that never answers is given up in time', async () => {
    const server = net.createServer((socket) => socket.on('error', () => undefined));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as net.AddressInfo;
    const proxy = await startTlsProxy(
      { host: '127.0.0.1', port },
      { server: { mode: 'require' }, limits: { authTimeoutMs: 300 } },
    );
    expect(await psql(proxy.port, 'user=postgres dbname=postgres')).toContain('the log-in took too long');
    await proxy.stop();
    server.close();
  });
});

describe('cancel requests', () => {
  test.each([
    ['allow', 'tls'],
    ['prefer', 'tls'],
    ['verify-full', 'tls'],
    ['disable', 'clear'],
  ] as const)('in mode %s go over a connection in %s', async (mode, how) => {
    const cancel = encodeStartupPacket({
      kind: 'cancel-request',
      processId: 7,
      secretKey: Buffer.from('key!'),
    });
    const { server: certificate, ca } = certificates;
    const context = tls.createSecureContext(pair(certificate));
    const heard = new Promise<string>((resolve) => {
      const server = net.createServer((socket) => {
        socket.once('data', (first: Buffer) => {
          if (!first.equals(sslRequest)) resolve(first.equals(cancel) ? 'clear' : 'something else');
          else {
            socket.write('S');
            const inside = new tls.TLSSocket(socket, { isServer: true, secureContext: context });
            inside.once('data', (bytes: Buffer) => resolve(bytes.equals(cancel) ? 'tls' : 'something else'));
          }
        });
      });
      server.listen(0, '127.0.0.1', () => {
        const { port } = server.address() as net.AddressInfo;
        void startTlsProxy(
          { host: '127.0.0.1', port },
          { server: { mode, ca: mode === 'verify-full' ? ca.files.certPem : undefined } },
        ).then(async (proxy) => {
          const client = net.connect(proxy.port, '127.0.0.1');
          client.write(cancel);
          await heard;
          client.destroy();
          await readAll(client);
          await proxy.stop();
          server.close();
        });
      });
    });
    expect(await heard).toBe(how);
  });
});
