/** DataRow, backend. The relay hops over rows; this is for whoever makes or must read one. */
import type { Codec } from '../codec.js';

export interface DataRow {
  readonly kind: 'data-row';
  readonly values: readonly (Buffer | null)[];
}

export const dataRow: Codec<DataRow> = {
  decode: (body) => ({ kind: 'data-row', values: body.list(body.count16(), (item) => item.value()) }),
  encode: (message, body) => void body.list16(message.values, (item, value) => item.value(value)),
};
