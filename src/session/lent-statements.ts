/**
 * Prepared statements of a governed session whose server session is lent to it for a transaction at a time (a pooler in
 * transaction mode). It makes the frames; names and order are the frontend's.
 *
 * INVARIANT(nothing-lent-stays): whatever name the client gives a statement, the server is sent the unnamed one, and is
 * sent it again in each stretch of messages that uses it. Between a Parse and its Sync the pooler changes nothing; behind
 * it, a name would stand for what another client of the login has prepared, with the masks of another role.
 */
import { encodeFrontend } from '../wire/frontend-message.js';
import type { Prepared } from './prepared.js';
import type { SessionState } from './session-state.js';

export class LentStatements {
  private readonly state: Pick<SessionState, 'batch' | 'sharedServer' | 'statements'>;
  private last: { readonly prepared: Prepared; readonly batch: number } | undefined;

  constructor(state: Pick<SessionState, 'batch' | 'sharedServer' | 'statements'>) {
    this.state = state;
  }

  /** The name that the server is sent for the client's. */
  nameOf(statement: string): string {
    return this.state.sharedServer ? '' : statement;
  }

  /** The client has a statement of this name already, which the server would say if it knew (prepare.c). */
  isTaken(statement: string): boolean {
    const { sharedServer, statements } = this.state;
    return sharedServer && statement !== '' && statements.expected(statement) !== undefined;
  }

  /** Its Parse is on its way. */
  parsed(prepared: Prepared): void {
    this.last = { prepared, batch: this.state.batch };
  }

  closed(): void {
    this.last = undefined;
  }

  /** A message sent now finds the statement on the server. */
  has(prepared: Prepared): boolean {
    if (!this.state.sharedServer) return true;
    return this.last?.prepared === prepared && this.last.batch === this.state.batch;
  }
}

/** The client's Bind, of the unnamed statement. */
export function unnamedBind(frame: Buffer): Buffer {
  const portalEnd = frame.indexOf(0, 5) + 1;
  const statementEnd = frame.indexOf(0, portalEnd);
  const renamed = Buffer.concat([frame.subarray(0, portalEnd), frame.subarray(statementEnd)]);
  renamed.writeInt32BE(renamed.length - 1, 1);
  return renamed;
}

export function unnamedParse(sql: Buffer, parameterTypes: readonly number[]): Buffer {
  return encodeFrontend({ kind: 'parse', statement: '', sql, parameterTypes });
}

export const describeUnnamed: Buffer = encodeFrontend({ kind: 'describe', target: 'statement', name: '' });
export const closeUnnamed: Buffer = encodeFrontend({ kind: 'close', target: 'statement', name: '' });
