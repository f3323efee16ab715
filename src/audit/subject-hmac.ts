/**
 * How the key of a data subject is written down: one spelling for every type and format that can hold the same key, and
 * then a keyed HMAC of it, so that events tell nobody whose data was shown but those who hold the key and ask for one
 * person. It reads no rows and no files.
 */
import { createHmac } from 'node:crypto';
import type { KeyKind } from '../enforce/types.js';

/** 16 bytes: two of a hundred million people share one with a probability below 10^-22. */
const HMAC_BYTES = 16;

/** INVARIANT(one-subject-one-hmac): equal keys have equal HMACs, whatever type or format they were shown in. */
export function subjectHmac(key: Buffer, canonicalKey: string): string {
  return createHmac('sha256', key).update(canonicalKey, 'utf8').digest().toString('base64url', 0, HMAC_BYTES);
}

/** Names the key in events, so that whoever asks with another one is told, and not answered "nobody". Tells nothing of it. */
export function subjectKeyName(key: Buffer): string {
  return createHmac('sha256', key).update('pgveil: the name of this key', 'utf8').digest('hex').slice(0, 8);
}

const NUMBER = /^([+-]?)0*(\d*)(?:\.(\d*?)0*)?$/;
const BYTEA_HEX = /^\\x[0-9a-f]*$/i;
/** As the server reads it (PostgreSQL manual, 8.12 UUID Type). */
const UUID = /^(?:[0-9a-f]{4}-?){7}[0-9a-f]{4}$/i;

/**
 * The one spelling of a key.
 * @param text - the server's text output for it
 */
export function canonicalKey(text: string, kind: KeyKind): string {
  switch (kind) {
    case 'number':
      return canonicalNumber(text);
    case 'uuid':
      return canonicalUuid(text);
    // The server pads bpchar and compares without the padding (bpchareq in src/backend/utils/adt/varchar.c).
    case 'bpchar':
      return text.replace(/ +$/, '');
    case 'bytea':
      return BYTEA_HEX.test(text) ? text.toLowerCase() : `\\x${escapedBytes(text).toString('hex')}`;
    case 'text':
    case 'other':
      return text;
  }
}

/**
 * Every spelling that a key may have been recorded under, when only what somebody typed is known of it. The first is the
 * text as typed; others follow where it reads as a number, a uuid or a bytea in another spelling.
 */
export function canonicalSpellings(typed: string): readonly string[] {
  const spellings = new Set([typed]);
  if (/\d/.test(typed) && NUMBER.test(typed)) spellings.add(canonicalNumber(typed));
  const bare = /^\{(.*)\}$/.exec(typed)?.[1] ?? typed;
  if (UUID.test(bare)) spellings.add(canonicalUuid(bare));
  if (BYTEA_HEX.test(typed)) spellings.add(typed.toLowerCase());
  // Of a bpchar, as a client has it from the server.
  spellings.add(canonicalKey(typed, 'bpchar'));
  return [...spellings];
}

function canonicalUuid(text: string): string {
  const hex = text.toLowerCase().replaceAll('-', '');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

/** `042`, `42.00` and `+42` are 42; NaN and Infinity are left as they are. */
function canonicalNumber(text: string): string {
  const [, sign, whole = '', fraction = ''] = NUMBER.exec(text) ?? [];
  if (sign === undefined) return text;
  const digits = (whole === '' ? '0' : whole) + (fraction === '' ? '' : `.${fraction}`);
  return sign === '-' && digits !== '0' ? `-${digits}` : digits;
}

/** bytea_output = escape: octal triples, and a doubled backslash (PostgreSQL manual, 8.4.2). */
function escapedBytes(text: string): Buffer {
  const bytes = text.replace(/\\(\\|[0-7]{3})/g, (_, code: string) =>
    code === '\\' ? '\\' : String.fromCharCode(Number.parseInt(code, 8)),
  );
  return Buffer.from(bytes, 'latin1');
}
