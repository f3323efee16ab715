/**
 * `npm run bench:end-to-end`: pgbench's select-only statement direct, through PgBouncer and through pgveil, in turns
 * within one run. docs/benchmarks.md says how to read what it prints.
 */
import { writeFile } from 'node:fs/promises';
import type { Contender } from './contenders.js';
import { database } from './database.js';
import { describeMachine, QUIET_LOAD } from './machine.js';
import { parseOptions, usage, type BenchOptions } from './options.js';
import { runPgbench, type Protocol } from './pgbench.js';
import { processorSeconds, settle } from './processor-time.js';
import { conditions, summarise, table, type Measurement } from './report.js';
import { openStage } from './stage.js';

interface Case {
  readonly protocol: Protocol;
  readonly clients: number;
}

const WARM_UP = { seconds: 2, clients: 8 };

async function run(options: BenchOptions, signal: AbortSignal): Promise<void> {
  const machine = await describeMachine();
  if (machine.loadAverage > QUIET_LOAD)
    progress(`warning: the load average is ${machine.loadAverage.toFixed(2)}; ratios will be rough`);
  const stage = await openStage(options, progress, signal);
  try {
    const contenders = stage.contenders.filter(
      ({ name }) => options.only.length === 0 || options.only.some((part) => name.includes(part)),
    );
    for (const protocol of options.protocols) {
      progress(`warming up, ${protocol}`);
      for (const contender of contenders)
        await measure(contender, { protocol, clients: WARM_UP.clients }, 0, WARM_UP.seconds, signal);
    }
    const measurements: Measurement[] = [];
    const cases = options.protocols.flatMap((protocol) =>
      options.clients.map((clients): Case => ({ protocol, clients })),
    );
    for (let round = 1; round <= options.rounds; round += 1) {
      for (const one of cases) {
        progress(`round ${round} of ${options.rounds}: ${one.protocol}, ${one.clients} clients`);
        // Another one begins each round, so that no contender always follows the same neighbour's heat.
        for (const contender of rotated(contenders, round - 1))
          measurements.push(await measure(contender, one, round, options.seconds, signal));
      }
    }
    const order = contenders.map(({ name }) => name);
    measurements.sort(
      (a, b) =>
        cases.findIndex((one) => sameCase(one, a)) - cases.findIndex((one) => sameCase(one, b)) ||
        order.indexOf(a.contender) - order.indexOf(b.contender),
    );
    const rows = summarise(measurements);
    const { postgresVersion, guardedSql } = stage;
    const unsettled = measurements.filter((one) => !one.settled).length;
    process.stdout.write(`${conditions(machine, { ...options, postgresVersion, guardedSql, unsettled })}\n`);
    process.stdout.write(table(rows));
    if (options.jsonFile !== undefined) {
      const all = { machine, options, postgresVersion, guardedSql, rows, measurements };
      await writeFile(options.jsonFile, `${JSON.stringify(all, null, 2)}\n`);
    }
  } finally {
    await stage.stop();
  }
}

async function measure(
  contender: Contender,
  { protocol, clients }: Case,
  round: number,
  seconds: number,
  signal: AbortSignal,
): Promise<Measurement> {
  const { pid, port, user, scriptFile, encrypted = false } = contender;
  const before = pid === undefined ? 0 : processorSeconds(pid);
  const slice = { port, user, database, scriptFile, protocol, clients, seconds, encrypted };
  const { tps, transactions, latencyMs } = await runPgbench(slice, signal);
  const settled = pid === undefined || (await settle(pid));
  const used = pid === undefined ? undefined : processorSeconds(pid) - before;
  await contender.tidy?.();
  return {
    contender: contender.name,
    protocol,
    clients,
    round,
    tps,
    latencyMs,
    transactions,
    microseconds: used === undefined ? undefined : (used / transactions) * 1e6,
    settled,
  };
}

function rotated<T>(all: readonly T[], by: number): readonly T[] {
  const start = by % all.length;
  return [...all.slice(start), ...all.slice(0, start)];
}

function sameCase(one: Case, other: Case): boolean {
  return one.protocol === other.protocol && one.clients === other.clients;
}

function progress(what: string): void {
  process.stderr.write(`bench: ${what}\n`);
}

async function main(): Promise<number> {
  if (process.argv.includes('--help')) {
    process.stdout.write(usage);
    return 0;
  }
  let options: BenchOptions;
  try {
    options = parseOptions(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`);
    return 2;
  }
  const stopping = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      stopping.abort();
    });
  }
  try {
    await run(options, stopping.signal);
    return 0;
  } catch (error) {
    if (stopping.signal.aborted) progress('stopped, nothing is left behind');
    else progress(error instanceof Error ? error.message : String(error));
    return 1;
  }
}

process.exitCode = await main();
