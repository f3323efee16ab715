/** A short run of the audit soak with a fixed seed; `npm run soak:audit` runs it for longer, with every fault. */
import { afterAll, expect, test } from 'vitest';
import { allFaults, type Fault } from '../../soak/audit/faults.js';
import { isBad, judge, markerOf, type Entry, type Evidence, type Verdict } from '../../soak/audit/join.js';
import type { ChainState } from '../../soak/audit/chain-state.js';
import { AuditSoak, failures, table, type Round } from '../../soak/audit/soak.js';
import { openWorld, type World } from '../../soak/audit/world.js';

const minutes = Number(process.env['PGVEIL_SOAK_MINUTES'] ?? 0);
const seed = Number(process.env['PGVEIL_SOAK_SEED'] ?? 1);
const durability = process.env['PGVEIL_SOAK_DURABILITY'] === 'relaxed' ? 'relaxed' : 'strict';
// Two of them start and end in workers.test.ts; here they would only take time.
const workers = Number(process.env['PGVEIL_SOAK_WORKERS'] ?? 1);
const named = (process.env['PGVEIL_SOAK_FAULTS'] ?? '').split(',').filter(Boolean);
const chosen =
  named.length > 0 ? named.map(faultOf) : allFaults.filter(({ short }) => minutes > 0 || short === true);

/** One with a Sentinel and one without, each when the first fault asks for it. */
const stages = new Map<boolean, { readonly world: World; readonly soak: AuditSoak }>();
afterAll(async () => {
  for (const { world } of stages.values()) await world.stop();
}, 120_000);

async function stageFor({ sentinel = false }: Fault): Promise<AuditSoak> {
  const known = stages.get(sentinel);
  if (known !== undefined) return known.soak;
  const world = await openWorld({ durability, workers, smallDisk: true, sentinel });
  const soak = new AuditSoak(world, seed);
  stages.set(sentinel, { world, soak });
  return soak;
}

function faultOf(name: string): Fault {
  const fault = allFaults.find((one) => one.name === name);
  if (fault === undefined)
    throw new Error(`no fault "${name}"; there are ${allFaults.map((one) => one.name).join(', ')}`);
  return fault;
}

test(
  'whatever is killed, stopped, cut or full: executed statements are in the audit, and no event is altered',
  { timeout: 14_400_000 },
  async () => {
    const until = Date.now() + minutes * 60_000;
    const rounds: Round[] = [];
    const failed: string[] = [];
    let attempts = 0;
    do {
      for (const fault of chosen) {
        if (minutes > 0) process.stderr.write(`${fault.name}\n`);
        const soak = await stageFor(fault);
        const round = await soak.round(
          fault,
          { leadMs: minutes > 0 ? 2_000 : 150, governed: 8, exempt: 2 },
          (evidence, chains) => {
            if (rounds.length === 0) attempts = expectJoinToFail(evidence, chains);
          },
        );
        rounds.push(round);
        failed.push(...failures(round, durability, fault.kills));
      }
    } while (Date.now() < until);
    if (minutes > 0) process.stderr.write(`${table(rounds)}\n`);
    expect(attempts).toBe(4);
    expect(failed, table(rounds)).toEqual([]);
  },
);

/** The join must see each of these in what was really found, or it proves nothing. */
function expectJoinToFail(evidence: Evidence, chains: ChainState): number {
  const { entries, sent } = evidence;
  const at = entries.findIndex(({ json }) => {
    const marker = markerOf(json);
    return (
      json.includes('"status":"Success"') &&
      marker !== undefined &&
      (sent.get(marker)?.answered ?? 0) > 0 &&
      sent.get(marker)!.reach === 'protected'
    );
  });
  const { uid, json } = entries[at]!;
  const verdictOf = (change: readonly Entry[], to = at): Verdict =>
    judge(
      { ...evidence, entries: [...entries.slice(0, at), ...change, ...entries.slice(to + 1)] },
      chains.fork(),
    );
  const removed = verdictOf([]);
  expect(removed.lost.length + removed.unproven.length).toBeGreaterThan(0);
  expect(removed.altered.some((one) => one.endsWith('is missing'))).toBe(true);

  const changed = verdictOf([{ uid, json: json.replace('"rows":', '"rows":1') }]);
  expect(changed.altered.some((one) => one.endsWith('was changed'))).toBe(true);

  const instance = /"instance":"[^"]*"/.exec(json)![0];
  const next = entries.findIndex((one, n) => n > at && one.json.includes(instance));
  const swapped = verdictOf([entries[next]!, ...entries.slice(at + 1, next), entries[at]!], next);
  expect(swapped.altered.some((one) => one.endsWith('came before its predecessor'))).toBe(true);

  const twice = verdictOf([entries[at]!, entries[at]!]);
  const once = verdictOf([entries[at]!]);
  expect(isBad(twice)).toBe(isBad(once));
  expect(twice.duplicates).toBe(once.duplicates + 1);
  return 4;
}
