/** CopyData, both directions (PostgreSQL manual, 54.7). */
import type { Codec } from '../codec.js';

export interface CopyData {
  readonly kind: 'copy-data';
  /** From a server one row in text format; from a client cut anywhere. */
  readonly data: Buffer;
}

export const copyData: Codec<CopyData> = {
  decode: (body) => ({ kind: 'copy-data', data: body.rest() }),
  encode: (message, body) => void body.bytes(message.data),
};
