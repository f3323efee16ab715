/**
 * The secret behind the salts of users that do not exist. It stays as it is over restarts and workers, or an unknown user
 * would be known by a salt that changes; so it lies beside the audit log, which has to outlive both too.
 */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { secretFile } from './secret-file.js';

const NAME = 'mock-authentication.key';
const BYTES = 32;

/** Made by whoever comes first. Rejects what is not 32 bytes: a cut file would be a weak secret. */
export function mockSecret(folder: string): Buffer {
  const path = join(folder, NAME);
  const { secret } = secretFile(path, () => randomBytes(BYTES));
  if (secret.length !== BYTES)
    throw new Error(`${path} is not a secret of ${BYTES} bytes: remove it, and pgveil makes another`);
  return secret;
}
