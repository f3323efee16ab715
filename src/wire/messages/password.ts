/**
 * The four frontend messages of type 'p'. Only the state of the log-in tells which one it is (PostgreSQL manual, 54.7),
 * so the codec keeps the bytes, and whoever knows the state takes them apart here.
 */
import { BodyReader } from '../body-reader.js';
import { BodyWriter } from '../body-writer.js';
import type { ByteString } from '../byte-string.js';
import type { Codec } from '../codec.js';

export interface Password {
  readonly kind: 'password';
  readonly data: Buffer;
}

export interface SaslInitialResponse {
  readonly mechanism: ByteString;
  /** Null: the client sent none (length -1). */
  readonly response: Buffer | null;
}

export const password: Codec<Password> = {
  decode: (body) => ({ kind: 'password', data: body.rest() }),
  encode: (message, body) => void body.bytes(message.data),
};

/** PasswordMessage: the password, or its md5 digest, without the terminator. */
export function readPassword(message: Password): Buffer {
  const body = new BodyReader(message.data, 0, 'password');
  const secret = body.cstringBytes();
  body.end();
  return secret;
}

export function passwordMessage(secret: Uint8Array): Password {
  return { kind: 'password', data: new BodyWriter().cstringBytes(secret).finish() };
}

export function readSaslInitialResponse(message: Password): SaslInitialResponse {
  const body = new BodyReader(message.data, 0, 'SASL initial response');
  const read = { mechanism: body.cstring(), response: body.value() };
  body.end();
  return read;
}

export function saslInitialResponse(response: SaslInitialResponse): Password {
  const body = new BodyWriter().cstring(response.mechanism).value(response.response);
  return { kind: 'password', data: body.finish() };
}
