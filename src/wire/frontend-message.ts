/** Every message that a client may send after the startup packet, as one union and one table of codecs. */
import { type Codec, decodeFrame, emptyCodec, encodeFrame } from './codec.js';
import { type FrontendKind, frontendTypes, kindByType } from './message-types.js';
import { type Bind, bind } from './messages/bind.js';
import { type CopyData, copyData } from './messages/copy-data.js';
import { type CopyFail, copyFail } from './messages/copy-fail.js';
import { type Close, close, type Describe, describe } from './messages/describe-close.js';
import { type Execute, execute } from './messages/execute.js';
import { type FunctionCall, functionCall } from './messages/function-call.js';
import { type Parse, parse } from './messages/parse.js';
import { type Password, password } from './messages/password.js';
import { type Query, query } from './messages/query.js';
import { ProtocolViolation } from './protocol-violation.js';

/** Buffers in a decoded message are views of the frame; copy what outlives it. */
export type FrontendMessage =
  | Bind
  | Close
  | CopyData
  | CopyFail
  | Describe
  | Execute
  | FunctionCall
  | Parse
  | Password
  | Query
  | { readonly kind: 'copy-done' }
  | { readonly kind: 'flush' }
  | { readonly kind: 'sync' }
  | { readonly kind: 'terminate' };

const codecs = {
  bind,
  close,
  'copy-data': copyData,
  'copy-done': emptyCodec('copy-done'),
  'copy-fail': copyFail,
  describe,
  execute,
  flush: emptyCodec('flush'),
  'function-call': functionCall,
  parse,
  password,
  query,
  sync: emptyCodec('sync'),
  terminate: emptyCodec('terminate'),
} satisfies { [K in FrontendKind]: Codec<Extract<FrontendMessage, { kind: K }>> };

const kinds = kindByType(frontendTypes);

/** Reads a whole frame as a framer shows it. Throws ProtocolViolation unless every byte is accounted for. */
export function decodeFrontend(frame: Buffer): FrontendMessage {
  const kind = kinds[frame[0] ?? 0];
  if (kind === undefined) throw new ProtocolViolation('unknown frontend message type');
  return decodeFrame<FrontendMessage>(codecs[kind] as Codec<FrontendMessage>, frame, kind);
}

/** The message as a whole frame that owns its bytes. */
export function encodeFrontend(message: FrontendMessage): Buffer {
  // TypeScript cannot see that a message and the codec under its kind belong together; `satisfies` above has.
  return encodeFrame(frontendTypes[message.kind], codecs[message.kind] as Codec<FrontendMessage>, message);
}
