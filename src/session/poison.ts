/**
 * A refusal at its place (DESIGN 5.9): the server is sent a statement that must fail with a token of ours, so that
 * order, transaction state and skip-until-Sync are the server's own; its error is replaced on the way back.
 */
import { randomBytes } from 'node:crypto';
import type { EnforcedSql, Refusal } from '../enforce/types.js';
import { openFrame } from '../wire/codec.js';
import { encodeErrorResponse, errorResponse } from '../wire/messages/error-response.js';

export interface Poison {
  /** Unguessable, so no statement of the client's can produce it. */
  readonly token: string;
  readonly refusal: Refusal;
}

export function makePoison(refusal: Refusal): Poison {
  return { token: `pgveil_${randomBytes(12).toString('hex')}`, refusal };
}

/** Fails when it is analysed (42703), after the statements before it in the same Query have run. */
export function poisonSql(poison: Poison): EnforcedSql {
  return `SELECT "${poison.token}"` as unknown as EnforcedSql;
}

/** Any other error, such as 25P02 in a failed transaction, is the server's to report. */
export function isPoisonError(frame: Buffer, poison: Poison): boolean {
  const { fields } = errorResponse.decode(openFrame(frame, 'error-response'));
  return fields.some(([letter, value]) => letter === 'M' && value.includes(poison.token));
}

export function refusalFrame(refusal: Refusal): Buffer {
  return encodeErrorResponse({
    severity: 'ERROR',
    sqlstate: refusal.sqlstate,
    message: `pgveil: ${refusal.message}`,
    detail: refusal.detail,
    hint: refusal.hint,
    position: refusal.position,
  });
}
