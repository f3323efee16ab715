import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { mockSecret } from '../../../src/app/mock-secret.js';
import { secretFile } from '../../../src/app/secret-file.js';
import { failingDisk, smallDisk } from '../../support/failing-disk.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pgveil-secret-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('processes that start together on a fresh folder make one secret, and all of them use it', async () => {
  const rounds = 20;
  const script = `
    import { randomBytes } from 'node:crypto';
    import { secretFile } from './src/app/secret-file.ts';
    process.stdout.write('up ');
    process.stdin.once('data', (data) => {
      const start = Number(data);
      for (let round = 0; round < ${rounds}; round++) {
        while (Date.now() < start + 15 * round);
        const path = ${JSON.stringify(folder)} + '/' + round + '/key';
        const { secret, made } = secretFile(path, () => randomBytes(8));
        process.stdout.write(round + ':' + secret.toString('hex') + ':' + made + ' ');
      }
      process.stdin.destroy();
    });`;
  const children = [1, 2].map(() =>
    spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
      stdio: ['pipe', 'pipe', 'inherit'],
    }),
  );
  const said = children.map(() => '');
  children.forEach((child, index) =>
    child.stdout.on('data', (data: Buffer) => (said[index] = `${said[index] ?? ''}${data.toString()}`)),
  );
  const ended = children.map((child) => once(child, 'close'));
  await expect.poll(() => said.every((text) => text.includes('up')), { timeout: 15_000 }).toBe(true);
  for (const child of children) child.stdin.write(`${Date.now() + 50}\n`);
  await Promise.all(ended);
  const answers = said.flatMap((text) => text.match(/\d+:[0-9a-f]{16}:(?:true|false)/g) ?? []);
  expect(answers).toHaveLength(2 * rounds);
  expect(new Set(answers.map((answer) => answer.slice(0, answer.lastIndexOf(':')))).size).toBe(rounds);
  expect(answers.filter((answer) => answer.endsWith('true'))).toHaveLength(rounds);
  for (let round = 0; round < rounds; round++) {
    expect(readdirSync(join(folder, `${round}`))).toEqual(['key']);
    expect(statSync(join(folder, `${round}`, 'key')).mode & 0o777).toBe(0o600);
  }
});

const make = (): Buffer => Buffer.alloc(32, 1);

test('a full disk gives no secret and leaves nothing behind, and the next start makes it', async () => {
  const disk = await smallDisk(join(folder, 'disk'), '1m');
  try {
    const path = join(disk.path, 'audit', 'key');
    mkdirSync(join(disk.path, 'audit'));
    disk.fill();
    for (let start = 0; start < 3; start++)
      expect(() => secretFile(path, make)).toThrow(
        /key could not be made \(ENOSPC\): free space on its disk/,
      );
    expect(readdirSync(join(disk.path, 'audit'))).toEqual([]);
    disk.free();
    expect(secretFile(path, make)).toEqual({ secret: make(), made: true });
    expect(secretFile(path, () => Buffer.alloc(32, 2))).toEqual({ secret: make(), made: false });
  } finally {
    await disk.stop();
  }
});

test('no secret is used that the disk has not really taken', async () => {
  const disk = await failingDisk(folder);
  try {
    disk.break();
    expect(() => secretFile(join(disk.path, 'key'), () => Buffer.alloc(20 * 4096, 1))).toThrow(
      /key could not be made/,
    );
    expect(readdirSync(disk.path)).not.toContain('key');
  } finally {
    await disk.stop();
  }
});

test('what is there and cannot be read is told with what to do, and nothing takes its place', () => {
  mkdirSync(join(folder, 'key'));
  expect(() => secretFile(join(folder, 'key'), make)).toThrow(
    /key cannot be read \(EISDIR\): give it to the user that runs pgveil/,
  );
});

test('a file that is there and empty, as a power failure may leave it, is no secret', () => {
  writeFileSync(join(folder, 'mock-authentication.key'), '');
  expect(() => mockSecret(folder)).toThrow(/is not a secret of 32 bytes: remove it/);
});
