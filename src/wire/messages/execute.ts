/** Execute, frontend. */
import type { ByteString } from '../byte-string.js';
import type { Codec } from '../codec.js';

export interface Execute {
  readonly kind: 'execute';
  readonly portal: ByteString;
  /** 0 or less: no limit (exec_execute_message in src/backend/tcop/postgres.c). */
  readonly maxRows: number;
}

export const execute: Codec<Execute> = {
  decode: (body) => ({ kind: 'execute', portal: body.cstring(), maxRows: body.int32() }),
  encode: (message, body) => void body.cstring(message.portal).int32(message.maxRows),
};
