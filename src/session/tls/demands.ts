/**
 * Whether a log-in may go on over the connection that it came on: what `listen.tls.mode` demands of it. It decides nothing
 * about who the client is.
 */
import type { SessionErrorCode } from '../../errors/catalog.js';
import type { ChannelTls } from './facts.js';
import type { ClientTlsMode } from './server-handshake.js';

/**
 * Asked of log-ins alone. A CancelRequest may come in the clear whatever the mode, as in the server, which reads it before
 * pg_hba.conf (ProcessStartupPacket in src/backend/tcop/backend_startup.c): the key is its proof, and libpq up to 16 sends
 * it unencrypted even for an encrypted session.
 * @param mode - undefined: the listener offers no TLS
 */
export function encryptionProblem(
  mode: ClientTlsMode | undefined,
  tls: ChannelTls | undefined,
): { readonly code: SessionErrorCode; readonly message: string } | undefined {
  if (mode === undefined) return undefined;
  if (tls === undefined)
    return mode === 'prefer'
      ? undefined
      : { code: 'tls-required', message: 'this listener takes encrypted connections only' };
  // FAIL-CLOSED: in every mode, as in the server, which ends the handshake then.
  if (tls.clientCertificateProblem !== undefined)
    return {
      code: 'client-certificate',
      message: `the client certificate is not valid (${tls.clientCertificateProblem})`,
    };
  if (mode === 'verify-client' && tls.clientCertificate === undefined)
    return { code: 'client-certificate', message: 'connection requires a valid client certificate' };
  return undefined;
}
