/**
 * `npm run test:clients`: every client's program, straight to PostgreSQL and through pgveil, exempt and governed;
 * prints the table of clients and features. Exit code 0 when all that the drivers have works, 1 otherwise, 2 for a wrong call.
 */
import type { Client } from './client.js';
import { clients as allClients } from './clients.js';
import { installMissingPackages, installNpmPackages, missingFor } from './install.js';
import { readOptions, usage, type Options } from './options.js';
import { runProgram } from './run-client.js';
import { environmentOf, settings } from './settings.js';
import { absencesOf, closingLine, jsonOf, legendOf, reasonsOf, tableOf } from './table.js';
import { failed, judge, notInstalled, type ClientVerdict, type SettingRun } from './verdict.js';
import { startWorld, type World } from './world.js';

/** A JVM on a busy machine takes seconds to start; nothing that a program does takes longer than ten. */
const PROGRAM_LIMIT_MS = 60_000;
/** The machines that run this have two cores. */
const AT_ONCE = 2;

async function main(args: readonly string[]): Promise<number> {
  let options: Options;
  try {
    options = readOptions(args, allClients);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n${usage}\n`);
    return 2;
  }
  if (options.install) await installMissingPackages(options.clients);
  if (options.clients.some(({ needs }) => needs.npm)) await installNpmPackages();
  const missing = await missingFor(options.clients);
  const verdicts: ClientVerdict[] = [...missing].map(([client, what]) => notInstalled(client.name, what));
  const present = options.clients.filter((client) => !missing.has(client));
  for (const version of options.versions) {
    const world = await startWorld(version);
    try {
      const runs = await runAll(present, world);
      verdicts.push(...runs.map(([name, said]) => judge(nameOf(name, version, options), said)));
    } finally {
      await world.stop();
    }
  }
  print(verdicts, options);
  return verdicts.length === 0 || verdicts.some((verdict) => failed(verdict, options.skipMissing)) ? 1 : 0;
}

async function runAll(
  clients: readonly Client[],
  world: World,
): Promise<readonly [name: string, runs: readonly SettingRun[]][]> {
  const waiting = clients.map((client, index) => ({ client, index }));
  const done: [string, readonly SettingRun[]][] = [];
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      done[next.index] = [next.client.name, await runOne(next.client, world)];
      process.stderr.write(`PostgreSQL ${world.version}: ${next.client.name}\n`);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return done;
}

/** One setting after the other: they share the client's database. */
async function runOne({ name, command }: Client, world: World): Promise<readonly SettingRun[]> {
  const database = await world.database(name);
  const runs: SettingRun[] = [];
  for (const setting of settings) {
    const env = environmentOf(world.environment(setting, database));
    runs.push({ setting, run: await runProgram({ command, env, timeoutMs: PROGRAM_LIMIT_MS }) });
  }
  return runs;
}

function nameOf(client: string, version: number, options: Options): string {
  return options.versions.length > 1 ? `${client} on ${version}` : client;
}

function print(verdicts: readonly ClientVerdict[], options: Options): void {
  if (options.format === 'json') {
    process.stdout.write(`${jsonOf(verdicts, options.skipMissing)}\n`);
    return;
  }
  const parts = [
    tableOf(verdicts),
    legendOf(settings),
    ...titled('What drivers do not have:', absencesOf(verdicts)),
    ...titled('Failures:', reasonsOf(verdicts)),
    closingLine(verdicts, options.skipMissing),
  ];
  process.stdout.write(`${parts.join('\n')}\n`);
}

function titled(title: string, lines: readonly string[]): readonly string[] {
  return lines.length === 0 ? [] : ['', title, ...lines.map((line) => `  ${line}`), ''];
}

process.exitCode = await main(process.argv.slice(2)).catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  return 1;
});
