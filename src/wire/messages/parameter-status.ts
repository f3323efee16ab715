/** ParameterStatus, backend. */
import type { ByteString } from '../byte-string.js';
import type { Codec } from '../codec.js';

export interface ParameterStatus {
  readonly kind: 'parameter-status';
  readonly name: ByteString;
  readonly value: ByteString;
}

export const parameterStatus: Codec<ParameterStatus> = {
  decode: (body) => ({ kind: 'parameter-status', name: body.cstring(), value: body.cstring() }),
  encode: (message, body) => void body.cstring(message.name).cstring(message.value),
};
