/**
 * A disk that can be filled: a tmpfs where we may mount one (root, with CAP_SYS_ADMIN), so that the spool alone
 * runs out of space. It is unmounted however we end.
 */
import { execFile, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

export interface SmallDisk {
  readonly path: string;
  /** Leaves no free byte. */
  fill(): void;
  free(): void;
  stop(): Promise<void>;
}

const run = promisify(execFile);

/** Undefined where nothing may be mounted. */
export async function mountSmallDisk(path: string, size = '1g'): Promise<SmallDisk | undefined> {
  mkdirSync(path, { recursive: true });
  try {
    await run('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'pgveil-soak', path]);
  } catch {
    return undefined;
  }
  // The kernel closes our end of the pipe when we die, also from SIGKILL; lazily, since a proxy may still have files open.
  const guard = spawn('/bin/sh', ['-c', 'read -r _; umount -l "$1"', 'sh', path], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
    cwd: '/',
  });
  guard.unref();
  (guard.stdin as typeof guard.stdin & { unref(): void }).unref();
  const ballast = join(path, 'ballast');
  return {
    path,
    fill() {
      const { bavail, bsize } = statfsSync(path);
      const fd = openSync(ballast, 'a');
      try {
        const block = Buffer.alloc(1024 * 1024);
        for (let left = bavail * bsize + block.length; left > 0; left -= block.length) writeSync(fd, block);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
      } finally {
        closeSync(fd);
      }
    },
    free: () => rmSync(ballast, { force: true }),
    async stop() {
      guard.kill('SIGKILL');
      await run('umount', ['-l', path]);
    },
  };
}
