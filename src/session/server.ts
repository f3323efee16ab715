/** The listening socket: accepts, counts and bounds connections, and drains them at the end. */
import { once } from 'node:events';
import net from 'node:net';
import type { RowAllowances } from '../guard/row-allowance.js';
import { RowWindows } from '../guard/row-windows.js';
import type { ClientFacts } from './console/source.js';
import { buildFrameTables } from './frame-tables.js';
import { Handshakes } from './handshakes.js';
import { CountedPlaces, type Places } from './places.js';
import type { Ports } from './ports.js';
import { Session, type SessionHost } from './session.js';

export interface ListenerOptions extends Ports {
  readonly host: string;
  readonly port: number;
  /** Counts the connections, where others count with this listener; absent: it counts its own. */
  readonly places?: Places;
  /** The same of the rows that are shown in an hour. */
  readonly rows?: RowAllowances;
}

export interface Listener {
  readonly host: string;
  /** The port in use, also when 0 was asked for. */
  readonly port: number;
  readonly connections: number;
  /** For SHOW CLIENTS. */
  clients(): readonly Omit<ClientFacts, 'worker'>[];
  /** Stops accepting; idle sessions end with 57P01 at once, busy ones after their transaction or after `graceMs`. */
  close(options: { readonly graceMs: number }): Promise<void>;
  /** Ends every session now. */
  shutDown(): void;
}

/** Resolves when connections are accepted; rejects when the address cannot be had. */
export async function startListener(options: ListenerOptions): Promise<Listener> {
  const sessions = new Set<Session>();
  const handshakes = new Handshakes(options.limits.handshakes);
  let cancels = 0;
  let emptied: (() => void) | undefined;
  const host: SessionHost = {
    ports: options,
    tables: buildFrameTables(options.limits),
    rowWindows: options.rows ?? new RowWindows(),
    places: options.places ?? new CountedPlaces(options.limits),
    handshakeDone: (session) => handshakes.end(session),
    closed: (session) => {
      handshakes.end(session);
      sessions.delete(session);
      if (sessions.size === 0) emptied?.();
    },
    beginCancel: () => cancels < options.limits.cancelRequests && ++cancels > 0,
    endCancel: () => cancels--,
  };
  const server = net.createServer({ pauseOnConnect: true, noDelay: true }, (socket) => {
    const session = new Session(socket, host);
    sessions.add(session);
    handshakes.begin(session);
  });
  const stalled = setInterval(() => {
    for (const session of [...sessions]) session.endIfStalled();
  }, options.limits.stalledMessageMs / 2).unref();
  const shutDown = (): void => {
    for (const session of [...sessions]) session.shutDown();
  };
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
    clients: () => [...sessions].map((session) => session.describe()),
    shutDown,
    close: async ({ graceMs }) => {
      server.close();
      clearInterval(stalled);
      const empty = new Promise<void>((resolve) => {
        emptied = resolve;
        if (sessions.size === 0) resolve();
      });
      for (const session of [...sessions]) session.drain();
      const timer = setTimeout(shutDown, graceMs);
      await empty;
      clearTimeout(timer);
    },
  };
}
