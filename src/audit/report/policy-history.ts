/** Which policy versions were in force and when, and what differs between one and the next. Knows policies by their events alone. */
import type { Report } from './schema.js';
import { compare, FirstOf, Groups, type Tally } from './groups.js';
import { iso, isoOrNull, place, type Place } from './places.js';
import type { Happening, PolicyName, ReportEvent } from './report-event.js';

type Rules = ReadonlyMap<string, string>;
type Policies = Report['policies'];

const MAX_VERSIONS = 200;
const MAX_LOADS = 2_000;
const MAX_KEPT = 50;
const MAX_DIFFERENCES = 200;

interface Load extends Place {
  readonly policy: PolicyName;
}

class VersionTally implements Tally<VersionTally> {
  first = Infinity;
  last = -Infinity;
  /** By anything but a load. */
  firstUsed = Infinity;
  firstLoad = Infinity;
  loads = 0;
  statements = 0;
  rules: { readonly at: Place; readonly texts: Rules } | undefined;

  absorb(other: VersionTally): void {
    this.first = Math.min(this.first, other.first);
    this.last = Math.max(this.last, other.last);
    this.firstUsed = Math.min(this.firstUsed, other.firstUsed);
    this.firstLoad = Math.min(this.firstLoad, other.firstLoad);
    this.loads += other.loads;
    this.statements += other.statements;
  }
}

export class PolicyHistory {
  readonly #versions = new Groups(MAX_VERSIONS, () => new VersionTally());
  readonly #loads = new FirstOf<Load>(MAX_LOADS, place.order);
  readonly #kept = new FirstOf<Place & { readonly detail: string }>(MAX_KEPT, place.order);

  add(event: ReportEvent): void {
    if (event.policy.version === '') return;
    if (event.kind === 'policy-load' && event.failed) {
      this.#kept.add({ ...place.of(event), detail: event.detail });
      return;
    }
    const tally = this.#versions.of(event.policy.name, event.policy.version);
    tally.first = Math.min(tally.first, event.time);
    tally.last = Math.max(tally.last, event.time);
    if (event.kind === 'policy-load') {
      tally.loads++;
      tally.firstLoad = Math.min(tally.firstLoad, event.time);
      this.#loads.add({ ...place.of(event), policy: event.policy });
      learn(tally, event);
    } else {
      if (event.kind === 'statement') tally.statements++;
      tally.firstUsed = Math.min(tally.firstUsed, event.time);
    }
  }

  /** A load from before the period: it says what a version of the period says. */
  addEarlier(event: Happening): void {
    const tally = this.#versions.known(event.policy.name, event.policy.version);
    if (!event.failed && tally !== undefined) learn(tally, event);
  }

  /** Versions that were in force and whose rules no event has told so far. */
  get unexplained(): number {
    return this.#versions.entries().filter(({ tally }) => tally.rules === undefined).length;
  }

  rulesOf({ name, version }: PolicyName): Rules | undefined {
    return this.#versions.known(name, version)?.rules?.texts;
  }

  /** The rules of all versions, each under its own name. */
  allRules(): readonly Rules[] {
    return this.#versions
      .entries()
      .flatMap(({ tally }) => (tally.rules === undefined ? [] : [tally.rules.texts]));
  }

  section(): Policies {
    const timeline = this.#timeline();
    return {
      versions: this.#versions
        .entries()
        .map(({ key, tally }) => ({
          name: key[0]!,
          version: key[1]!,
          first: isoOrNull(tally.first),
          last: isoOrNull(tally.last),
          loads: tally.loads,
          statements: tally.statements,
          rules: tally.rules?.texts.size ?? null,
        }))
        .sort((a, b) => compare(a.first ?? '', b.first ?? '') || compare(a.version, b.version)),
      timeline,
      changes: timeline.slice(1).flatMap((to, index) => this.#change(timeline[index]!, to)),
      kept: {
        total: this.#kept.count,
        first: this.#kept.list().map(({ detail, ...at }) => ({ ...place.told(at), detail })),
      },
      more: this.#versions.others !== undefined || this.#loads.count > MAX_LOADS,
    };
  }

  /** Loads of the same version by several workers, one after the other, are one entry. */
  #timeline(): Policies['timeline'] {
    const before = this.#versions
      .entries()
      .filter(({ tally }) => tally.firstUsed < tally.firstLoad)
      .sort((a, b) => a.tally.firstUsed - b.tally.firstUsed || compare(a.key.join(), b.key.join()))
      .map(({ key }) => ({ time: null, name: key[0]!, version: key[1]!, instances: 0, before_period: true }));
    const runs: { policy: PolicyName; time: number; instances: Set<string> }[] = [];
    for (const { policy, time, instance } of this.#loads.list()) {
      const run = runs.at(-1);
      if (run !== undefined && same(run.policy, policy)) run.instances.add(instance);
      else runs.push({ policy, time, instances: new Set([instance]) });
    }
    return [
      ...before,
      ...runs.map(({ policy, time, instances }) => ({
        time: iso(time),
        ...policy,
        instances: instances.size,
        before_period: false,
      })),
    ];
  }

  #change(from: PolicyName, to: PolicyName): Policies['changes'] {
    if (same(from, to)) return [];
    const names = {
      from: { name: from.name, version: from.version },
      to: { name: to.name, version: to.version },
    };
    const [before, after] = [this.rulesOf(from), this.rulesOf(to)];
    if (before === undefined || after === undefined) {
      return [{ ...names, comparable: false, added: [], removed: [], changed: [], not_listed: 0 }];
    }
    return [{ ...names, comparable: true, ...differences(before, after) }];
  }
}

/** The earliest load speaks, so that the order of reading does not matter. */
function learn(tally: VersionTally, event: Happening): void {
  const at = place.of(event);
  if (tally.rules !== undefined && place.order(tally.rules.at, at) <= 0) return;
  const texts = Object.entries(event.facts).filter(
    (rule): rule is [string, string] => typeof rule[1] === 'string',
  );
  if (texts.length > 0) tally.rules = { at, texts: new Map(texts) };
}

function differences(
  before: Rules,
  after: Rules,
): Pick<Policies['changes'][number], 'added' | 'removed' | 'changed' | 'not_listed'> {
  const only = (some: Rules, others: Rules): { path: string; text: string }[] =>
    [...some]
      .filter(([path]) => !others.has(path))
      .map(([path, text]) => ({ path, text }))
      .sort(byPath);
  const added = only(after, before);
  const removed = only(before, after);
  const changed = [...before]
    .flatMap(([path, from]) => {
      const to = after.get(path);
      return to === undefined || to === from ? [] : [{ path, from, to }];
    })
    .sort(byPath);
  const listed = [added, removed, changed].map((list) => Math.min(list.length, MAX_DIFFERENCES));
  const all = added.length + removed.length + changed.length;
  return {
    added: added.slice(0, listed[0]),
    removed: removed.slice(0, listed[1]),
    changed: changed.slice(0, listed[2]),
    not_listed: all - listed.reduce((sum, each) => sum + each, 0),
  };
}

function byPath(a: { readonly path: string }, b: { readonly path: string }): number {
  return compare(a.path, b.path);
}

function same(a: PolicyName, b: PolicyName): boolean {
  return a.name === b.name && a.version === b.version;
}

/** A name that has further steps behind it in the path of a rule, as policy/rule-texts.ts writes it. */
export function inPath(name: string): string {
  return /^[^."]+$/.test(name) ? name : JSON.stringify(name);
}
