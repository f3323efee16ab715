/** A secret in a file that several workers share: made once, whole or not at all, and for its owner alone. */
import { randomBytes } from 'node:crypto';
import { accessSync, constants, linkSync, mkdirSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/** Made by whoever comes first. */
export function secretFile(
  path: string,
  make: () => Buffer,
): { readonly secret: Buffer; readonly made: boolean } {
  const folder = dirname(path);
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
  let made = false;
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      return { secret: readFileSync(path), made };
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
    }
    // Whole or not at all, also for another worker that looks at this moment.
    const draft = `${path}.${process.pid}.${randomBytes(4).toString('hex')}`;
    writeFileSync(draft, make(), { mode: 0o600, flag: 'wx' });
    try {
      linkSync(draft, path);
      made = true;
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
    } finally {
      unlinkSync(draft);
    }
  }
  return { secret: readFileSync(path), made };
}
