/** CopyInResponse, CopyOutResponse and CopyBothResponse, backend: one layout. */
import type { Codec } from '../codec.js';

export interface CopyResponse<K extends string> {
  readonly kind: K;
  /** 0 text, 1 binary. */
  readonly format: number;
  readonly columnFormats: readonly number[];
}

function copyResponse<const K extends string>(kind: K): Codec<CopyResponse<K>> {
  return {
    decode: (body) => ({
      kind,
      format: body.byte(),
      columnFormats: body.list(body.count16(), (item) => item.int16()),
    }),
    encode: (message, body) =>
      void body.byte(message.format).list16(message.columnFormats, (item, format) => item.int16(format)),
  };
}

export type CopyInResponse = CopyResponse<'copy-in-response'>;
export type CopyOutResponse = CopyResponse<'copy-out-response'>;
export type CopyBothResponse = CopyResponse<'copy-both-response'>;

export const copyInResponse = copyResponse('copy-in-response');
export const copyOutResponse = copyResponse('copy-out-response');
export const copyBothResponse = copyResponse('copy-both-response');
