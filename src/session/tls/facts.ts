/**
 * What a connection knows of its own encryption once the handshake is done. Types alone: the handshakes fill them in,
 * the log-in and the policy read them.
 */

/** A certificate that `listen.tls.client_ca` has signed and that is in date; never one that only claims to be. */
export interface ClientCertificate {
  /** The first CN of the subject, which PostgreSQL compares with the user name; undefined: it has none. */
  readonly commonName: string | undefined;
  /** In the spelling of RFC 2253, as pg_stat_ssl and pg_hba's clientname=DN have it: the last part comes first. */
  readonly subject: string;
  /** SHA-256 of the whole certificate, lower-case hexadecimal. */
  readonly fingerprint: string;
}

export interface ChannelTls {
  /** `TLSv1.2` or `TLSv1.3`. */
  readonly version: string;
  /** OpenSSL's name of it. */
  readonly cipher: string;
  /**
   * The data of channel binding type tls-server-end-point (RFC 5929): of the certificate that we have shown to this
   * client, or that this server has shown to us. Undefined where none is defined, so that none may be offered.
   */
  readonly endpointHash: Buffer | undefined;
  /** Of the server's leg alone: its certificate was verified, the name as well (verify-full), so nobody sits in between. */
  readonly serverVerified: boolean;
  /** Of the client's leg alone. */
  readonly clientCertificate: ClientCertificate | undefined;
  /** The client has shown a certificate that is not to be trusted, with OpenSSL's word for why. */
  readonly clientCertificateProblem: string | undefined;
}
