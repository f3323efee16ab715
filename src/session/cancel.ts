/**
 * A CancelRequest is passed on over a connection of its own. Keys are the server's, so any worker can do it and
 * nothing is kept. It sends no answer, as the server does not either (PostgreSQL manual, 54.2.8).
 */
import { type CancelRequest, encodeStartupPacket } from '../wire/startup.js';
import { type Channel, connectChannel } from './channel.js';

const CANCEL_TIMEOUT_MS = 10_000;

/** Calls `done` once, when the server has closed the connection or could not be reached. */
export function relayCancel(
  target: { readonly host: string; readonly port: number },
  request: CancelRequest,
  done: () => void,
): void {
  let finished = false;
  const finish = (): void => {
    if (finished) return;
    finished = true;
    clearTimeout(timer);
    channel.destroy();
    done();
  };
  const timer = setTimeout(finish, CANCEL_TIMEOUT_MS);
  const channel: Channel = connectChannel(
    target,
    { chunk: () => undefined, drained: () => undefined, closed: finish },
    () => channel.write([encodeStartupPacket(request)]),
  );
}
