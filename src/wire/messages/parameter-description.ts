/** ParameterDescription, backend. */
import type { Codec } from '../codec.js';

export interface ParameterDescription {
  readonly kind: 'parameter-description';
  /** Object IDs. */
  readonly parameterTypes: readonly number[];
}

export const parameterDescription: Codec<ParameterDescription> = {
  decode: (body) => ({
    kind: 'parameter-description',
    parameterTypes: body.list(body.count16(), (item) => item.oid()),
  }),
  encode: (message, body) => void body.list16(message.parameterTypes, (item, type) => item.oid(type)),
};
