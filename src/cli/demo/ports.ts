/** Makes sure before anything starts that the demo's ports are free, and says what to do when they are not. */
import { createServer } from 'node:net';
import { CommandFailure, EXIT } from '../exit.js';

/** Fails with the variable that moves the port. */
export async function requireFreePort(port: number, what: string, variable: string): Promise<void> {
  const code = await new Promise<string | undefined>((resolve) => {
    const probe = createServer();
    probe.once('error', (error: NodeJS.ErrnoException) => {
      resolve(error.code ?? 'unknown');
    });
    probe.listen({ port, host: '127.0.0.1', exclusive: true }, () => {
      probe.close(() => {
        resolve(undefined);
      });
    });
  });
  if (code === undefined) return;
  throw new CommandFailure(
    EXIT.findings,
    `port ${port} on 127.0.0.1, which the demo needs for ${what}, is not free (${code})`,
    {
      fix: `stop what listens there, or choose another port: ${variable}=1${String(port).slice(-4)} npm run demo`,
    },
  );
}
