/**
 * HMAC-SHA-256 (RFC 2104) in plain SQL. pg_catalog has sha256 since 11 and no hmac, so the two key pads are computed
 * here and only the two hash calls run in the server. pgcrypto is not needed.
 */
import { createHash } from 'node:crypto';
import { call, literal, op, textLiteral } from '../sql-text.js';

const BLOCK = 64;

function pad(key: Buffer, byte: number): string {
  const block = Buffer.alloc(BLOCK);
  (key.length > BLOCK ? createHash('sha256').update(key).digest() : key).copy(block);
  return call(
    'decode',
    textLiteral(Buffer.from(block.map((one) => one ^ byte)).toString('hex')),
    textLiteral('hex'),
  );
}

/** The bytes of a text in the database's own encoding. decode's escape form cannot fail once backslashes are doubled. */
export function textBytes(text: string): string {
  const doubled = call(
    'replace',
    text,
    `${literal('\\')}::pg_catalog.text`,
    `${literal('\\\\')}::pg_catalog.text`,
  );
  return call('decode', doubled, textLiteral('escape'));
}

/** A bytea of 32 bytes. */
export function hmacSha256(key: Buffer, bytes: string): string {
  const inner = call('sha256', op(pad(key, 0x36), '||', bytes));
  return call('sha256', op(pad(key, 0x5c), '||', inner));
}

/** The digest's first bits (at most 63) as a whole number that is never negative. */
export function digestNumber(digest: string, bits: 15 | 31 | 63): string {
  const hex = call('encode', digest, textLiteral('hex'));
  const text = op(textLiteral('x'), '||', call('left', hex, '16'));
  return `((${text}::bit(${bits}))::${bits === 63 ? 'bigint' : 'integer'})`;
}
