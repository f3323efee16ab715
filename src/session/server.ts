/** The listening socket: accepts, counts and bounds connections, and drains them at the end. */
import { once } from 'node:events';
import net from 'node:net';
import { RowWindows } from '../guard/row-windows.js';
import { buildFrameTables } from './frame-tables.js';
import type { Ports } from './ports.js';
import { Session, type SessionHost } from './session.js';

export interface ListenerOptions extends Ports {
  readonly host: string;
  readonly port: number;
}

export interface Listener {
  readonly host: string;
  /** The port in use, also when 0 was asked for. */
  readonly port: number;
  readonly connections: number;
  /** Stops accepting; idle sessions end with 57P01 at once, busy ones after their transaction or after `graceMs`. */
  close(options: { readonly graceMs: number }): Promise<void>;
}

/** Connections beyond the limit that may still say why they came: a cancel request is always heard. */
const HANDSHAKES_BEYOND = 200;

/** Resolves when connections are accepted; rejects when the address cannot be had. */
export async function startListener(options: ListenerOptions): Promise<Listener> {
  const sessions = new Set<Session>();
  let cancels = 0;
  let emptied: (() => void) | undefined;
  const host: SessionHost = {
    ports: options,
    tables: buildFrameTables(options.limits),
    rowWindows: new RowWindows(),
    full: () => sessions.size > options.limits.connections,
    closed: (session) => {
      sessions.delete(session);
      if (sessions.size === 0) emptied?.();
    },
    beginCancel: () => cancels < options.limits.cancelRequests && ++cancels > 0,
    endCancel: () => cancels--,
  };
  const server = net.createServer({ pauseOnConnect: true, noDelay: true }, (socket) => {
    // Those that have not said yet who they are count too: without a bound they would cost memory and file descriptors.
    if (sessions.size >= options.limits.connections + HANDSHAKES_BEYOND) {
      socket.destroy();
      return;
    }
    sessions.add(new Session(socket, host));
  });
  const stalled = setInterval(() => {
    for (const session of [...sessions]) session.endIfStalled();
  }, options.limits.stalledMessageMs / 2).unref();
  server.listen(options.port, options.host);
  await once(server, 'listening');
  server.on('error', (error) => options.logger.error({ err: error }, 'the listening socket failed'));
  const address = server.address() as net.AddressInfo;
  return {
    host: address.address,
    port: address.port,
    get connections() {
      return sessions.size;
    },
    close: async ({ graceMs }) => {
      server.close();
      clearInterval(stalled);
      const empty = new Promise<void>((resolve) => {
        emptied = resolve;
        if (sessions.size === 0) resolve();
      });
      for (const session of [...sessions]) session.drain();
      const timer = setTimeout(() => {
        for (const session of [...sessions]) session.shutDown();
      }, graceMs);
      await empty;
      clearTimeout(timer);
    },
  };
}
