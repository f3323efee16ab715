/** CommandComplete, backend. */
import type { ByteString } from '../byte-string.js';
import type { Codec } from '../codec.js';

export interface CommandComplete {
  readonly kind: 'command-complete';
  /** `SELECT 10`; parseCommandTag takes it apart. */
  readonly tag: ByteString;
}

export const commandComplete: Codec<CommandComplete> = {
  decode: (body) => ({ kind: 'command-complete', tag: body.cstring() }),
  encode: (message, body) => void body.cstring(message.tag),
};
