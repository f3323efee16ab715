/**
 * A connection that is on its way from the primary to a worker which dies meanwhile. Node closes the primary's side of it
 * when the worker has said that it took it (lib/internal/cluster/round_robin_handle.js); when no such word comes, the
 * client would wait for ever, and its descriptor would stay open. It knows neither sessions nor what workers do.
 */
import type { Worker } from 'node:cluster';

/** What cluster sends with a connection, and what comes back (lib/internal/cluster/utils.js). */
interface ClusterMessage {
  readonly cmd?: unknown;
  readonly act?: unknown;
  readonly seq?: unknown;
  readonly ack?: unknown;
}

interface Closable {
  close(): void;
}

/** Closes what the worker has not taken when it has ended. Behind `close` nothing of its channel is unread (`disconnect`
 * does not come when a connection was on its way). */
export function closeLostHandOvers({ process: child }: Pick<Worker, 'process'>): void {
  const onTheWay = new Map<unknown, Closable>();
  const send = child.send.bind(child) as (...args: unknown[]) => boolean;
  child.send = (...args: unknown[]): boolean => {
    const [message, handle] = args as [ClusterMessage | null, Closable | undefined];
    if (message?.cmd === 'NODE_CLUSTER' && message.act === 'newconn' && handle !== undefined)
      onTheWay.set(message.seq, handle);
    return send(...args);
  };
  child.on('internalMessage', (message: ClusterMessage | null) => {
    if (message?.ack !== undefined) onTheWay.delete(message.ack);
  });
  child.once('close', () => {
    for (const handle of onTheWay.values()) handle.close();
    onTheWay.clear();
  });
}
