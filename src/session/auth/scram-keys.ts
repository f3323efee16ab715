/**
 * The keys of SCRAM-SHA-256 (RFC 5802, section 3; RFC 7677) and the verifier that PostgreSQL keeps of them in
 * pg_authid.rolpassword (src/common/scram-common.c). It computes; it knows no messages and no users.
 */
import { createHash, createHmac, pbkdf2, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { strictBase64 } from './base64.js';

/** SCRAM_SHA_256_KEY_LEN in src/include/common/scram-common.h. */
export const KEY_BYTES = 32;
/** SCRAM_DEFAULT_SALT_LEN. */
export const SALT_BYTES = 16;
/** SCRAM_SHA_256_DEFAULT_ITERATIONS. */
export const DEFAULT_ITERATIONS = 4096;

/** What a server keeps: enough to check a proof, not enough to make one. */
export interface ScramVerifier {
  readonly iterations: number;
  readonly salt: Buffer;
  readonly storedKey: Buffer;
  readonly serverKey: Buffer;
}

const VERIFIER = /^SCRAM-SHA-256\$(\d{1,9}):([^:$]+)\$([^:$]+):([^:$]+)$/;

/** `SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>`; undefined when it is none (parse_scram_secret). */
export function parseScramVerifier(text: string): ScramVerifier | undefined {
  const [, count, ...encoded] = VERIFIER.exec(text) ?? [];
  const [salt, storedKey, serverKey] = encoded.map(strictBase64);
  const iterations = Number(count);
  if (salt === undefined || salt.length === 0 || !(iterations > 0)) return undefined;
  if (storedKey?.length !== KEY_BYTES || serverKey?.length !== KEY_BYTES) return undefined;
  return { iterations, salt, storedKey, serverKey };
}

export interface ScramKeys {
  readonly clientKey: Buffer;
  readonly storedKey: Buffer;
  readonly serverKey: Buffer;
}

const derive = promisify(pbkdf2);

/** The expensive step, done off the main thread. `password` is normalised already. */
export async function keysOf(password: Buffer, salt: Buffer, iterations: number): Promise<ScramKeys> {
  const salted = await derive(password, salt, iterations, KEY_BYTES, 'sha256');
  const clientKey = hmac(salted, 'Client Key');
  const keys = { clientKey, storedKey: sha256(clientKey), serverKey: hmac(salted, 'Server Key') };
  salted.fill(0);
  return keys;
}

export function sha256(data: Buffer): Buffer {
  return createHash('sha256').update(data).digest();
}

/** `text` is a byte string. */
export function hmac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text, 'latin1').digest();
}

/** Of two keys of one length. */
export function xor(a: Buffer, b: Buffer): Buffer {
  const result = Buffer.alloc(a.length);
  for (let index = 0; index < a.length; index++) result[index] = a[index]! ^ b[index]!;
  return result;
}

/** In a time that does not tell where they differ. */
export function sameBytes(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}
