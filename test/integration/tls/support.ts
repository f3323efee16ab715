/** A listener in front of a server, with TLS on either leg, for the tests of this folder. */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import { promisify } from 'node:util';
import { createServerTls, type ClientTlsMode } from '../../../src/session/tls/server-handshake.js';
import { createUpstreamTls, type UpstreamTlsMaterial } from '../../../src/session/tls/client-handshake.js';
import type { CertificateFiles } from '../../support/certificates.js';
import { startProxy, type Proxy, type ProxyOptions } from '../session/support.js';

export interface TlsProxyOptions extends ProxyOptions {
  readonly client?: {
    readonly mode?: ClientTlsMode;
    readonly certificate: CertificateFiles;
    readonly byName?: Readonly<Record<string, CertificateFiles>>;
    readonly ca?: CertificateFiles;
  };
  readonly server?: Partial<UpstreamTlsMaterial>;
}

export function startTlsProxy(
  upstream: { readonly host: string; readonly port: number },
  { client, server, ...options }: TlsProxyOptions,
): Promise<Proxy> {
  const listen =
    client === undefined
      ? undefined
      : createServerTls({
          mode: client.mode ?? 'prefer',
          main: pair(client.certificate),
          byName: new Map(
            Object.entries(client.byName ?? {}).map(([name, files]) => [name, pair(files)] as const),
          ),
          clientCa: client.ca?.certPem,
        });
  const up =
    server === undefined
      ? undefined
      : createUpstreamTls({
          mode: 'prefer',
          host: 'localhost',
          ca: undefined,
          client: undefined,
          direct: false,
          ...server,
        });
  return startProxy(upstream, { ...options, encryption: { client: () => listen, upstream: () => up } });
}

export function pair({ certPem, keyPem }: CertificateFiles): { cert: string; key: string } {
  return { cert: certPem, key: keyPem };
}

/** What psql prints, or its complaint. */
export async function psql(
  port: number,
  conninfo: string,
  sql = 'SELECT 1',
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  const info = `host=localhost hostaddr=127.0.0.1 port=${port} ${conninfo}`;
  const { PATH } = process.env;
  const run = promisify(execFile)('psql', ['-XAtc', sql, info], {
    env: { PATH, PGPASSWORD: 'postgres', HOME: '/nonexistent', ...env },
  });
  return run.then(
    ({ stdout }) => stdout.trim(),
    (error: unknown) => (error as { stderr: string }).stderr.trim(),
  );
}

/** sslnegotiation=direct, which psql 15 does not know. */
export async function directTls(port: number, options: tls.ConnectionOptions = {}): Promise<tls.TLSSocket> {
  const socket = tls.connect({ host: '127.0.0.1', port, ALPNProtocols: ['postgresql'], ...options });
  await once(socket, 'secureConnect');
  return socket;
}

export const sslRequest = Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]);
export const gssencRequest = Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x30]);

/** SSLRequest, its answer, and TLS. */
export async function asked(
  port: number,
  options: tls.ConnectionOptions = {},
  before: readonly Buffer[] = [],
): Promise<tls.TLSSocket> {
  const raw = net.connect(port, '127.0.0.1');
  for (const request of before) {
    raw.write(request);
    const [answer] = (await once(raw, 'data')) as [Buffer];
    if (answer.toString() !== 'N') throw new Error(`answered ${answer.toString()}`);
  }
  raw.write(sslRequest);
  const [answer] = (await once(raw, 'data')) as [Buffer];
  if (answer.toString() !== 'S') throw new Error(`answered ${answer.toString()}`);
  const socket = tls.connect({ socket: raw, rejectUnauthorized: false, ...options });
  await once(socket, 'secureConnect');
  return socket;
}

/** Everything that comes until the end, also behind a reset. */
export async function readAll(socket: net.Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.on('error', () => undefined);
  if (!socket.destroyed) await once(socket, 'close');
  return Buffer.concat(chunks);
}
