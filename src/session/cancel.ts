/**
 * A CancelRequest is passed on over a connection of its own. Keys are the server's, so any worker can do it and
 * nothing is kept. It sends no answer, as the server does not either (PostgreSQL manual, 54.2.8).
 */
import { type CancelRequest, encodeStartupPacket } from '../wire/startup.js';
import type { UpstreamTls } from './tls/client-handshake.js';
import { UpstreamConnection } from './upstream-connection.js';

const CANCEL_TIMEOUT_MS = 10_000;

/** Calls `done` once, when the server has closed the connection or could not be reached. */
export function relayCancel(
  target: { readonly host: string; readonly port: number },
  tls: UpstreamTls | undefined,
  request: CancelRequest,
  done: () => void,
): void {
  let finished = false;
  const finish = (): void => {
    if (finished) return;
    finished = true;
    clearTimeout(timer);
    connection.destroy();
    done();
  };
  const timer = setTimeout(finish, CANCEL_TIMEOUT_MS);
  const connection = new UpstreamConnection(target, tls === undefined ? undefined : atLeastTried(tls), {
    chunk: () => undefined,
    drained: () => undefined,
    closed: finish,
    opened: (channel) => channel.write([encodeStartupPacket(request)]),
  });
}

/**
 * The key must go over no weaker connection than the session's own. Which one that was nobody has kept, so `allow`, whose
 * sessions are encrypted where the server refused the others, tries TLS first.
 */
function atLeastTried(tls: UpstreamTls): UpstreamTls {
  return tls.mode === 'allow' ? { ...tls, attempts: ['tls', 'plain'] } : tls;
}
