/**
 * Our side of TLS toward the database server, with the meaning that libpq gives its sslmode words (PostgreSQL manual,
 * 34.19.1, and src/interfaces/libpq/fe-secure-openssl.c). It knows no messages and no files.
 */
import { constants, X509Certificate } from 'node:crypto';
import net from 'node:net';
import tls from 'node:tls';
import type { TlsHandshake } from '../channel.js';
import type { ChannelTls } from './facts.js';
import { ALPN_PROTOCOL, factsOrProblem, handshakeReason, hashOf } from './server-handshake.js';

export type SslMode = 'disable' | 'allow' | 'prefer' | 'require' | 'verify-ca' | 'verify-full';

export interface UpstreamTlsMaterial {
  readonly mode: SslMode;
  /** The name that the certificate must be for, and that goes out as SNI unless it is an address. */
  readonly host: string;
  /** PEM of one or more authorities. Undefined: the server's certificate is not verified. */
  readonly ca: string | readonly string[] | undefined;
  /** PEM, for a server that asks for a certificate. */
  readonly client: { readonly cert: string; readonly key: string } | undefined;
  /** Without an SSLRequest, as from PostgreSQL 17 on. */
  readonly direct: boolean;
}

export type Encryption = 'plain' | 'tls';

export interface UpstreamTls {
  readonly mode: SslMode;
  /** Tried in this order: one after the other, as libpq does. */
  readonly attempts: readonly Encryption[];
  readonly direct: boolean;
  readonly handshake: TlsHandshake;
}

const attemptsOf: Readonly<Record<SslMode, readonly Encryption[]>> = {
  disable: ['plain'],
  allow: ['plain', 'tls'],
  prefer: ['tls', 'plain'],
  require: ['tls'],
  'verify-ca': ['tls'],
  'verify-full': ['tls'],
};

/** Throws when the key does not belong to the certificate, or a text cannot be read. */
export function createUpstreamTls({ mode, host, ca, client, direct }: UpstreamTlsMaterial): UpstreamTls {
  const secureContext = tls.createSecureContext({
    minVersion: 'TLSv1.2',
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
    ...(ca === undefined ? {} : { ca: typeof ca === 'string' ? ca : [...ca] }),
    ...client,
  });
  const handshake: TlsHandshake = (raw, result) => {
    const socket = tls.connect({
      socket: raw,
      secureContext,
      ALPNProtocols: [ALPN_PROTOCOL],
      // RFC 6066 has no place for addresses in it, and libpq leaves them out too.
      ...(net.isIP(host) === 0 ? { servername: host } : {}),
      // As in libpq the authority is asked in every mode that has one, and the name in verify-full alone.
      rejectUnauthorized: ca !== undefined,
      checkServerIdentity: (_name, certificate) =>
        mode === 'verify-full' ? identityProblem(new X509Certificate(certificate.raw), host) : undefined,
    });
    const failed = (error: Error): void => {
      result.failed(handshakeReason(error));
    };
    socket.once('error', failed);
    socket.once('secureConnect', () => {
      socket.removeListener('error', failed);
      if (direct && socket.alpnProtocol !== ALPN_PROTOCOL) {
        result.failed('direct TLS without the ALPN protocol "postgresql"');
        return;
      }
      const facts = factsOrProblem(() => factsOf(socket, mode));
      if (typeof facts === 'string') result.failed(facts);
      else result.secured(socket, facts);
    });
  };
  return { mode, attempts: attemptsOf[mode], direct, handshake };
}

function factsOf(socket: tls.TLSSocket, mode: SslMode): ChannelTls {
  return {
    version: socket.getProtocol() ?? '',
    cipher: socket.getCipher().name,
    endpointHash: hashOf(socket.getPeerX509Certificate()),
    serverVerified: mode === 'verify-full',
    clientCertificate: undefined,
    clientCertificateProblem: undefined,
  };
}

class WrongName extends Error {
  readonly code = 'ERR_TLS_CERT_ALTNAME_INVALID';
}

/**
 * As pgtls_verify_peer_name_matches_certificate_guts: the common name counts only where the certificate has no alternative
 * name of the host's kind. Wildcards stand for one whole label.
 */
function identityProblem(certificate: X509Certificate, host: string): Error | undefined {
  const matched =
    net.isIP(host) === 0
      ? certificate.checkHost(host, { subject: 'default', partialWildcards: false }) !== undefined
      : certificate.checkIP(host) !== undefined ||
        (!(certificate.subjectAltName ?? '').includes('IP Address:') &&
          certificate.toLegacyObject().subject.CN === host);
  return matched ? undefined : new WrongName("the certificate is not for the server's name");
}
