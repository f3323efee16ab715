/** Medians, ratios and the table. Pure. */
import { names } from './contenders.js';
import type { Machine } from './machine.js';
import type { Protocol } from './pgbench.js';

export interface Measurement {
  readonly contender: string;
  readonly protocol: Protocol;
  readonly clients: number;
  readonly round: number;
  readonly tps: number;
  readonly latencyMs: number;
  readonly transactions: number;
  /** Of the proxy per transaction; undefined without a proxy. */
  readonly microseconds: number | undefined;
  /** The proxy came to rest after the slice, so that its time is complete. */
  readonly settled: boolean;
}

export interface Row {
  readonly protocol: Protocol;
  readonly clients: number;
  readonly contender: string;
  /** All of these are medians over the rounds. */
  readonly tps: number;
  readonly slowest: number;
  readonly fastest: number;
  readonly latencyMs: number;
  readonly microseconds: number | undefined;
  readonly toPgbouncer: number | undefined;
  readonly toDirect: number | undefined;
  /** Against the SQL that pgveil writes, sent to the server by hand. */
  readonly toGuarded: number | undefined;
}

export function summarise(measurements: readonly Measurement[]): readonly Row[] {
  const cases = groupBy(measurements, (one) => `${one.protocol} ${one.clients}`);
  return [...cases.values()].flatMap((ofCase) => {
    const byName = groupBy(ofCase, (one) => one.contender);
    // Per round: what disturbs the machine for a while disturbs both sides of the ratio.
    const ratio = (contender: string, base: string): number | undefined => {
      const pairs = (byName.get(contender) ?? []).flatMap((one) => {
        const other = byName.get(base)?.find((each) => each.round === one.round);
        return other === undefined ? [] : [one.tps / other.tps];
      });
      return pairs.length === 0 || contender === base ? undefined : median(pairs);
    };
    return [...byName].map(([contender, slices]): Row => {
      const tps = slices.map((one) => one.tps);
      const times = slices.flatMap(({ microseconds }) => (microseconds === undefined ? [] : [microseconds]));
      return {
        protocol: slices[0]!.protocol,
        clients: slices[0]!.clients,
        contender,
        tps: median(tps),
        slowest: Math.min(...tps),
        fastest: Math.max(...tps),
        latencyMs: median(slices.map((one) => one.latencyMs)),
        microseconds: times.length === 0 ? undefined : median(times),
        toPgbouncer: ratio(contender, names.pgbouncer),
        toDirect: ratio(contender, names.direct),
        toGuarded: ratio(contender, names.directGuarded),
      };
    });
  });
}

/** ECMAScript 2024 has it as Map.groupBy; Node 20 does not. */
function groupBy<T>(all: readonly T[], keyOf: (one: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const one of all) {
    const group = groups.get(keyOf(one));
    if (group === undefined) groups.set(keyOf(one), [one]);
    else group.push(one);
  }
  return groups;
}

/** Markdown. */
export function table(rows: readonly Row[]): string {
  const head = [
    'protocol',
    'clients',
    'contender',
    'tps (median)',
    'min–max',
    'to PgBouncer',
    'to direct',
    'to guarded direct',
    'proxy CPU µs/txn',
  ];
  const lines = rows.map((row) => [
    row.protocol,
    String(row.clients),
    row.contender,
    row.tps.toFixed(0),
    `${row.slowest.toFixed(0)}–${row.fastest.toFixed(0)}`,
    ratioText(row.toPgbouncer),
    ratioText(row.toDirect),
    ratioText(row.toGuarded),
    row.microseconds?.toFixed(1) ?? '',
  ]);
  const left = new Set([0, 2]);
  const rule = head.map((_, index) => (left.has(index) ? '---' : '---:'));
  return [head, rule, ...lines].map((cells) => `| ${cells.join(' | ')} |\n`).join('');
}

/** The conditions, as a Markdown list. */
export function conditions(
  machine: Machine,
  run: {
    readonly postgresVersion: string;
    readonly guardedSql: string;
    readonly seconds: number;
    readonly rounds: number;
    readonly scale: number;
    readonly consent: string;
    readonly unsettled: number;
  },
): string {
  const lines = [
    `${machine.date}, ${machine.cpu}, ${machine.cores} cores, load average ${machine.loadAverage.toFixed(2)} at the start`,
    `Node.js ${machine.node}, PostgreSQL ${run.postgresVersion}, ${machine.pgbouncer}, ${machine.pgbench}`,
    `${run.rounds} rounds of ${run.seconds} s slices in turns; pgbench scale ${run.scale}; consent form: ${run.consent}`,
    'pgveil: audit durability relaxed, log level warn, one process unless said',
    `guarded SQL: \`${run.guardedSql}\``,
  ];
  if (run.unsettled > 0)
    lines.push(
      `${run.unsettled} slices ended with the proxy still at work: their processor time is incomplete`,
    );
  return lines.map((line) => `- ${line}\n`).join('');
}

function ratioText(ratio: number | undefined): string {
  return ratio?.toFixed(2) ?? '';
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
