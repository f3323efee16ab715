/**
 * A TCP relay in front of a real server, for tests that must see or replace what passes. It keeps what the proxy sent
 * upstream, and a test may take the server's place at any chunk. It knows no messages.
 */
import { once } from 'node:events';
import net from 'node:net';

export interface RelayedConnection {
  /** Everything that came from the proxy, in order. */
  readonly fromClient: Buffer[];
  readonly toClient: net.Socket;
  readonly toServer: net.Socket;
}

export interface RelayHooks {
  /** True: the chunk goes no further, and the real server hears nothing more either. */
  readonly intercept?: (chunk: Buffer, connection: RelayedConnection) => boolean;
  /** The same for what the server says. */
  readonly interceptAnswer?: (chunk: Buffer, connection: RelayedConnection) => boolean;
  /** False: `fromClient` stays empty, for a test that sends more than fits into memory. */
  readonly keepsBytes?: boolean;
}

export interface Relay {
  readonly host: string;
  readonly port: number;
  /** All so far, the newest last. */
  readonly connections: readonly RelayedConnection[];
  /** How many are open towards the proxy. */
  readonly open: number;
  forget(): void;
  stop(): Promise<void>;
}

export async function startRelay(
  target: { readonly host: string; readonly port: number },
  hooks: RelayHooks = {},
): Promise<Relay> {
  const connections: RelayedConnection[] = [];
  const sockets = new Set<net.Socket>();
  let open = 0;
  const server = net.createServer({ noDelay: true }, (toClient) => {
    const toServer = net.connect({ host: target.host, port: target.port, noDelay: true });
    const connection: RelayedConnection = { fromClient: [], toClient, toServer };
    connections.push(connection);
    open++;
    for (const socket of [toClient, toServer]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => sockets.delete(socket));
    }
    let taken = false;
    toClient.on('data', (chunk: Buffer) => {
      if (hooks.keepsBytes !== false) connection.fromClient.push(chunk);
      taken ||= hooks.intercept?.(chunk, connection) === true;
      if (taken || toServer.destroyed) return;
      if (!toServer.write(chunk)) {
        toClient.pause();
        toServer.once('drain', () => toClient.resume());
      }
    });
    toServer.on('data', (chunk: Buffer) => {
      taken ||= hooks.interceptAnswer?.(chunk, connection) === true;
      if (taken || toClient.destroyed) return;
      if (!toClient.write(chunk)) {
        toServer.pause();
        toClient.once('drain', () => toServer.resume());
      }
    });
    toClient.on('close', () => {
      open--;
      toServer.destroy();
    });
    toServer.on('end', () => {
      if (!taken) toClient.end();
    });
    toServer.on('close', () => {
      if (!taken) toClient.destroy();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  return {
    host: '127.0.0.1',
    port,
    connections,
    get open() {
      return open;
    },
    forget: () => void connections.splice(0),
    stop: async () => {
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, 'close');
    },
  };
}
