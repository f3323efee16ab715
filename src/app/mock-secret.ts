/**
 * The secret behind the salts of users that do not exist. It stays as it is over restarts and workers, or an unknown user
 * would be known by a salt that changes; so it lies beside the audit log, which has to outlive both too.
 */
import { randomBytes } from 'node:crypto';
import { accessSync, constants, linkSync, mkdirSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const NAME = 'mock-authentication.key';
const BYTES = 32;

/** Made by whoever comes first. Rejects what is not 32 bytes: a cut file would be a weak secret. */
export function mockSecret(folder: string): Buffer {
  const path = join(folder, NAME);
  try {
    mkdirSync(folder, { recursive: true });
    accessSync(folder, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unusable';
    throw new Error(
      `the folder of audit.spool cannot be written (${code}): make ${folder}, and give it to the user that runs pgveil`,
      { cause },
    );
  }
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      const secret = readFileSync(path);
      if (secret.length !== BYTES)
        throw new Error(`${path} is not a secret of ${BYTES} bytes: remove it, and pgveil makes another`);
      return secret;
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
    }
    // Whole or not at all, also for another worker that looks at this moment.
    const draft = `${path}.${process.pid}.${randomBytes(4).toString('hex')}`;
    writeFileSync(draft, randomBytes(BYTES), { mode: 0o600, flag: 'wx' });
    try {
      linkSync(draft, path);
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
    } finally {
      unlinkSync(draft);
    }
  }
  return readFileSync(path);
}
