/** Bind, frontend. */
import type { ByteString } from '../byte-string.js';
import type { Codec } from '../codec.js';

export interface Bind {
  readonly kind: 'bind';
  /** Empty: the unnamed portal. */
  readonly portal: ByteString;
  readonly statement: ByteString;
  /** 0 text, 1 binary; none: all text, one: for all. The server checks that the number fits. */
  readonly parameterFormats: readonly number[];
  /** Views of the frame; null is NULL. */
  readonly parameters: readonly (Buffer | null)[];
  readonly resultFormats: readonly number[];
}

export const bind: Codec<Bind> = {
  decode: (body) => ({
    kind: 'bind',
    portal: body.cstring(),
    statement: body.cstring(),
    parameterFormats: body.list(body.count16(), (item) => item.int16()),
    parameters: body.list(body.count16(), (item) => item.value()),
    resultFormats: body.list(body.count16(), (item) => item.int16()),
  }),
  encode: (message, body) =>
    void body
      .cstring(message.portal)
      .cstring(message.statement)
      .list16(message.parameterFormats, (item, format) => item.int16(format))
      .list16(message.parameters, (item, value) => item.value(value))
      .list16(message.resultFormats, (item, format) => item.int16(format)),
};
