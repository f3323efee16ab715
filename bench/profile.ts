/**
 * `npx tsx bench/profile.ts`: where the proxy's processor time goes, per transaction of pgbench's select-only statement.
 * It samples with Node's own --cpu-prof, by the wall clock, so the figures say what is large, not how fast pgveil is.
 */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { database } from './end-to-end/database.js';
import { parseOptions } from './end-to-end/options.js';
import { runPgbench, type Protocol } from './end-to-end/pgbench.js';
import { settle } from './end-to-end/processor-time.js';
import { openStage } from './end-to-end/stage.js';
import { selfTimes, type CpuProfile, type Spent } from './self-times.js';

const usage = `usage: npx tsx bench/profile.ts [options]     (after npm run build)
  --contender NAME   as in the table of bench:end-to-end (pgveil exempt)
  --protocol NAME    simple, extended or prepared (prepared)
  --clients N        (8)
  --seconds N        (8)
  --top N            functions shown (25)
`;

interface Options {
  readonly contender: string;
  readonly protocol: Protocol;
  readonly clients: number;
  readonly seconds: number;
  readonly top: number;
}

async function profile(options: Options, signal: AbortSignal): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'pgveil-profile-'));
  try {
    const nodeFlags = ['--cpu-prof', `--cpu-prof-dir=${folder}`];
    const withoutRedis = options.contender.endsWith('no Redis');
    const stage = await openStage(
      {
        scale: 1,
        consent: 'single',
        withoutRedis,
        tls: options.contender.endsWith('TLS'),
        workers: 1,
        nodeFlags,
      },
      (what) => process.stderr.write(`profile: ${what}\n`),
      signal,
    );
    let transactions: number;
    let begin: number;
    let end: number;
    try {
      const contender = stage.contenders.find(({ name }) => name === options.contender);
      if (contender?.pid === undefined)
        throw new Error(
          `no proxy is called "${options.contender}"; there are ${stage.contenders.map(({ name }) => `"${name}"`).join(', ')}`,
        );
      const slice = { encrypted: false, ...contender, ...options, database };
      await runPgbench({ ...slice, seconds: 3 }, signal);
      await settle(contender.pid);
      begin = monotonicMicroseconds();
      ({ transactions } = await runPgbench(slice, signal));
      await settle(contender.pid);
      end = monotonicMicroseconds();
    } finally {
      await stage.stop();
    }
    // Every thread and every pgveil of the stage has written one; the busiest is the main thread of the measured one.
    const all: Spent[] = [];
    for (const name of await readdir(folder)) {
      const text = await readFile(join(folder, name), 'utf8');
      all.push(selfTimes(JSON.parse(text) as CpuProfile, { begin, end }));
    }
    const busiest = all.sort((a, b) => b.busy - a.busy)[0];
    if (busiest === undefined) throw new Error('node wrote no profile');
    print(busiest, transactions, options);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function print(spent: Spent, transactions: number, options: Options): void {
  const perTransaction = (microseconds: number): string =>
    (microseconds / transactions).toFixed(2).padStart(8);
  const out = (line: string): boolean => process.stdout.write(`${line}\n`);
  out(
    `${options.contender}, ${options.protocol}, ${options.clients} clients: ${transactions} transactions in ${options.seconds} s`,
  );
  out(
    `${perTransaction(spent.busy)} µs per transaction, main thread by the wall clock, profiler's own cost included`,
  );
  out('\nself time by folder, µs per transaction');
  for (const [place, time] of spent.byPlace.slice(0, 20)) out(`${perTransaction(time)}  ${place}`);
  out('\nself time by function, µs per transaction');
  for (const [name, time] of spent.byFunction.slice(0, options.top)) out(`${perTransaction(time)}  ${name}`);
}

/** The clock of V8's profiles too. */
function monotonicMicroseconds(): number {
  return Number(process.hrtime.bigint() / 1000n);
}

function optionsFrom(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      contender: { type: 'string', default: 'pgveil exempt' },
      protocol: { type: 'string', default: 'prepared' },
      clients: { type: 'string', default: '8' },
      seconds: { type: 'string', default: '8' },
      top: { type: 'string', default: '25' },
    },
  });
  const { protocol, clients, seconds } = values;
  // The same checks and the same sentences as the benchmark's.
  const checked = parseOptions(['--protocols', protocol, '--clients', clients, '--seconds', seconds]);
  return {
    contender: values.contender,
    protocol: checked.protocols[0]!,
    clients: checked.clients[0]!,
    seconds: checked.seconds,
    top: Number(values.top),
  };
}

async function main(): Promise<number> {
  let options: Options;
  try {
    options = optionsFrom(process.argv.slice(2));
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
    await profile(options, stopping.signal);
    return 0;
  } catch (error) {
    process.stderr.write(`profile: ${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  }
}

process.exitCode = await main();
