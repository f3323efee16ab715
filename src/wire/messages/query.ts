/** Query, frontend: the simple protocol. */
import type { Codec } from '../codec.js';

export interface Query {
  readonly kind: 'query';
  /** As the client sent it, possibly not valid UTF-8; a view of the frame. */
  readonly sql: Buffer;
}

export const query: Codec<Query> = {
  decode: (body) => ({ kind: 'query', sql: body.cstringBytes() }),
  encode: (message, body) => void body.cstringBytes(message.sql),
};
