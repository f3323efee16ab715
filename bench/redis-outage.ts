/**
 * Redis gone for a while under load: how many statements are served meanwhile, how far the stream falls behind, how long
 * it takes to catch up, and that every event is there at the end. `npm run build && npx tsx bench/redis-outage.ts
 * [--before N --outage N --after N --clients N --scale N --durability strict|relaxed]`, all times in seconds.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Redis } from 'ioredis';
import { startRedis } from '../src/cli/launch/redis.js';
import { script, SELECT, verify } from './end-to-end/contenders.js';
import { database, startDatabase, users } from './end-to-end/database.js';
import { runPgbench } from './end-to-end/pgbench.js';
import { startPgveil, stream } from './end-to-end/pgveil.js';

const { values } = parseArgs({
  options: {
    before: { type: 'string', default: '15' },
    outage: { type: 'string', default: '60' },
    after: { type: 'string', default: '60' },
    clients: { type: 'string', default: '16' },
    scale: { type: 'string', default: '10' },
    durability: { type: 'string', default: 'strict' },
  },
});
const [before, outage, after, clients, scale] = [
  ...[values.before, values.outage, values.after, values.clients, values.scale],
].map(Number) as [number, number, number, number, number];
const { durability } = values;
if (durability !== 'strict' && durability !== 'relaxed') throw new Error('--durability is strict or relaxed');
if (![before, outage, after, clients, scale].every((one) => Number.isInteger(one) && one > 0))
  throw new Error('--before, --outage, --after, --clients and --scale take whole numbers');

/** What the proxy says of itself. */
interface Sample {
  readonly at: number;
  readonly statements: number;
  readonly lagSeconds: number;
  readonly spoolBytes: number;
  readonly events: number;
}

/** As long as the stream is not further behind than this, it has caught up. */
const CAUGHT_UP_SECONDS = 1;

const stopping = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stopping.abort());
const stops: (() => Promise<unknown>)[] = [];
try {
  await measure();
} finally {
  for (const stop of stops.reverse()) await stop();
}

async function measure(): Promise<void> {
  const { server, accounts } = await startDatabase({ scale, consent: 'single' }, stopping.signal);
  stops.push(() => server.stop());
  const redis = await startRedis({ appendonly: true, settings: { appendfsync: 'everysec' } });
  stops.push(() => redis.stop());
  const folder = await mkdtemp(join(tmpdir(), 'pgveil-bench-scripts-'));
  stops.push(() => rm(folder, { recursive: true, force: true }));
  const scriptFile = join(folder, 'select-only.sql');
  await writeFile(scriptFile, script(`${SELECT}:aid`, accounts));
  const proxy = await startPgveil({
    ...{
      upstreamPort: server.port,
      consent: 'single',
      redisUrl: redis.url,
      durability: durability as 'strict',
    },
  });
  stops.push(() => proxy.stop());
  const { port, pid, admin } = proxy;
  await verify([{ name: 'pgveil', port, pid, user: users.governed, scriptFile }]);

  const seconds = before + outage + after;
  // Rejects when a single statement fails.
  const load = runPgbench(
    {
      port,
      user: users.governed,
      database,
      scriptFile,
      protocol: 'simple',
      clients,
      seconds,
      encrypted: false,
    },
    stopping.signal,
  );
  load.catch(() => stopping.abort());
  const samples: Sample[] = [];
  const watch = async (forMs: number, until?: (sample: Sample) => boolean): Promise<Sample> => {
    const end = Date.now() + forMs;
    for (;;) {
      const sample = await sampleOf(admin);
      samples.push(sample);
      if (Date.now() >= end || until?.(sample) === true) return sample;
      await sleep(Math.min(250, Math.max(1, end - Date.now())), undefined, { signal: stopping.signal });
    }
  };
  await watch(1_000);
  const quiet = samples.at(-1)!;
  const stopped = await watch(before * 1_000 - 1_000);
  await redis.kill();
  const back = await watch(outage * 1_000);
  await redis.restart();
  const restarted = await watch(0);
  const caughtUp = await watch(after * 1_000, ({ lagSeconds }) => lagSeconds < CAUGHT_UP_SECONDS);
  const behindTheLoad = caughtUp.lagSeconds >= CAUGHT_UP_SECONDS;
  const { transactions, tps } = await load;
  const ended = Date.now();
  while ((await watch(0)).spoolBytes > 0) {
    if (Date.now() - ended > 300_000)
      throw new Error('the stream has not caught up five minutes behind the load');
    await sleep(100, undefined, { signal: stopping.signal });
  }
  const { events } = samples.at(-1)!;
  const { entries, distinct } = await streamed(redis.url);
  const worst = (of: (sample: Sample) => number): number => Math.max(...samples.map(of));
  const rate = (from: Sample, to: Sample): string =>
    ((to.statements - from.statements) / ((to.at - from.at) / 1000)).toFixed(0);
  const told: [string, string][] = [
    ['statements served in all, none failed', `${transactions} (${tps.toFixed(0)} a second)`],
    ['statements a second before', rate(quiet, stopped)],
    [`statements a second in ${outage} s without Redis`, rate(stopped, back)],
    ['statements served without Redis', String(back.statements - stopped.statements)],
    ['longest lag, seconds', worst(({ lagSeconds }) => lagSeconds).toFixed(1)],
    ['most bytes waiting in the spool, MB', (worst(({ spoolBytes }) => spoolBytes) / 1e6).toFixed(1)],
    [
      'caught up under load, seconds after Redis was back',
      behindTheLoad ? `not within ${after}` : ((caughtUp.at - restarted.at) / 1000).toFixed(1),
    ],
    [
      'statements a second while catching up',
      behindTheLoad || caughtUp === restarted ? '-' : rate(restarted, caughtUp),
    ],
    ['all shipped, seconds after the load', ((samples.at(-1)!.at - ended) / 1000).toFixed(1)],
    ['events written, in the stream, twice there', `${events}, ${distinct}, ${entries - distinct}`],
  ];
  for (const [what, figure] of told) process.stdout.write(`${what.padEnd(54)}${figure}\n`);
  if (distinct < events) {
    process.stdout.write(`${events - distinct} events are missing in the stream\n`);
    process.exitCode = 1;
  }
}

async function sampleOf(admin: number): Promise<Sample> {
  const text = await (await fetch(`http://127.0.0.1:${admin}/metrics`, { signal: stopping.signal })).text();
  // Summed over labels.
  const sum = (name: string): number =>
    text
      .split('\n')
      .filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`))
      .reduce((total, line) => total + Number(line.split(' ').at(-1)), 0);
  return {
    at: Date.now(),
    statements: sum('pgveil_statements_total'),
    lagSeconds: sum('pgveil_audit_lag_seconds'),
    spoolBytes: sum('pgveil_audit_spool_bytes'),
    events: sum('pgveil_audit_events_total'),
  };
}

async function streamed(url: string): Promise<{ readonly entries: number; readonly distinct: number }> {
  const redis = new Redis(url);
  const uids = new Set<string>();
  let entries = 0;
  for (let from = '0'; ;) {
    const some = await redis.xrange(stream, `(${from}`, '+', 'COUNT', 10_000);
    if (some.length === 0) break;
    for (const [, fields] of some) uids.add(fields[fields.indexOf('uid') + 1]!);
    entries += some.length;
    from = some.at(-1)![0];
  }
  redis.disconnect();
  return { entries, distinct: uids.size };
}
