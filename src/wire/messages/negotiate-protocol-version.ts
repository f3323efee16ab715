/** NegotiateProtocolVersion, backend. */
import type { ByteString } from '../byte-string.js';
import type { Codec } from '../codec.js';

export interface NegotiateProtocolVersion {
  readonly kind: 'negotiate-protocol-version';
  /** The whole version word, e.g. 0x00030000 for 3.0, as SendNegotiateProtocolVersion (backend_startup.c) sends it. */
  readonly newestVersion: number;
  readonly unknownOptions: readonly ByteString[];
}

export const negotiateProtocolVersion: Codec<NegotiateProtocolVersion> = {
  decode: (body) => ({
    kind: 'negotiate-protocol-version',
    newestVersion: body.int32(),
    unknownOptions: body.list(body.count32(), (item) => item.cstring()),
  }),
  encode: (message, body) => {
    body.int32(message.newestVersion).int32(message.unknownOptions.length);
    for (const option of message.unknownOptions) body.cstring(option);
  },
};
