/** Every message that a server may send, as one union and one table of codecs. */
import { type Codec, decodeFrame, emptyCodec, encodeFrame } from './codec.js';
import { type BackendKind, backendTypes, kindByType } from './message-types.js';
import { type Authentication, authentication } from './messages/authentication.js';
import { type BackendKeyData, backendKeyData } from './messages/backend-key-data.js';
import { type CommandComplete, commandComplete } from './messages/command-complete.js';
import { type CopyData, copyData } from './messages/copy-data.js';
import {
  type CopyBothResponse,
  copyBothResponse,
  type CopyInResponse,
  copyInResponse,
  type CopyOutResponse,
  copyOutResponse,
} from './messages/copy-response.js';
import { type DataRow, dataRow } from './messages/data-row.js';
import {
  type ErrorResponse,
  errorResponse,
  type NoticeResponse,
  noticeResponse,
} from './messages/error-response.js';
import { type FunctionCallResponse, functionCallResponse } from './messages/function-call.js';
import {
  type NegotiateProtocolVersion,
  negotiateProtocolVersion,
} from './messages/negotiate-protocol-version.js';
import { type NotificationResponse, notificationResponse } from './messages/notification-response.js';
import { type ParameterDescription, parameterDescription } from './messages/parameter-description.js';
import { type ParameterStatus, parameterStatus } from './messages/parameter-status.js';
import { type ReadyForQuery, readyForQuery } from './messages/ready-for-query.js';
import { type RowDescription, rowDescription } from './messages/row-description.js';
import { ProtocolViolation } from './protocol-violation.js';

/** Buffers in a decoded message are views of the frame; copy what outlives it. */
export type BackendMessage =
  | Authentication
  | BackendKeyData
  | CommandComplete
  | CopyBothResponse
  | CopyData
  | CopyInResponse
  | CopyOutResponse
  | DataRow
  | ErrorResponse
  | FunctionCallResponse
  | NegotiateProtocolVersion
  | NoticeResponse
  | NotificationResponse
  | ParameterDescription
  | ParameterStatus
  | ReadyForQuery
  | RowDescription
  | { readonly kind: 'bind-complete' }
  | { readonly kind: 'close-complete' }
  | { readonly kind: 'copy-done' }
  | { readonly kind: 'empty-query-response' }
  | { readonly kind: 'no-data' }
  | { readonly kind: 'parse-complete' }
  | { readonly kind: 'portal-suspended' };

const codecs = {
  authentication,
  'backend-key-data': backendKeyData,
  'bind-complete': emptyCodec('bind-complete'),
  'close-complete': emptyCodec('close-complete'),
  'command-complete': commandComplete,
  'copy-both-response': copyBothResponse,
  'copy-data': copyData,
  'copy-done': emptyCodec('copy-done'),
  'copy-in-response': copyInResponse,
  'copy-out-response': copyOutResponse,
  'data-row': dataRow,
  'empty-query-response': emptyCodec('empty-query-response'),
  'error-response': errorResponse,
  'function-call-response': functionCallResponse,
  'negotiate-protocol-version': negotiateProtocolVersion,
  'no-data': emptyCodec('no-data'),
  'notice-response': noticeResponse,
  'notification-response': notificationResponse,
  'parameter-description': parameterDescription,
  'parameter-status': parameterStatus,
  'parse-complete': emptyCodec('parse-complete'),
  'portal-suspended': emptyCodec('portal-suspended'),
  'ready-for-query': readyForQuery,
  'row-description': rowDescription,
} satisfies { [K in BackendKind]: Codec<Extract<BackendMessage, { kind: K }>> };

const kinds = kindByType(backendTypes);

/** Reads a whole frame as a framer shows it. Throws ProtocolViolation unless every byte is accounted for. */
export function decodeBackend(frame: Buffer): BackendMessage {
  const kind = kinds[frame[0] ?? 0];
  if (kind === undefined) throw new ProtocolViolation('unknown backend message type');
  return decodeFrame<BackendMessage>(codecs[kind] as Codec<BackendMessage>, frame, kind);
}

/** The message as a whole frame that owns its bytes. */
export function encodeBackend(message: BackendMessage): Buffer {
  // TypeScript cannot see that a message and the codec under its kind belong together; `satisfies` above has.
  return encodeFrame(backendTypes[message.kind], codecs[message.kind] as Codec<BackendMessage>, message);
}
