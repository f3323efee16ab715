/** CopyFail, frontend. */
import type { ByteString } from '../byte-string.js';
import type { Codec } from '../codec.js';

export interface CopyFail {
  readonly kind: 'copy-fail';
  readonly reason: ByteString;
}

export const copyFail: Codec<CopyFail> = {
  decode: (body) => ({ kind: 'copy-fail', reason: body.cstring() }),
  encode: (message, body) => void body.cstring(message.reason),
};
