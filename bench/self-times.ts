/** Adds up a V8 CPU profile: self time by function and by folder. Pure. */

/** The parts of Chrome's Profiler.Profile that are read here. Times are in microseconds. */
export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
    readonly children?: readonly number[];
  }[];
  readonly startTime: number;
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

export interface Spent {
  /** Everything but idling. */
  readonly busy: number;
  /** Largest first. */
  readonly byFunction: readonly (readonly [string, number])[];
  readonly byPlace: readonly (readonly [string, number])[];
}

export function selfTimes(
  profile: CpuProfile,
  within: { readonly begin: number; readonly end: number },
): Spent {
  const frames = new Map(profile.nodes.map(({ id, callFrame }) => [id, callFrame]));
  const callers = new Map(
    profile.nodes.flatMap(({ children = [], callFrame }) => children.map((id) => [id, callFrame] as const)),
  );
  const byFunction = new Map<string, number>();
  const byPlace = new Map<string, number>();
  let busy = 0;
  let at = profile.startTime;
  profile.samples.forEach((id, index) => {
    at += profile.timeDeltas[index]!;
    const frame = frames.get(id);
    // The delta behind a sample is the time that its frame was on top.
    const spent = profile.timeDeltas[index + 1] ?? 0;
    if (frame === undefined || frame.functionName === '(idle)' || at < within.begin || at > within.end)
      return;
    busy += spent;
    const place = placeOf(frame.url);
    add(byPlace, folderOf(place), spent);
    // A native function's own name says little: a socket and a file have a "writeBuffer" each.
    const caller = frame.url === '' ? callers.get(id) : undefined;
    const from = caller === undefined || caller.url === '' ? '' : ` from ${nameOf(caller)}`;
    add(byFunction, `${nameOf(frame)}${from}`, spent);
  });
  return { busy, byFunction: sorted(byFunction), byPlace: sorted(byPlace) };
}

function nameOf(frame: CpuProfile['nodes'][number]['callFrame']): string {
  const name = frame.functionName === '' ? '(anonymous)' : frame.functionName;
  return frame.url === '' ? name : `${name}  ${placeOf(frame.url)}:${frame.lineNumber + 1}`;
}

function placeOf(url: string): string {
  if (url === '') return '(native)';
  return url.replace(/^file:\/\//, '').replace(/^.*\/(dist|node_modules)\//, '$1/');
}

/** A package, a station, or Node's own library. */
function folderOf(place: string): string {
  return place.startsWith('node:') ? 'node:' : place.split('/').slice(0, 2).join('/');
}

function add(sums: Map<string, number>, key: string, value: number): void {
  sums.set(key, (sums.get(key) ?? 0) + value);
}

function sorted(sums: ReadonlyMap<string, number>): readonly (readonly [string, number])[] {
  return [...sums].sort((a, b) => b[1] - a[1]);
}
