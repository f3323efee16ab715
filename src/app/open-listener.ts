/** From the configuration to a listening proxy, and from an error of the system to a sentence. */
import type { Config } from '../config/schema.js';
import type { RowAllowances } from '../guard/row-allowance.js';
import { defaultLimits, type Ports } from '../session/ports.js';
import type { Places } from '../session/places.js';
import { startListener, type Listener } from '../session/server.js';

/** Rejects with a sentence when the address cannot be had. */
export async function openListener(
  config: Config,
  ports: Omit<Ports, 'limits' | 'upstream'>,
  shared: { readonly places: Places; readonly rows: RowAllowances } | undefined,
): Promise<Listener> {
  const { host, port } = config.listen;
  const { limits } = config;
  try {
    return await startListener({
      ...ports,
      host,
      port,
      ...(shared === undefined ? {} : { places: shared.places, rows: shared.rows }),
      upstream: config.upstream,
      limits: {
        ...defaultLimits,
        connections: limits.connections,
        connectionsPerUser: limits.connections_per_user,
        connectionsPerAddress: limits.connections_per_address,
        statementBytes: limits.statement_bytes,
        // PostgreSQL's own bound is two bytes below 1 GiB (MaxAllocSize in memutils.h).
        messageBytes: Math.min(limits.message_bytes, defaultLimits.messageBytes),
        authTimeoutMs: limits.auth_timeout,
        startupTimeoutMs: limits.idle_in_handshake,
      },
    });
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown';
    const reasons: Readonly<Record<string, string>> = {
      EADDRINUSE: 'another process listens there: stop it or set listen.port',
      EACCES: 'this port needs privileges: set listen.port to one above 1023',
      EADDRNOTAVAIL: 'this machine has no such address: set listen.host',
    };
    const reason = reasons[code] ?? `${code}: check listen.host and listen.port`;
    throw new Error(`the proxy cannot listen on ${host}:${port}; ${reason}`, { cause });
  }
}
