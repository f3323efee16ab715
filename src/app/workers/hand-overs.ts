/**
 * Connections on their way from the primary to a worker. Node waits for the worker's word that it took one before it
 * sends the next (lib/internal/cluster/round_robin_handle.js); when that word cannot come, because the worker has died
 * or had no descriptor left to receive it with, the client would wait for ever, and the worker would get no other. It
 * knows neither sessions nor what workers do.
 */
import type { Worker } from 'node:cluster';

/** What cluster sends with a connection, and what comes back (lib/internal/cluster/utils.js). */
interface ClusterMessage {
  readonly cmd?: unknown;
  readonly act?: unknown;
  readonly seq?: unknown;
  readonly ack?: unknown;
  readonly accepted?: unknown;
}

/** As long as the server waits when it cannot accept (ServerLoop in src/backend/postmaster/postmaster.c). */
const AGAIN_MS = 100;

interface Closable {
  close(): void;
}

/** The number under which each connection was sent last, to whichever worker. */
const sentLast = new WeakMap<Closable, unknown>();

/**
 * What the worker did not receive goes to the next one that is free, after a while; what a dead one has not taken is
 * closed. Behind `close` nothing of its channel is unread (`disconnect` does not come when a connection was on its way).
 * A worker that stops sends back what reached it too late, and Node keeps that for the next one; where all of them stop
 * there is none, and it is closed.
 * @param stopping - whether all workers have been told to stop
 */
export function watchHandOvers({ process: child }: Pick<Worker, 'process'>, stopping: () => boolean): void {
  const onTheWay = new Map<unknown, Closable>();
  const send = child.send.bind(child) as (...args: unknown[]) => boolean;
  child.send = (...args: unknown[]): boolean => {
    const [message, handle] = args as [ClusterMessage | null, Closable | undefined];
    if (message?.cmd === 'NODE_CLUSTER' && message.act === 'newconn' && handle !== undefined) {
      onTheWay.set(message.seq, handle);
      sentLast.set(handle, message.seq);
    }
    return send(...args);
  };
  const returned = (handle: Closable, seq: unknown): void => {
    if (stopping() && sentLast.get(handle) === seq) handle.close();
  };
  child.on('internalMessage', (message: ClusterMessage | null) => {
    if (message?.ack !== undefined) {
      const handle = onTheWay.get(message.ack);
      onTheWay.delete(message.ack);
      // What was accepted is closed by Node.
      if (handle !== undefined && message.accepted !== true)
        setTimeout(returned, AGAIN_MS, handle, message.ack);
    }
    // The descriptor was lost, and nothing more is heard of it (lib/internal/child_process.js).
    else if (message?.cmd === 'NODE_HANDLE_NACK')
      for (const seq of onTheWay.keys())
        setTimeout(() => {
          if (onTheWay.has(seq))
            child.emit('internalMessage', { cmd: 'NODE_CLUSTER', ack: seq, accepted: false });
        }, AGAIN_MS);
  });
  child.once('close', () => {
    for (const handle of onTheWay.values()) handle.close();
    onTheWay.clear();
  });
}
