/**
 * Conversions between text, bytes and ByteString. The only place where a string is branded as bytes by itself;
 * it must know nothing of SQL.
 */
import type { ByteString } from './types.js';

/** The UTF-8 bytes of a text. */
export function toByteString(text: string): ByteString {
  // Most SQL is ASCII, where a text and its UTF-8 bytes are the same characters.
  return (isAscii(text) ? text : Buffer.from(text, 'utf8').toString('latin1')) as ByteString;
}

/** Bytes as they came from the wire; they may be invalid UTF-8, which the lexer refuses. */
export function fromBytes(bytes: Uint8Array): ByteString {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1') as ByteString;
}

export function toBytes(bytes: ByteString): Buffer {
  return Buffer.from(bytes, 'latin1');
}

/** The text that the bytes spell in UTF-8; an invalid sequence becomes U+FFFD. */
export function byteStringToText(bytes: ByteString): string {
  return isAscii(bytes) ? bytes : Buffer.from(bytes, 'latin1').toString('utf8');
}

/** A part of a ByteString is one too. */
export function sliceBytes(bytes: ByteString, start: number, end?: number): ByteString {
  return bytes.slice(start, end) as ByteString;
}

function isAscii(text: string): boolean {
  return !/[^\0-\x7f]/.test(text);
}
