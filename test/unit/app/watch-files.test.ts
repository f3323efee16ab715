import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { filesSeen, watchFiles } from '../../../src/app/watch-files.js';

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

function folderWith(text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'pgveil-watch-'));
  folders.push(folder);
  mkdirSync(join(folder, 'policies', 'deep'), { recursive: true });
  writeFileSync(join(folder, 'policies', 'deep', 'crm.yaml'), text);
  return folder;
}

async function changesAfter(folder: string, change: () => void): Promise<number> {
  let changes = 0;
  const watch = watchFiles(join(folder, 'policies'), 20, () => {
    changes += 1;
  });
  await sleep(50);
  change();
  await sleep(200);
  watch.close();
  return changes;
}

describe('a changed policy file is noticed', () => {
  it('once when it is written in place', async () => {
    const folder = folderWith('a: 1');
    expect(
      await changesAfter(folder, () => writeFileSync(join(folder, 'policies/deep/crm.yaml'), 'a: 22')),
    ).toBe(1);
  });
  it('once when another file takes its name, as editors save', async () => {
    const folder = folderWith('a: 1');
    writeFileSync(join(folder, 'new.yaml'), 'a: 2');
    const change = (): void => renameSync(join(folder, 'new.yaml'), join(folder, 'policies/deep/crm.yaml'));
    expect(await changesAfter(folder, change)).toBe(1);
  });
  it('once when the folder is a link that is swapped, as Kubernetes does', async () => {
    const folder = folderWith('a: 1');
    mkdirSync(join(folder, 'v2'));
    writeFileSync(join(folder, 'v2', 'crm.yaml'), 'a: 2');
    const change = (): void => {
      renameSync(join(folder, 'policies'), join(folder, 'v1'));
      symlinkSync(join(folder, 'v2'), join(folder, 'policies'));
    };
    expect(await changesAfter(folder, change)).toBe(1);
  });
  it('and other files and silence are not', async () => {
    const folder = folderWith('a: 1');
    expect(await changesAfter(folder, () => writeFileSync(join(folder, 'policies/notes.txt'), 'x'))).toBe(0);
  });

  it('once when it was changed after it was read and before anybody watched', async () => {
    const folder = join(folderWith('a: 1'), 'policies');
    const since = filesSeen(folder);
    writeFileSync(join(folder, 'deep/crm.yaml'), 'a: 22');
    let changes = 0;
    const watch = watchFiles(folder, 20, () => changes++, [], since);
    await sleep(150);
    watch.close();
    expect(changes).toBe(1);
  });
});
