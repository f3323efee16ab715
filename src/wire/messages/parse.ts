/** Parse, frontend. */
import type { ByteString } from '../byte-string.js';
import type { Codec } from '../codec.js';

export interface Parse {
  readonly kind: 'parse';
  /** Empty: the unnamed statement. */
  readonly statement: ByteString;
  /** As the client sent it, possibly not valid UTF-8; a view of the frame. */
  readonly sql: Buffer;
  /** Object IDs; 0 leaves the type to the server. */
  readonly parameterTypes: readonly number[];
}

export const parse: Codec<Parse> = {
  decode: (body) => ({
    kind: 'parse',
    statement: body.cstring(),
    sql: body.cstringBytes(),
    parameterTypes: body.list(body.count16(), (item) => item.oid()),
  }),
  encode: (message, body) =>
    void body
      .cstring(message.statement)
      .cstringBytes(message.sql)
      .list16(message.parameterTypes, (item, type) => item.oid(type)),
};
