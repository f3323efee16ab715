/**
 * Makes sure that a program is on the PATH, installing its Debian package when we are root.
 * It does not let the package start a system service, unless the machine has a rule of its own for that.
 */
import { spawn } from 'node:child_process';
import { accessSync, constants, existsSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';

export interface DebianProgram {
  readonly executable: string;
  readonly package: string;
  /** Ends the sentence "… is needed …" of messages, e.g. `to keep the audit stream`. */
  readonly purpose: string;
}

/** Returns the program's path. Progress goes to stderr. */
export async function ensureProgram(program: DebianProgram): Promise<string> {
  const present = findExecutable(program.executable);
  if (present !== undefined) return present;
  const needed = `${program.executable} is needed ${program.purpose}, and it is not installed`;
  if (findExecutable('apt-get') === undefined) {
    throw new Error(`${needed}: install it with your system's package manager and start again`);
  }
  if (process.getuid?.() !== 0) {
    throw new Error(`${needed}: run "sudo apt-get install ${program.package}" and start again`);
  }
  process.stderr.write(`pgveil: ${needed}; installing Debian's package "${program.package}" …\n`);
  await installDebianPackages([program.package]);
  const installed = findExecutable(program.executable);
  if (installed === undefined) {
    throw new Error(
      `package "${program.package}" was installed, but ${program.executable} is still not on the PATH`,
    );
  }
  process.stderr.write(`pgveil: installed ${installed}\n`);
  return installed;
}

/** Installs packages as root, without starting their services. Progress goes to stderr. */
export async function installDebianPackages(names: readonly string[]): Promise<void> {
  await withoutServiceStart(async () => {
    await aptGet('update');
    await aptGet('install', '-y', '--no-install-recommends', ...names);
  });
}

/** The first file of that name on the PATH that may be executed. */
function findExecutable(name: string): string | undefined {
  // Debian keeps some daemons in sbin, which an ordinary user's PATH leaves out.
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin'];
  return folders
    .filter((folder) => folder !== '')
    .map((folder) => join(folder, name))
    .find((file) => {
      try {
        accessSync(file, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

/**
 * While packages install, policy-rc.d with exit code 101 forbids to start their services
 * (Debian's invoke-rc.d(8)): one of them would take a well-known port and stay after us.
 */
async function withoutServiceStart(work: () => Promise<void>): Promise<void> {
  const policy = '/usr/sbin/policy-rc.d';
  if (existsSync(policy)) {
    await work();
    return;
  }
  await writeFile(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    await work();
  } finally {
    await rm(policy, { force: true });
  }
}

function aptGet(...args: string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    // What apt-get prints is progress, so it goes to our stderr: stdout may be read by a program.
    const child = spawn('apt-get', ['-q', ...args], {
      stdio: ['ignore', process.stderr, process.stderr],
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    });
    child.once('error', reject);
    child.once('exit', (code) => {
      if (code === 0) resolve();
      else
        reject(
          new Error(
            `"apt-get ${args.join(' ')}" failed with exit code ${String(code)}, see its output above`,
          ),
        );
    });
  });
}
