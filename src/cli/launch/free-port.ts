/**
 * Finds a TCP port on the loopback interface that nothing listens on.
 * It knows nothing of the servers that will take it.
 */
import { createServer } from 'node:net';

// Below 32768, where Linux starts to hand out ports for outgoing connections (ip_local_port_range): a port from there may be
// taken by any client between our look and the server's bind.
const first = 20_000;
const last = 32_767;

/** Resolves to a port that was free a moment ago. The start is random, so that parallel runs do not race for one number. */
export async function freePort(): Promise<number> {
  const start = first + Math.floor(Math.random() * (last - first));
  for (let offset = 0; offset <= last - first; offset += 1) {
    const port = first + ((start - first + offset) % (last - first + 1));
    if (await isFree(port)) return port;
  }
  throw new Error(`no free port between ${first} and ${last} on 127.0.0.1`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => {
      resolve(false);
    });
    probe.listen({ port, host: '127.0.0.1', exclusive: true }, () => {
      probe.close(() => {
        resolve(true);
      });
    });
  });
}
