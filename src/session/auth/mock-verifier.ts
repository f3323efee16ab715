/**
 * A verifier for users who have none (mock_scram_secret in src/backend/libpq/auth-scram.c): the same user is shown the
 * same salt by every worker and after a restart, as a real one would be, and no proof fits it.
 */
import { createHmac } from 'node:crypto';
import { KEY_BYTES, SALT_BYTES, type ScramVerifier } from './scram-keys.js';

/** Also the salt of users whose password is known in clear: they are not told from users that do not exist. */
export function derivedSalt(secret: Buffer, user: string): Buffer {
  return createHmac('sha256', secret).update(`salt of ${user}`).digest().subarray(0, SALT_BYTES);
}

/** @param iterations - as the real verifiers have */
export function mockVerifier(secret: Buffer, user: string, iterations: number): ScramVerifier {
  const nothing = Buffer.alloc(KEY_BYTES);
  return { iterations, salt: derivedSalt(secret, user), storedKey: nothing, serverKey: nothing };
}
