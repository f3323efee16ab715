/** What whoever reads the log at start-up should know of the way that log-ins take. */
import type { Config } from '../config/schema.js';
import type { Logger } from '../observe/log.js';
import type { Authentication } from './authentication.js';
import { authenticationWarnings } from './authentication-warnings.js';

/** Says what passthrough cannot do, and tries the query of the verifiers before a client does. */
export function tellAuthentication(
  config: Config,
  authentication: Authentication | undefined,
  logger: Pick<Logger, 'info' | 'warn' | 'error'>,
): void {
  for (const { key, message, fix } of authenticationWarnings(config)) logger.warn({ key, fix }, message);
  if (authentication !== undefined) {
    authentication.probe().then(
      () =>
        logger.info({ mode: 'scram', verifiers: config.auth.verifiers?.from }, 'log-ins end at the proxy'),
      (error: unknown) =>
        logger.error(
          { err: error },
          'the verifiers of auth.verifiers cannot be read, so nobody can log in yet',
        ),
    );
    return;
  }
  const limits =
    'log-ins are relayed (auth.mode passthrough): every client costs a connection to the database before it has shown who it is, and channel binding ends at the proxy';
  const bothLegs = isOn(config.listen.tls) && isOn(config.upstream.tls);
  if (bothLegs)
    logger.warn(
      { mode: 'passthrough' },
      `${limits}; with TLS on both legs libpq refuses to log in by SCRAM unless it is told channel_binding=disable, or the proxy shows the server's own certificate: use auth.mode scram`,
    );
  else logger.info({ mode: 'passthrough' }, limits);
}

function isOn(tls: { readonly mode: string } | undefined): boolean {
  return tls !== undefined && tls.mode !== 'disable';
}
