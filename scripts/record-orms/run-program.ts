/** The programs beside this file: where they are, what they need, how they are run, and the database that they run on. */
import { spawn } from 'node:child_process';
import { cp, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import type { PostgresServer } from '../../src/cli/launch/postgres.js';

const programs: Readonly<Record<string, readonly [command: string, file: string]>> = {
  activerecord: ['ruby', 'activerecord.rb'],
  django: ['/usr/bin/python3', 'django_orm.py'],
  drizzle: ['node', 'drizzle.mjs'],
  knex: ['node', 'knex.mjs'],
  kysely: ['node', 'kysely.mjs'],
  prisma: ['node', 'prisma.mjs'],
  sequelize: ['node', 'sequelize.mjs'],
  sqlalchemy: ['/usr/bin/python3', 'sqlalchemy_orm.py'],
  typeorm: ['node', 'typeorm.mjs'],
};

export const schema = 'fixtures/crm.sql';
const here = 'scripts/record-orms/programs';

interface Said {
  readonly library: string;
  readonly version: string;
  readonly driver: string;
}

export async function freshDatabase(server: PostgresServer, name: string): Promise<void> {
  const run = async (user: string, password: string, database: string, sql: string): Promise<void> => {
    const client = new pg.Client({ host: server.host, port: server.port, user, password, database });
    await client.connect();
    await client.query(sql);
    await client.end();
  };
  await run(server.superuser, server.password, 'postgres', await readFile('fixtures/roles.sql', 'utf8'));
  await run(server.superuser, server.password, 'postgres', `CREATE DATABASE ${name} OWNER crm_admin`);
  await run('crm_admin', 'admin', name, await readFile(schema, 'utf8'));
  await run('crm_admin', 'admin', name, await readFile('fixtures/grants.sql', 'utf8'));
}

/** Runs a program from inside FOLDER, where its imports are found; its last line says what it used. */
export async function run(name: string, folder: string, environment: Record<string, string>): Promise<Said> {
  const [command, file] = programs[name]!;
  const child = spawn(command, [join(folder, 'programs', file)], {
    cwd: join(folder, 'programs'),
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  if (code !== 0) throw new Error(`${name} ended with ${code}\n${output}`);
  return JSON.parse(output.trim().split('\n').at(-1)!) as Said;
}

export function environmentFor(port: number, database: string, controlUrl: string): Record<string, string> {
  return {
    PGHOST: '127.0.0.1',
    PGPORT: String(port),
    PGUSER: 'crm_support',
    PGPASSWORD: 'support',
    PGDATABASE: database,
    DATABASE_URL: `postgres://crm_support:support@127.0.0.1:${port}/${database}`,
    CONTROL_URL: controlUrl,
  };
}

/** The folder and the names that the command line gives; the programs are copied to where their imports are found. */
export async function chosen(): Promise<{ readonly folder: string; readonly names: readonly string[] }> {
  const [folder, ...wanted] = process.argv.slice(2);
  if (folder === undefined) throw new Error('say where node_modules is: FOLDER [NAME …]');
  await mkdir(join(folder, 'programs'), { recursive: true });
  await cp(here, join(folder, 'programs'), { recursive: true });
  return { folder, names: wanted.length > 0 ? wanted : Object.keys(programs) };
}
