/** BackendKeyData, backend. */
import type { Codec } from '../codec.js';
import { MAX_CANCEL_KEY_BYTES, MIN_CANCEL_KEY_BYTES } from '../startup.js';

export interface BackendKeyData {
  readonly kind: 'backend-key-data';
  readonly processId: number;
  /** 4 bytes in protocol 3.0, up to 256 in 3.2. */
  readonly secretKey: Buffer;
}

export const backendKeyData: Codec<BackendKeyData> = {
  decode: (body) => {
    const processId = body.int32();
    const secretKey = body.rest();
    if (secretKey.length < MIN_CANCEL_KEY_BYTES || secretKey.length > MAX_CANCEL_KEY_BYTES)
      body.fail('a cancel key of impossible length');
    return { kind: 'backend-key-data', processId, secretKey };
  },
  encode: (message, body) => void body.int32(message.processId).bytes(message.secretKey),
};
