/** A secret in a file that several workers share: made once, whole or not at all, and for its owner alone. */
import { randomBytes } from 'node:crypto';
import {
  accessSync,
  closeSync,
  constants,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
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
    throw new Error(
      `the folder of audit.spool cannot be written (${codeOf(cause)}): make ${folder}, and give it to the user that runs pgveil`,
      { cause },
    );
  }
  let made = false;
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      return { secret: readFileSync(path), made };
    } catch (cause) {
      const code = codeOf(cause);
      if (code !== 'ENOENT')
        throw new Error(`${path} cannot be read (${code}): give it to the user that runs pgveil`, { cause });
    }
    // Whole or not at all, also for another worker that looks at this moment.
    const draft = `${path}.${process.pid}.${randomBytes(4).toString('hex')}`;
    try {
      writeSynced(draft, make());
      linkSync(draft, path);
      syncFolder(folder);
      made = true;
    } catch (cause) {
      const code = codeOf(cause);
      if (code === 'EEXIST') continue;
      throw new Error(
        `${path} could not be made (${code}): free space on its disk or repair it, and start pgveil again`,
        { cause },
      );
    } finally {
      rmSync(draft, { force: true });
    }
  }
  return { secret: readFileSync(path), made };
}

function codeOf(cause: unknown): string {
  return cause instanceof Error && 'code' in cause ? String(cause.code) : 'unusable';
}

/** What a secret has been used for outlives a power failure, so the secret has to (fsync(2)). */
function writeSynced(path: string, secret: Buffer): void {
  const fd = openSync(path, 'wx', 0o600);
  try {
    writeFileSync(fd, secret);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** The name of the file too. */
function syncFolder(folder: string): void {
  const fd = openSync(folder, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
