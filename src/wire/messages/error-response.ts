/** ErrorResponse and NoticeResponse, backend: one layout (PostgreSQL manual, 54.8 Error and Notice Message Fields). */
import { type ByteString, fromByteString, toByteString } from '../byte-string.js';
import { type Codec, encodeFrame } from '../codec.js';
import { backendTypes } from '../message-types.js';

/** A field's one-letter code, as a byte string, and its value. */
export type ErrorField = readonly [code: ByteString, value: ByteString];

export interface ErrorFields<K extends string> {
  readonly kind: K;
  /** In the server's order; unknown codes are kept, as the manual asks of readers. */
  readonly fields: readonly ErrorField[];
}

function errorFields<const K extends string>(kind: K): Codec<ErrorFields<K>> {
  return {
    decode: (body) => {
      const fields: ErrorField[] = [];
      for (;;) {
        const code = body.byte();
        if (code === 0) return { kind, fields };
        fields.push([String.fromCharCode(code), body.cstring()]);
      }
    },
    encode: (message, body) => {
      for (const [code, value] of message.fields) {
        if (code.length !== 1 || code === '\0')
          throw new RangeError('an error field code is one byte, not NUL');
        body.byte(code.charCodeAt(0)).cstring(value);
      }
      body.byte(0);
    },
  };
}

export type ErrorResponse = ErrorFields<'error-response'>;
export type NoticeResponse = ErrorFields<'notice-response'>;

export const errorResponse = errorFields('error-response');
export const noticeResponse = errorFields('notice-response');

/** The first field of that code as ordinary text: 'S' severity, 'V' severity unlocalised, 'C' SQLSTATE, 'M' message, … */
export function errorField(message: ErrorResponse | NoticeResponse, code: string): string | undefined {
  const value = message.fields.find((field) => field[0] === code)?.[1];
  return value === undefined ? undefined : fromByteString(value);
}

export interface ErrorText {
  readonly severity: 'ERROR' | 'FATAL' | 'PANIC';
  readonly sqlstate: string;
  readonly message: string;
  readonly detail?: string | undefined;
  readonly hint?: string | undefined;
  /** In the client's text, in characters from 1. */
  readonly position?: number | undefined;
}

/** A whole ErrorResponse frame from ordinary text. Clients since 9.6 read V where S may be translated, so both are sent. */
export function encodeErrorResponse(text: ErrorText): Buffer {
  const fields: ErrorField[] = [
    field('S', text.severity),
    field('V', text.severity),
    field('C', text.sqlstate),
    field('M', text.message),
  ];
  if (text.detail !== undefined) fields.push(field('D', text.detail));
  if (text.hint !== undefined) fields.push(field('H', text.hint));
  if (text.position !== undefined) fields.push(field('P', String(text.position)));
  return encodeFrame(backendTypes['error-response'], errorResponse, { kind: 'error-response', fields });
}

/** A NUL would end the field early; an error about an error helps nobody, so it becomes a replacement character. */
function field(code: string, value: string): ErrorField {
  return [code, toByteString(value.replaceAll('\0', '\ufffd'))];
}
