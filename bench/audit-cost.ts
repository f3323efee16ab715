/**
 * What strict durability costs against relaxed: pgbench's select-only statement through two pgveil that differ in that
 * alone, in turns within one run. `npm run build && npx tsx bench/audit-cost.ts [--rounds N --seconds N --clients N
 * --scale N --protocol simple|extended|prepared]`. The disk under the temporary folder is part of the figure.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Redis } from 'ioredis';
import { startRedis } from '../src/cli/launch/redis.js';
import { script, SELECT, verify } from './end-to-end/contenders.js';
import { database, startDatabase, users } from './end-to-end/database.js';
import { protocols, runPgbench } from './end-to-end/pgbench.js';
import { startPgveil, stream, type RunningPgveil } from './end-to-end/pgveil.js';
import { processorSeconds, settle } from './end-to-end/processor-time.js';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '7' },
    seconds: { type: 'string', default: '8' },
    clients: { type: 'string', default: '16' },
    scale: { type: 'string', default: '10' },
    protocol: { type: 'string', default: 'simple' },
  },
});
const [rounds, seconds, clients, scale] = [values.rounds, values.seconds, values.clients, values.scale].map(
  Number,
);
const protocol = protocols.find((one) => one === values.protocol);
if (
  protocol === undefined ||
  ![rounds, seconds, clients, scale].every((one) => Number.isInteger(one) && one! > 0)
)
  throw new Error('--rounds, --seconds, --clients and --scale take whole numbers, --protocol one of pgbench');

interface Slice {
  readonly tps: number;
  readonly latencyMs: number;
  /** Of the proxy, a statement. */
  readonly microseconds: number;
}

const stopping = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stopping.abort());
const stops: (() => Promise<unknown>)[] = [];
try {
  await measure();
} finally {
  for (const stop of stops.reverse()) await stop();
}

async function measure(): Promise<void> {
  const { server, accounts } = await startDatabase({ scale: scale!, consent: 'single' }, stopping.signal);
  stops.push(() => server.stop());
  // As Redis has to be where events must not be lost; everysec is its default.
  const redis = await startRedis({ appendonly: true, settings: { appendfsync: 'everysec' } });
  stops.push(() => redis.stop());
  const folder = await mkdtemp(join(tmpdir(), 'pgveil-bench-scripts-'));
  stops.push(() => rm(folder, { recursive: true, force: true }));
  const scriptFile = join(folder, 'select-only.sql');
  await writeFile(scriptFile, script(`${SELECT}:aid`, accounts));

  const start = async (durability: 'strict' | 'relaxed'): Promise<RunningPgveil> => {
    const started = await startPgveil({
      ...{ upstreamPort: server.port, consent: 'single', redisUrl: redis.url, durability },
    });
    stops.push(() => started.stop());
    return started;
  };
  const proxies = { relaxed: await start('relaxed'), strict: await start('strict') };
  const governed = Object.entries(proxies).map(([name, { port, pid }]) => ({
    ...{ name, port, pid, user: users.governed, scriptFile },
  }));
  await verify(governed);

  const slice = async ({ port, pid }: RunningPgveil, forSeconds: number): Promise<Slice> => {
    const before = processorSeconds(pid);
    const { tps, latencyMs, transactions } = await runPgbench(
      {
        ...{ port, user: users.governed, database, scriptFile, protocol: protocol!, encrypted: false },
        ...{ clients: clients!, seconds: forSeconds },
      },
      stopping.signal,
    );
    await settle(pid);
    const microseconds = ((processorSeconds(pid) - before) / transactions) * 1e6;
    const client = new Redis(redis.url);
    await client.xtrim(stream, 'MAXLEN', 1);
    client.disconnect();
    return { tps, latencyMs, microseconds };
  };
  for (const proxy of Object.values(proxies)) await slice(proxy, 3);

  const ratios: Slice[] = [];
  process.stdout.write(
    'round  strict tps  relaxed tps  ratio  strict ms  relaxed ms  strict µs  relaxed µs\n',
  );
  for (let round = 1; round <= rounds!; round++) {
    const taken: Partial<Record<'strict' | 'relaxed', Slice>> = {};
    // Another one begins each round, so that neither always follows the other's heat.
    for (const name of round % 2 === 1 ? (['relaxed', 'strict'] as const) : (['strict', 'relaxed'] as const))
      taken[name] = await slice(proxies[name], seconds!);
    const { strict, relaxed } = taken as Record<'strict' | 'relaxed', Slice>;
    ratios.push({
      tps: strict.tps / relaxed.tps,
      latencyMs: strict.latencyMs / relaxed.latencyMs,
      microseconds: strict.microseconds / relaxed.microseconds,
    });
    const cells = [
      ...[String(round).padEnd(5), strict.tps.toFixed(0).padStart(10), relaxed.tps.toFixed(0).padStart(11)],
      ...[(strict.tps / relaxed.tps).toFixed(2).padStart(5), strict.latencyMs.toFixed(2).padStart(9)],
      ...[relaxed.latencyMs.toFixed(2).padStart(10), strict.microseconds.toFixed(0).padStart(9)],
      relaxed.microseconds.toFixed(0).padStart(10),
    ];
    process.stdout.write(`${cells.join('  ')}\n`);
  }
  const median = (of: (ratio: Slice) => number): string => {
    const sorted = ratios.map(of).sort((a, b) => a - b);
    const [least, middle, most] = [sorted[0]!, sorted[sorted.length >> 1]!, sorted.at(-1)!];
    return `${middle.toFixed(2)} (${least.toFixed(2)} … ${most.toFixed(2)})`;
  };
  process.stdout.write(
    `strict to relaxed, median of ${rounds} rounds (extremes), ${clients} clients, ${protocol}, governed select-only:\n` +
      `  statements per second  ${median(({ tps }) => tps)}\n` +
      `  latency                ${median(({ latencyMs }) => latencyMs)}\n` +
      `  processor time         ${median(({ microseconds }) => microseconds)}\n`,
  );
}
