/** What clients need on this machine: looks whether it is there, and installs it. */
import { execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { promisify } from 'node:util';
import { installDebianPackages } from '../../src/cli/launch/debian-package.js';
import type { Client } from './client.js';

const npmFolder = 'test/clients/npm';

/** What is missing for each client that cannot run, in words. */
export async function missingFor(clients: readonly Client[]): Promise<ReadonlyMap<Client, string>> {
  const absent = await absentPackages(clients.flatMap(({ needs }) => needs.debian ?? []));
  const missing = new Map<Client, string>();
  for (const client of clients) {
    const packages = (client.needs.debian ?? []).filter((name) => absent.has(name));
    if (packages.length > 0)
      missing.set(
        client,
        `Debian packages ${packages.join(' ')} (apt-get install them, or run this as root with --install)`,
      );
  }
  return missing;
}

/** Installs every missing Debian package in one go. */
export async function installMissingPackages(clients: readonly Client[]): Promise<void> {
  const absent = await absentPackages(clients.flatMap(({ needs }) => needs.debian ?? []));
  if (absent.size > 0 && process.getuid?.() === 0) await installDebianPackages([...absent]);
}

/** Installs the libraries of the npm clients as their own lock file has them, unless they are there. */
export async function installNpmPackages(): Promise<void> {
  const here = ['--prefix', npmFolder];
  if (await isStale()) {
    // No package's install script does anything that we need, and Prisma's would download engines.
    await run('npm', ['ci', ...here, '--ignore-scripts', '--no-audit', '--no-fund'], process.env);
  }
  if (!existsSync(`${npmFolder}/prisma/generated`)) {
    // Its command line asks for a schema engine, a download that `generate` does not run: any program stands in for it.
    const environment = { ...process.env, PRISMA_SCHEMA_ENGINE_BINARY: '/bin/true', CHECKPOINT_DISABLE: '1' };
    await run('npm', ['run', '--silent', 'generate', ...here], environment);
  }
}

/** npm notes what it installed; a lock file that is younger was changed since. */
async function isStale(): Promise<boolean> {
  const changed = async (file: string): Promise<number> =>
    (await stat(file).catch(() => undefined))?.mtimeMs ?? 0;
  return (
    (await changed(`${npmFolder}/node_modules/.package-lock.json`)) <
    (await changed(`${npmFolder}/package-lock.json`))
  );
}

/** Those of the packages that dpkg does not know as installed; all of them where there is no dpkg. */
async function absentPackages(names: readonly string[]): Promise<ReadonlySet<string>> {
  if (names.length === 0) return new Set();
  // dpkg-query ends with 1 when it does not know one of the names, and lists the others all the same.
  const said = await promisify(execFile)('dpkg-query', [
    '--show',
    '--showformat=${binary:Package} ${db:Status-Status}\n',
    ...names,
  ]).catch((error: unknown) => ({
    stdout: error instanceof Error && 'stdout' in error ? String(error.stdout) : '',
  }));
  const installed = said.stdout
    .split('\n')
    .filter((line) => line.endsWith(' installed'))
    .map((line) => line.slice(0, line.indexOf(' ')).replace(/:.*/, ''));
  return new Set(names.filter((name) => !installed.includes(name)));
}

function run(program: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<void> {
  return new Promise((resolve, reject) => {
    // stdout is for the table alone.
    const child = spawn(program, args, { env, stdio: ['ignore', process.stderr, process.stderr] });
    child.once('error', reject);
    child.once('exit', (code) => {
      if (code === 0) resolve();
      else reject(new Error(`"${program} ${args.join(' ')}" ended with exit code ${String(code)}`));
    });
  });
}
