/**
 * Whether a message is what its type says, to the last byte, without making an object of it: for whoever passes the bytes
 * on. It knows layouts, as the codecs do, and no sessions.
 */
import { decodeBackend } from './backend-message.js';
import type { BodyReader } from './body-reader.js';
import { openFrame } from './codec.js';
import { decodeFrontend } from './frontend-message.js';
import { backendTypes, frontendTypes } from './message-types.js';

const type = backendTypes;
const HEADER_BYTES = 5;
/** Behind a field's name: table, column, type, size, typmod, format. */
const ROW_FIELD_BYTES = 18;

/** INVARIANT(answers-well-formed): what throws ProtocolViolation here is exactly what decodeBackend would not read. */
export function requireWellFormed(frame: Buffer): void {
  const body = openFrame(frame, 'backend');
  switch (frame[0]) {
    case type['ready-for-query']:
      if (body.remaining === 1 && isStatus(frame[HEADER_BYTES]!)) return;
      break;
    case type['parse-complete']:
    case type['bind-complete']:
    case type['close-complete']:
    case type['no-data']:
    case type['portal-suspended']:
    case type['empty-query-response']:
    case type['copy-done']:
      if (body.remaining === 0) return;
      break;
    case type['command-complete']:
      if (body.remaining > 0 && frame.indexOf(0, HEADER_BYTES) === frame.length - 1) return;
      break;
    case type['row-description']:
      requireRowDescription(body);
      return;
    default:
      break;
  }
  decodeBackend(frame);
}

/** INVARIANT(requests-well-formed): what throws ProtocolViolation here is exactly what decodeFrontend would not read. */
export function requireWellFormedRequest(frame: Buffer): void {
  switch (frame[0]) {
    case frontendTypes.bind:
      requireBind(openFrame(frame, 'bind'));
      return;
    case frontendTypes.parse: {
      const body = openFrame(frame, 'parse');
      body.cstringBytes();
      body.cstringBytes();
      body.bytes(4 * body.count16());
      body.end();
      return;
    }
    case frontendTypes.sync:
    case frontendTypes.flush:
    case frontendTypes['copy-done']:
      openFrame(frame, 'empty').end();
      return;
    default:
      decodeFrontend(frame);
  }
}

function requireBind(body: BodyReader): void {
  body.cstringBytes();
  body.cstringBytes();
  body.bytes(2 * body.count16());
  const parameters = body.count16();
  for (let parameter = 0; parameter < parameters; parameter++) body.value();
  body.bytes(2 * body.count16());
  body.end();
}

/** I, T or E. */
function isStatus(byte: number): boolean {
  return byte === 0x49 || byte === 0x54 || byte === 0x45;
}

function requireRowDescription(body: BodyReader): void {
  const fields = body.count16();
  for (let field = 0; field < fields; field++) {
    body.cstringBytes();
    body.bytes(ROW_FIELD_BYTES);
  }
  body.end();
}
