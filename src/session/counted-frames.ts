/** The frames that the server gets for statements whose rows are counted. It knows the protocol, no limits. */
import type { EnforcedSql } from '../enforce/types.js';
import { toByteString } from '../wire/byte-string.js';
import { openFrame } from '../wire/codec.js';
import { encodeFrontend } from '../wire/frontend-message.js';
import { execute } from '../wire/messages/execute.js';
import { flushFrame, parseFrame, poisonParseFrame } from './messages.js';
import { COUNTED_NAME } from './own-names.js';
import type { Poison } from './poison.js';

const NAME = toByteString(COUNTED_NAME);

export const syncFrame: Buffer = encodeFrontend({ kind: 'sync' });

/** Close of a name that does not exist is no error (exec_execute_message's neighbours in postgres.c, case 'C'). */
const closePortal = encodeFrontend({ kind: 'close', target: 'portal', name: NAME });
const closeStatement = encodeFrontend({ kind: 'close', target: 'statement', name: NAME });
const bind = encodeFrontend({
  kind: 'bind',
  portal: NAME,
  statement: NAME,
  parameterFormats: [],
  parameters: [],
  resultFormats: [],
});
const describe = encodeFrontend({ kind: 'describe', target: 'portal', name: NAME });

/** One statement of a Query, in text format as a Query's answer is. */
export function countedQueryFrames(sql: EnforcedSql, maxRows: number): readonly Buffer[] {
  const run = encodeFrontend({ kind: 'execute', portal: NAME, maxRows });
  return [closePortal, closeStatement, parseFrame(NAME, sql, []), bind, describe, run, flushFrame];
}

/** Behind the last statement of a Query. */
export const countedQueryEnd: Buffer = Buffer.concat([closePortal, closeStatement, syncFrame]);

/** An Execute that asks for `rows` at most. */
export function executeAtMost(frame: Buffer, rows: number): Buffer {
  const message = execute.decode(openFrame(frame, 'execute'));
  if (message.maxRows > 0 && message.maxRows < rows) return frame;
  return encodeFrontend({ ...message, maxRows: rows });
}

/** Makes the server fail where the statement under way stands. */
export function failingFrames(poison: Poison): readonly Buffer[] {
  return [poisonParseFrame(poison), flushFrame];
}
