/** Goes through the whole log for one data subject. Memory is bounded: groups, and four bytes for each event looked at. */
import type { AuditEvent } from '../ocsf.js';
import { Distinct } from '../read/distinct.js';
import { readEvents, type ReadFrom } from '../read/read-events.js';
import { eventTime, type StoredEvent } from '../read/stored-event.js';
import { canonicalSpellings, subjectHmac, subjectKeyName } from '../subject-hmac.js';
import type { SubjectAnswer } from './answer.js';
import { lookAt } from './candidates.js';
import { SubjectFindings, timeText } from './collect.js';

export interface SubjectSearch {
  readonly from: ReadFrom;
  /** For people. */
  readonly source: string;
  /** In ms since 1970; `until` is exclusive. */
  readonly since?: number | undefined;
  readonly until?: number | undefined;
  /** As somebody has typed it. */
  readonly subject: string;
  readonly hmacKey: Buffer;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((done: number, total: number | undefined) => void) | undefined;
}

const MAX_PLACES = 10;

export async function searchSubject(search: SubjectSearch): Promise<SubjectAnswer> {
  const { since, until } = search;
  // Nobody who types a key knows how its column spells it.
  const hmacs = canonicalSpellings(search.subject).map((spelling) => subjectHmac(search.hmacKey, spelling));
  const sought = {
    needles: hmacs.map((hmac) => Buffer.from(`"${hmac}"`)),
    named: Buffer.from(`],"key":"${subjectKeyName(search.hmacKey)}"`),
  };
  const findings = new SubjectFindings(new Set(hmacs));
  const coverage = new Coverage();
  const distinct = new Distinct();
  const options = {
    from: search.from,
    since,
    until,
    exact: true,
    signal: search.signal,
    onProgress: search.onProgress,
    onProblem: ({ place, message }: { place: string; message: string }) => {
      coverage.unreadable(`${place}: ${message}`);
    },
  };
  for await (const batch of readEvents(options)) {
    for (const stored of batch) {
      coverage.read(stored);
      const { otherKey, candidate } = lookAt(stored.bytes, sought);
      if (otherKey) coverage.otherKey += 1;
      if (!candidate || !distinct.first(stored)) continue;
      const event = parsed(stored);
      if (event === undefined) coverage.unreadable(`${stored.place}: no event of pgveil`);
      else findings.add(event, stored.place);
    }
    coverage.readBatch(batch);
  }
  return {
    source: search.source,
    since: since === undefined ? null : timeText(since),
    until: until === undefined ? null : timeText(until),
    attributed: findings.attributed,
    possible: findings.possible,
    refused: findings.refused,
    coverage: {
      ...coverage.told,
      refused_unread: findings.refusedUnread,
      grouped_together: findings.groupedTogether,
    },
  };
}

function parsed({ json }: StoredEvent): AuditEvent | undefined {
  try {
    const event = JSON.parse(json) as Partial<AuditEvent> | null;
    return event?.unmapped !== undefined && Array.isArray(event.unmapped.subject_tables)
      ? (event as AuditEvent)
      : undefined;
  } catch {
    return undefined;
  }
}

/** Of which events the answer speaks. */
class Coverage {
  #events = 0;
  #first = Infinity;
  #last = -Infinity;
  #unreadable = 0;
  otherKey = 0;
  readonly #places: string[] = [];
  readonly #begins = new Map<string, number>();

  read({ instance, sequence }: StoredEvent): void {
    this.#events += 1;
    const known = this.#begins.get(instance);
    if (known === undefined || sequence < known) this.#begins.set(instance, sequence);
  }

  /** Batches are in the order of time, roughly; their ends tell of when they are. */
  readBatch(batch: readonly StoredEvent[]): void {
    for (const { bytes } of [batch[0]!, batch.at(-1)!]) {
      const time = eventTime(bytes);
      if (time === undefined) continue;
      this.#first = Math.min(this.#first, time);
      this.#last = Math.max(this.#last, time);
    }
  }

  unreadable(place: string): void {
    this.#unreadable += 1;
    if (this.#places.length < MAX_PLACES) this.#places.push(place);
  }

  get told(): Omit<SubjectAnswer['coverage'], 'refused_unread' | 'grouped_together'> {
    return {
      events_read: this.#events,
      first_event: this.#events === 0 ? null : timeText(this.#first),
      last_event: this.#events === 0 ? null : timeText(this.#last),
      other_key: this.otherKey,
      unreadable: { count: this.#unreadable, places: this.#places },
      begins_late: [...this.#begins]
        .filter(([, sequence]) => sequence > 1)
        .map(([instance, sequence]) => ({ instance, sequence })),
    };
  }
}
