/** NotificationResponse, backend: what NOTIFY sent. */
import type { ByteString } from '../byte-string.js';
import type { Codec } from '../codec.js';

export interface NotificationResponse {
  readonly kind: 'notification-response';
  readonly processId: number;
  readonly channel: ByteString;
  readonly payload: ByteString;
}

export const notificationResponse: Codec<NotificationResponse> = {
  decode: (body) => ({
    kind: 'notification-response',
    processId: body.int32(),
    channel: body.cstring(),
    payload: body.cstring(),
  }),
  encode: (message, body) =>
    void body.int32(message.processId).cstring(message.channel).cstring(message.payload),
};
