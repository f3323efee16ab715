/** ReadyForQuery, backend. */
import type { Codec } from '../codec.js';

/** I idle, T in a transaction block, E in a failed one. */
export type TransactionStatus = 'I' | 'T' | 'E';

export interface ReadyForQuery {
  readonly kind: 'ready-for-query';
  readonly status: TransactionStatus;
}

export const readyForQuery: Codec<ReadyForQuery> = {
  decode: (body) => {
    const status = String.fromCharCode(body.byte());
    if (status !== 'I' && status !== 'T' && status !== 'E') return body.fail('an unknown transaction status');
    return { kind: 'ready-for-query', status };
  },
  encode: (message, body) => void body.byte(message.status.charCodeAt(0)),
};
