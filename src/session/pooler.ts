/** Whether a pooler stands before the server that nobody has told of. It knows process ids, no messages but one. */
import type { Pooler } from './ports.js';

/** Type, length, process id. */
const PID_END = 9;
const PID_START = 5;

/** Of a BackendKeyData, whatever the length of its key. */
export function keyedPid(frame: Buffer): number | undefined {
  return frame.length < PID_END ? undefined : frame.readInt32BE(PID_START);
}

/**
 * A server's BackendKeyData holds its own process id (PostgreSQL manual, 54.2.1 and pg_backend_pid in 9.27); a pooler makes
 * one up, since its clients have no server process of their own.
 * FAIL-CLOSED: a pooler may lend the server session to others in between, with what this one has left there. Without a
 * BackendKeyData nothing can be told; PostgreSQL always sends one.
 */
export function poolerProblem(pooler: Pooler, keyed: number | undefined, actual: number): string | undefined {
  if (pooler !== 'none' || keyed === undefined || keyed === actual) return undefined;
  return 'a pooler stands between pgveil and the database server, and the configuration does not say which kind';
}
