/**
 * A disk whose fdatasync fails for real: ext2 on a loop device whose file stands, full of holes, on a small tmpfs. Once the
 * tmpfs is full, writes still succeed (into the page cache), and the sync behind them cannot put them anywhere: the state
 * that PostgreSQL calls fsyncgate. `remount` throws away every page that is not really there.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { mountSmallDisk, type SmallDisk } from '../soak/audit/small-disk.js';

export interface FailingDisk {
  readonly path: string;
  /** From now on nothing new reaches the disk. */
  break(): void;
  repair(): void;
  remount(): void;
  stop(): Promise<void>;
}

const run = (command: string, ...words: string[]): string =>
  execFileSync(command, words, { stdio: ['ignore', 'pipe', 'pipe'], encoding: 'utf8' });

/** A tmpfs that can be filled. These tests are about real disks: without the right to mount one there is nothing to test. */
export async function smallDisk(path: string, size: string): Promise<SmallDisk> {
  const disk = await mountSmallDisk(path, size);
  if (disk === undefined) throw new Error('this test mounts file systems: run it as root (CAP_SYS_ADMIN)');
  return disk;
}

export async function failingDisk(directory: string): Promise<FailingDisk> {
  const below = await smallDisk(join(directory, 'below'), '8m');
  const image = join(below.path, 'image');
  const path = join(directory, 'disk');
  mkdirSync(path);
  run('truncate', '-s', '64M', image);
  run('mkfs.ext2', '-q', '-F', '-m', '0', '-b', '4096', image);
  const mount = (): void => void run('mount', '-o', 'loop', image, path);
  mount();
  return {
    path,
    break: () => below.fill(),
    repair: () => below.free(),
    remount() {
      run('umount', path);
      mount();
    },
    async stop() {
      run('umount', '-l', path);
      await below.stop();
    },
  };
}
