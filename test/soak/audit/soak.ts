/** Rounds of load with one fault each, and after each the join of the server's log with the audit stream. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Random } from '../random.js';
import { ChainState } from './chain-state.js';
import type { Fault } from './faults.js';
import { judge, type Evidence, type Verdict } from './join.js';
import { Load, REFUSED } from './load.js';
import { Markers } from './statements.js';
import { DATABASE, type World } from './world.js';

export interface Round extends Verdict {
  readonly fault: string;
  /** Statements refused with 57P03 because the audit was not available. */
  readonly unavailable: number;
  /** What is wrong apart from the join. */
  readonly problems: readonly string[];
}

export interface RoundOptions {
  /** Load before the fault and behind it. */
  readonly leadMs: number;
  readonly governed: number;
  readonly exempt: number;
}

export class AuditSoak {
  readonly #world: World;
  readonly #seed: number;
  readonly #chains = new ChainState();
  readonly #markers = new Markers();
  #nth = 0;
  /** The newest entry that a join has seen. */
  #last = '0';

  constructor(world: World, seed: number) {
    this.#world = world;
    this.#seed = seed;
  }

  /** @param inspect - sees the evidence as it is judged, with a copy of the chains to judge it by */
  async round(
    fault: Fault,
    options: RoundOptions,
    inspect?: (evidence: Evidence, chains: ChainState) => void,
  ): Promise<Round> {
    const world = this.#world;
    const seed = this.#seed * 7_919 + this.#nth++;
    const random = new Random(seed);
    world.log.skip();
    const load = new Load({
      ...{ port: world.port, database: DATABASE, seed, governed: options.governed, exempt: options.exempt },
      markers: this.#markers,
    });
    const problems: string[] = [];
    try {
      await untilMore(load, 50);
      await sleep(random.below(options.leadMs));
      await fault.run(world, random, load);
      await world.served.untilReady();
      const again = await untilMore(load, 50);
      if (!again) problems.push('statements are not answered again');
      await sleep(random.below(options.leadMs));
    } finally {
      await load.stop();
    }
    await world.untilServerIdle();
    await world.untilShipped();
    const { entries, last } = await world.entriesAfter(this.#last);
    this.#last = last;
    const evidence = { sent: load.sent, executed: world.log.executed(), entries };
    inspect?.(evidence, this.#chains.fork());
    const verdict = judge(evidence, this.#chains);
    const unavailable = load.errors.get(REFUSED) ?? 0;
    if (fault.refuses === true && world.options.durability === 'strict' && unavailable === 0)
      problems.push('no statement was refused while the disk was full');
    return { ...verdict, fault: fault.name, unavailable, problems };
  }
}

/** False: not within half a minute. */
async function untilMore(load: Load, answers: number): Promise<boolean> {
  const wanted = load.answered + answers;
  for (let waited = 0; waited < 30_000 && load.answered < wanted; waited += 20) await sleep(20);
  return load.answered >= wanted;
}

/** In strict nothing protected may be lost; relaxed may lose what a killed proxy had not written yet. */
export function failures(round: Round, durability: 'strict' | 'relaxed', kills: boolean): string[] {
  const { fault, lost, unproven, altered, behindLost, problems } = round;
  const found = [...problems, ...altered];
  const some = (what: string, which: readonly string[]): void => {
    if (which.length > 0) found.push(`${which.length} ${what}: ${which.slice(0, 5).join(', ')}`);
  };
  if (durability === 'strict' || !kills) {
    some('lost', lost);
    some('received in full without an event of their success', unproven);
  }
  if (!kills) some('lost of those written behind, though nothing was killed', behindLost);
  return found.map((one) => `${fault}: ${one}`);
}

const columns = {
  fault: (rounds: readonly Round[]) => rounds[0]!.fault,
  rounds: (rounds: readonly Round[]) => rounds.length,
  executed: total('executed'),
  events: total('events'),
  lost: total('lost'),
  duplicates: total('duplicates'),
  interrupted: total('interrupted'),
  answered: total('answered'),
  unproven: total('unproven'),
  altered: total('altered'),
  refused: total('unavailable'),
  behind: total('behind'),
  'behind lost': total('behindLost'),
};

function total(
  name:
    | 'executed'
    | 'events'
    | 'lost'
    | 'duplicates'
    | 'interrupted'
    | 'answered'
    | 'unproven'
    | 'altered'
    | 'unavailable'
    | 'behind'
    | 'behindLost',
) {
  return (rounds: readonly Round[]): number =>
    rounds.reduce((sum, round) => {
      const value = round[name];
      return sum + (typeof value === 'number' ? value : value.length);
    }, 0);
}

/** One line a fault, as people read it. */
export function table(rounds: readonly Round[]): string {
  const byFault = [...new Set(rounds.map(({ fault }) => fault))].map((fault) =>
    rounds.filter((round) => round.fault === fault),
  );
  const lines = [
    Object.keys(columns),
    ...byFault.map((some) => Object.values(columns).map((of) => String(of(some)))),
  ];
  const widths = lines[0]!.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)));
  return lines
    .map((line) =>
      line.map((cell, n) => (n === 0 ? cell.padEnd(widths[n]!) : cell.padStart(widths[n]!))).join('  '),
    )
    .join('\n');
}
