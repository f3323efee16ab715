/** Waits for a server that we have started to take connections on the loopback interface. */
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { logTail, type ServerProcess } from '../../src/cli/launch/server-process.js';

/** Rejects with the end of the server's log; the server is stopped then. */
export async function untilPortAnswers(options: {
  readonly what: string;
  readonly port: number;
  readonly server: ServerProcess;
  readonly logFile: string;
}): Promise<void> {
  const { what, port, server, logFile } = options;
  const deadline = Date.now() + 30_000;
  while (!(await answers(port))) {
    if (server.hasEnded() || Date.now() > deadline) {
      await server.end('SIGKILL');
      throw new Error(`${what} did not start, its log says:\n${logTail(logFile)}`);
    }
    await sleep(50);
  }
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => {
      resolve(false);
    });
  });
}
