/** FunctionCall (frontend) and FunctionCallResponse (backend): the fast path, PostgreSQL manual, 54.2.6. */
import type { Codec } from '../codec.js';

export interface FunctionCall {
  readonly kind: 'function-call';
  readonly functionOid: number;
  readonly argumentFormats: readonly number[];
  readonly arguments: readonly (Buffer | null)[];
  readonly resultFormat: number;
}

export interface FunctionCallResponse {
  readonly kind: 'function-call-response';
  readonly value: Buffer | null;
}

export const functionCall: Codec<FunctionCall> = {
  decode: (body) => ({
    kind: 'function-call',
    functionOid: body.oid(),
    argumentFormats: body.list(body.count16(), (item) => item.int16()),
    arguments: body.list(body.count16(), (item) => item.value()),
    resultFormat: body.int16(),
  }),
  encode: (message, body) =>
    void body
      .oid(message.functionOid)
      .list16(message.argumentFormats, (item, format) => item.int16(format))
      .list16(message.arguments, (item, value) => item.value(value))
      .int16(message.resultFormat),
};

export const functionCallResponse: Codec<FunctionCallResponse> = {
  decode: (body) => ({ kind: 'function-call-response', value: body.value() }),
  encode: (message, body) => void body.value(message.value),
};
