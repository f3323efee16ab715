/** The few frames that the session makes for the server. It knows their layout through the wire station only. */
import type { EnforcedSql } from '../enforce/types.js';
import { encodeFrontend } from '../wire/frontend-message.js';
import { frontendTypes } from '../wire/message-types.js';
import type { Poison } from './poison.js';
import { poisonSql } from './poison.js';

/** INVARIANT(enforced-sql-only): texts for a governed session's server are EnforcedSql, or the client's own under observe. */
export function queryFrame(sql: EnforcedSql): Buffer {
  const length = sql.length + 5;
  const frame = Buffer.allocUnsafe(length + 1);
  frame[0] = frontendTypes.query;
  frame.writeInt32BE(length, 1);
  frame.write(sql, 5, 'latin1');
  frame[length] = 0;
  return frame;
}

export function parseFrame(statement: string, sql: EnforcedSql, parameterTypes: readonly number[]): Buffer {
  return encodeFrontend({ kind: 'parse', statement, sql: Buffer.from(sql, 'latin1'), parameterTypes });
}

export function closeStatementFrame(statement: string): Buffer {
  return encodeFrontend({ kind: 'close', target: 'statement', name: statement });
}

export function describePortalFrame(portal: string): Buffer {
  return encodeFrontend({ kind: 'describe', target: 'portal', name: portal });
}

/** In the place of a message that is not a Parse: a name that can never come to exist, since its Parse must fail. */
export function poisonParseFrame(poison: Poison, statement = poison.token): Buffer {
  return parseFrame(statement, poisonSql(poison), []);
}

export const flushFrame: Buffer = encodeFrontend({ kind: 'flush' });
export const terminateFrame: Buffer = encodeFrontend({ kind: 'terminate' });
