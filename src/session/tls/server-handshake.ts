/**
 * Our side of TLS toward clients: which certificate a client sees, and what is asked of its own. It knows no messages,
 * and no files; the certificates come as texts.
 */
import { constants, type X509Certificate } from 'node:crypto';
import type net from 'node:net';
import tls from 'node:tls';
import type { TlsHandshake } from '../channel.js';
import { certificateNames } from './certificate-names.js';
import type { ChannelTls, ClientCertificate } from './facts.js';
import { serverEndpointHash } from './endpoint-hash.js';

export interface KeyPair {
  /** PEM, the chain behind the certificate. */
  readonly cert: string;
  readonly key: string;
}

export interface ServerTlsMaterial {
  readonly mode: ClientTlsMode;
  /** For clients that name no server, or none of `byName`. */
  readonly main: KeyPair;
  /** By server name, lower case; `*.example.com` stands for one label. */
  readonly byName: ReadonlyMap<string, KeyPair>;
  /** PEM. Undefined: clients are asked for no certificate. */
  readonly clientCa: string | undefined;
}

/** `verify-client`: as `require`, and the client must show a certificate that `clientCa` has signed. */
export type ClientTlsMode = 'prefer' | 'require' | 'verify-client';

export interface ServerTls {
  readonly mode: ClientTlsMode;
  /** @param direct - TLS came first, without an SSLRequest */
  handshake(direct: boolean): TlsHandshake;
}

/** The protocol's name in ALPN (PG_ALPN_PROTOCOL in src/include/libpq/pqcomm.h). */
export const ALPN_PROTOCOL = 'postgresql';

/**
 * What be_tls_init sets in src/backend/libpq/be-secure-openssl.c. Sessions are not resumed: a connection to a database
 * lives long, so there is little to win, and a resumed session would bring a client certificate that was verified when it
 * began, against an authority that may have been replaced since.
 */
const options = {
  minVersion: 'TLSv1.2',
  secureOptions: constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION,
} as const;

/** The underlying socket of a TLSSocket: the only way to tell whose handshake it was. Not in the public types. */
interface WithParent {
  readonly _parent?: net.Socket;
}

interface Waiting {
  readonly direct: boolean;
  readonly result: Parameters<TlsHandshake>[1];
}

/** Throws when a key does not belong to its certificate, or either cannot be read. Costs some milliseconds: once a load. */
export function createServerTls({ mode, main, byName, clientCa }: ServerTlsMaterial): ServerTls {
  // Every context has the authority: OpenSSL verifies by that of the certificate chosen, else by the public ones.
  const authority = clientCa === undefined ? {} : { ca: clientCa };
  const contexts = new Map(
    [...byName].map(([name, pair]) => [name, tls.createSecureContext({ ...options, ...authority, ...pair })]),
  );
  const waiting = new WeakMap<net.Socket, Waiting>();
  const take = (socket: tls.TLSSocket): Waiting | undefined => {
    const raw = (socket as unknown as WithParent)._parent;
    return raw === undefined ? undefined : waiting.get(raw);
  };
  const server = tls.createServer({
    ...options,
    ...authority,
    ...main,
    ALPNProtocols: [ALPN_PROTOCOL],
    SNICallback: (name, done) => {
      done(null, contextFor(contexts, name));
    },
    requestCert: clientCa !== undefined,
    // Judged below, so that the client is told in words what is wrong.
    rejectUnauthorized: false,
    // The session's own clock runs.
    handshakeTimeout: 0,
  });
  server.on('secureConnection', (socket) => {
    const found = take(socket);
    // FAIL-CLOSED: a socket that is nobody's.
    if (found === undefined) socket.destroy();
    // As ProcessSSLStartup in src/backend/tcop/backend_startup.c: without ALPN another protocol may have been meant.
    else if (found.direct && socket.alpnProtocol !== ALPN_PROTOCOL) {
      found.result.failed('direct TLS without the ALPN protocol "postgresql"');
    } else {
      const facts = factsOrProblem(() => factsOf(socket, clientCa !== undefined));
      if (typeof facts === 'string') found.result.failed(facts);
      else found.result.secured(socket, facts);
    }
  });
  server.on('tlsClientError', (error, socket) => {
    take(socket)?.result.failed(handshakeReason(error));
  });
  return {
    mode,
    handshake: (direct) => (raw, result) => {
      waiting.set(raw, { direct, result });
      // Node manual, tls.Server: sockets may be handed to it, so it listens on no port.
      server.emit('connection', raw);
    },
  };
}

function contextFor(
  contexts: ReadonlyMap<string, tls.SecureContext>,
  name: string,
): tls.SecureContext | undefined {
  const wanted = name.toLowerCase();
  return contexts.get(wanted) ?? contexts.get(wanted.replace(/^[^.]+/, '*'));
}

function factsOf(socket: tls.TLSSocket, asked: boolean): ChannelTls {
  const shown = asked ? socket.getPeerX509Certificate() : undefined;
  const client = shown === undefined ? {} : judge(shown, socket);
  return {
    version: socket.getProtocol() ?? '',
    cipher: socket.getCipher().name,
    endpointHash: hashOf(socket.getX509Certificate()),
    serverVerified: false,
    clientCertificate: client.certificate,
    clientCertificateProblem: client.problem,
  };
}

function judge(
  shown: X509Certificate,
  socket: tls.TLSSocket,
): { readonly certificate?: ClientCertificate; readonly problem?: string } {
  // FAIL-CLOSED: nothing of a certificate that was not verified is told to anybody.
  if (!socket.authorized) return { problem: String(socket.authorizationError) };
  const names = certificateNames(shown.raw);
  if (names === undefined) return { problem: 'its subject holds a zero byte' };
  const fingerprint = shown.fingerprint256.replaceAll(':', '').toLowerCase();
  return { certificate: { ...names, fingerprint } };
}

/**
 * OpenSSL takes certificates that our own reader does not, and inside of Node's callbacks an exception ends the process.
 * FAIL-CLOSED: who shows one is not let in; without its hash or its names nothing could be said of it.
 */
export function factsOrProblem(read: () => ChannelTls): ChannelTls | string {
  try {
    return read();
  } catch {
    return 'a certificate that cannot be read';
  }
}

/** Hashed once a certificate, not once a connection. */
const hashes = new Map<string, Buffer | undefined>();
const MAX_HASHES = 64;

export function hashOf(certificate: X509Certificate | undefined): Buffer | undefined {
  if (certificate === undefined) return undefined;
  const { fingerprint256 } = certificate;
  if (!hashes.has(fingerprint256)) {
    if (hashes.size >= MAX_HASHES) hashes.clear();
    hashes.set(fingerprint256, serverEndpointHash(certificate.raw));
  }
  return hashes.get(fingerprint256);
}

/** OpenSSL's code, such as ERR_SSL_NO_SHARED_CIPHER: its texts carry addresses of memory and lines of its source. */
export function handshakeReason(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : 'the handshake failed';
}
