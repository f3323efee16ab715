/**
 * The join: what the server executed, what the clients saw, and what the audit stream says. Pure, so that a test can
 * take one event away, or change one byte, and see that it fails.
 */
import type { ChainState } from './chain-state.js';
import type { Sent } from './load.js';
import type { Executed } from './server-log.js';
import { TAG } from './statements.js';

/** One entry of the stream. */
export interface Entry {
  readonly uid: string;
  readonly json: string;
}

export interface Evidence {
  readonly sent: ReadonlyMap<string, Sent>;
  readonly executed: Executed;
  /** In the order of the stream, with what came twice. */
  readonly entries: readonly Entry[];
}

export interface Verdict {
  /** Of protected data, in the server's log. */
  readonly executed: number;
  /** Their events, each once. */
  readonly events: number;
  readonly duplicates: number;
  readonly interrupted: number;
  /** Results over protected data that a client has received to the end. */
  readonly answered: number;
  /** Executed over protected data, and no event: must be none in strict durability. */
  readonly lost: readonly string[];
  /** Fully received by the client, and no event with the outcome Success. */
  readonly unproven: readonly string[];
  /** Everything else that was executed, whose events are written behind. */
  readonly behind: number;
  readonly behindLost: readonly string[];
  /** What is wrong with the events themselves, or with the join. */
  readonly altered: readonly string[];
}

interface StatementEvent {
  readonly status: string;
  readonly unmapped: { readonly tags: Readonly<Record<string, string>> };
}

export function judge({ sent, executed, entries }: Evidence, chains: ChainState): Verdict {
  const altered = [
    ...entries.flatMap(({ json }) => chains.add(json)),
    ...chains.gaps(),
    ...executed.unmarked.map((sql) => `no marker in the server's log: ${sql}`),
  ];
  const distinct = new Map<string, string>();
  for (const { uid, json } of entries) {
    const before = distinct.get(uid);
    if (before !== undefined && before !== json) altered.push(`two events have the uid ${uid}`);
    distinct.set(uid, json);
  }
  const byMarker = statusesByMarker(distinct.values(), altered);
  const lost: string[] = [];
  const behindLost: string[] = [];
  const unproven: string[] = [];
  const sum = { executed: 0, events: 0, interrupted: 0, answered: 0, behind: 0 };

  for (const [marker, times] of executed.markers) {
    const known = sent.get(marker);
    if (known === undefined) altered.push(`${marker}: executed, and no client has sent it`);
    if (known?.reach === 'refused') altered.push(`${marker}: executed although it is to be refused`);
    const missing = times - (byMarker.get(marker)?.length ?? 0);
    const guaranteed = known?.reach === 'protected';
    if (guaranteed) sum.executed += times;
    else sum.behind += times;
    for (let n = 0; n < missing; n++) (guaranteed ? lost : behindLost).push(marker);
  }
  for (const [marker, { reach, statements, answered }] of sent) {
    const statuses = byMarker.get(marker) ?? [];
    const successes = statuses.filter((one) => one === 'Success').length;
    const times = executed.markers.get(marker) ?? 0;
    // INVARIANT: a statement that the server has not executed is no success. One line of its log is a whole text.
    if (successes > times * statements)
      altered.push(`${marker}: ${successes} times Success, executed ${times} times`);
    if (reach !== 'protected') continue;
    sum.events += statuses.length;
    sum.interrupted += statuses.filter((one) => one === 'Interrupted').length;
    sum.answered += answered;
    for (let n = successes; n < answered; n++) unproven.push(marker);
  }
  for (const marker of byMarker.keys())
    if (!sent.has(marker)) altered.push(`${marker}: an event, and no client has sent it`);
  return { ...sum, duplicates: entries.length - distinct.size, lost, unproven, behindLost, altered };
}

function statusesByMarker(events: Iterable<string>, altered: string[]): Map<string, string[]> {
  const statuses = new Map<string, string[]>();
  for (const json of events) {
    const event = parsed(json);
    if (event === undefined) altered.push('an event is no JSON');
    const marker = event?.unmapped.tags[TAG];
    if (event === undefined || marker === undefined) continue;
    const known = statuses.get(marker);
    if (known === undefined) statuses.set(marker, [event.status]);
    else known.push(event.status);
  }
  return statuses;
}

/** The marker of a statement's event; undefined: an event of something else. */
export function markerOf(json: string): string | undefined {
  return parsed(json)?.unmapped.tags[TAG];
}

function parsed(json: string): StatementEvent | undefined {
  try {
    return JSON.parse(json) as StatementEvent;
  } catch {
    return undefined;
  }
}

export function isBad({ lost, unproven, altered }: Verdict): boolean {
  return lost.length + unproven.length + altered.length > 0;
}
