/**
 * Verifies a log in one pass over its items: every event by itself, every chain, every signature, every beginning, and the
 * end against an anchor. Pure: reads from what it is given and tells in plain data.
 */
import { type Teller, TrimRecords } from './trim-records.js';
import type { StoredEvent, StoredItem } from '../read/stored-event.js';
import type { Anchor } from './anchor.js';
import { ChainCheck, type PublicKeys } from './chain-check.js';
import { checkEvent, type EventFacts } from './check-event.js';
import { Findings, type ChainResult, type VerifyResult } from './result.js';

export interface VerifyOptions {
  /** Without any, signatures are not checked. */
  readonly keys?: PublicKeys;
  readonly anchor?: Anchor | undefined;
  /** The items begin somewhere in the middle of the log, because somebody asked for that. */
  readonly window?: boolean;
  /** Trims of other streams and of spools prove nothing about this one. */
  readonly stream?: string | undefined;
  /** With keys: events behind the last checkpoint may span this long. */
  readonly unsignedLimitMs?: number;
  /** Sees each item once, and of events the parsed JSON (undefined: it is none), so that nobody parses them again. */
  readonly onItem?: ((item: StoredItem, json: unknown) => void) | undefined;
}

export const DEFAULT_UNSIGNED_LIMIT_MS = 3_600_000;

type Segment = Extract<StoredItem, { readonly kind: 'segment' }>;

/** Rejects when the items cannot be had to their end: half a log is not clean. */
export async function verifyEvents(
  batches: AsyncIterable<readonly StoredItem[]>,
  options: VerifyOptions = {},
): Promise<VerifyResult> {
  const verifier = new Verifier(options);
  for await (const items of batches) for (const item of items) verifier.add(item);
  return verifier.finish();
}

class Verifier {
  readonly #options: VerifyOptions;
  readonly #keys: PublicKeys;
  readonly #findings = new Findings();
  readonly #chains = new Map<string, ChainCheck>();
  readonly #trims: TrimRecords;
  /** By instance: how its spool begins. */
  readonly #oldest = new Map<string, Segment>();
  readonly #notes: string[] = [];
  #events = 0;

  constructor(options: VerifyOptions) {
    this.#options = options;
    this.#keys = options.keys ?? new Map();
    this.#trims = new TrimRecords(options.stream, (by) => this.#isSigned(by));
  }

  add(item: StoredItem): void {
    const json = item.kind === 'event' ? this.#event(item.event) : undefined;
    if (item.kind === 'unreadable') this.#findings.add('unreadable', item.place, item.message);
    else if (item.kind === 'segment') this.#segment(item);
    this.#options.onItem?.(item, json);
  }

  finish(): VerifyResult {
    const chains = [...this.#chains.values()].filter(({ last }) => last !== undefined);
    for (const chain of chains) {
      chain.finish();
      this.#checkSigned(chain);
    }
    const results = chains.map((chain) => this.#result(chain));
    this.#checkAnchor();
    const { listed: findings, total: findingsTotal } = this.#findings;
    return {
      clean: findingsTotal === 0,
      events: this.#events,
      duplicates: results.reduce((sum, { duplicates }) => sum + duplicates, 0),
      chains: results,
      keys: [...this.#keys.keys()],
      findings,
      findingsTotal,
      notes: this.#notes,
    };
  }

  /** Gives the parsed event. */
  #event(event: StoredEvent): unknown {
    this.#events++;
    const { place, instance, sequence, uid } = event;
    const about = { chain: instance, sequence, uid };
    const check = checkEvent(event.bytes);
    const { facts, json } = check;
    if (facts === undefined) {
      this.#findings.add('unreadable', place, check.message, about);
      return json;
    }
    const { differs } = check;
    if (differs !== undefined) {
      const problem =
        differs === 'changed'
          ? `event ${sequence} does not have the hash that it names`
          : `event ${sequence} is not in the form that was hashed (RFC 8785)`;
      this.#findings.add(differs, place, problem, about);
    }
    const changed = differs === 'changed';
    const differences = entryDifferences(event, facts);
    if (differences !== '' && !changed) this.#findings.add('entry-differs', place, differences, about);
    if (facts.trimmed !== undefined && !changed) this.#trims.add(facts.trimmed, facts);
    if (facts.expired !== undefined && !changed) this.#trims.add(facts.expired, facts);
    // What an event says of its place counts only while its hash holds.
    this.#chain(changed ? instance : facts.instance).add(changed ? { ...facts, ...about } : facts, place);
    return json;
  }

  #segment(segment: Segment): void {
    const { instance, oldest } = segment;
    const chain = this.#chain(instance);
    if (oldest === undefined) chain.addHeader(segment);
    else if (chain.last === undefined && segment.sequence > 0) this.#oldest.set(instance, segment);
  }

  #chain(instance: string): ChainCheck {
    let chain = this.#chains.get(instance);
    if (chain === undefined) {
      chain = new ChainCheck(instance, this.#findings, this.#keys);
      this.#chains.set(instance, chain);
    }
    return chain;
  }

  #result(chain: ChainCheck): ChainResult {
    // First: it settles what came behind the first event and belongs before it.
    const beginning = this.#beginning(chain);
    const { instance, events, duplicates, checkpoints, signedUpTo, unsigned } = chain;
    const { sequence, hash, time } = chain.last!;
    return {
      instance,
      events,
      duplicates,
      first: chain.first?.sequence ?? sequence,
      beginning,
      last: { sequence, hash, time },
      checkpoints,
      signedUpTo,
      unsigned,
    };
  }

  #beginning(chain: ChainCheck): ChainResult['beginning'] {
    const { instance, first } = chain;
    const removed = chain.beginning?.missing;
    const told = removed !== undefined && this.#trims.explain(instance, removed, first?.prev, chain.hashes);
    chain.settleEarly(told || this.#options.window === true);
    const { beginning } = chain;
    if (beginning === undefined) return 'start';
    const { missing, place } = beginning;
    if (told) return 'trimmed';
    const oldest = this.#oldest.get(instance);
    const begun = oldest?.sequence === missing && (first === undefined || first.prev === oldest.prev);
    if (begun && oldest.oldest?.shipped === true) {
      this.#notes.push(
        `chain ${instance} begins with event ${missing + 1} in ${place}: the segments before it were deleted once they had been shipped, so verify the stream for them`,
      );
      return 'shipped';
    }
    if (this.#options.window === true) {
      this.#notes.push(`chain ${instance} was looked at from event ${missing + 1} on`);
      return 'window';
    }
    const nothing = this.#keys.size > 0 ? 'nothing signed in the log' : 'nothing in the log';
    const problem = `the chain begins with event ${missing + 1}, and ${nothing} says that pgveil removed those before it`;
    this.#findings.add('late-beginning', place, problem, { chain: instance, sequence: missing + 1 });
    return 'unproven';
  }

  /** With keys: who can only write the log could else delete its beginning and tell of a trim. pgveil signs behind each. */
  #isSigned({ instance, sequence }: Teller): boolean {
    return this.#keys.size === 0 || (this.#chains.get(instance)?.signedUpTo?.sequence ?? 0) >= sequence;
  }

  #checkSigned({ instance, last, unsigned, unsignedSince, signedUpTo }: ChainCheck): void {
    const limit = this.#options.unsignedLimitMs ?? DEFAULT_UNSIGNED_LIMIT_MS;
    if (this.#keys.size === 0 || last === undefined || unsignedSince === undefined) return;
    if (last.time - unsignedSince <= limit) return;
    const behind =
      signedUpTo === undefined ? 'no checkpoint' : `no checkpoint behind event ${signedUpTo.sequence}`;
    const problem = `${behind} signs the last ${unsigned} events, which span ${Math.round((last.time - unsignedSince) / 60_000)} minutes`;
    this.#findings.add('unsigned', last.place, problem, { chain: instance, sequence: last.sequence });
  }

  #checkAnchor(): void {
    const { anchor } = this.#options;
    if (anchor === undefined) return;
    for (const [instance, { sequence, hash }] of Object.entries(anchor.chains)) {
      const chain = this.#chains.get(instance);
      const seen = chain?.hashes.compare(sequence, hash) ?? 'none';
      if (seen === 'same') continue;
      const last = chain?.last;
      const about = { chain: instance, sequence };
      const since = `, which was there on ${anchor.written}`;
      if (seen === 'other') {
        this.#findings.add(
          'anchor',
          last!.place,
          `another event stands for event ${sequence}${since}`,
          about,
        );
      } else if (last === undefined || last.sequence < sequence) {
        if (last === undefined && this.#trims.covers(instance, sequence)) continue;
        const end =
          last === undefined ? 'nothing of the chain is there' : `the chain ends with event ${last.sequence}`;
        const problem = `${end}, before event ${sequence}${since}`;
        this.#findings.add('anchor', last?.place ?? 'the whole log', problem, about);
      } else if (sequence > (chain?.beginning?.missing ?? 0)) {
        this.#findings.add('anchor', last.place, `event ${sequence} is missing${since}`, about);
      }
    }
  }
}

/** How what stands beside the event differs from it, in words. */
function entryDifferences(entry: StoredEvent, facts: EventFacts): string {
  return (['instance', 'sequence', 'uid'] as const)
    .filter((name) => entry[name] !== facts[name])
    .map((name) => `${name} is "${entry[name]}" beside the event and "${facts[name]}" in it`)
    .join('; ');
}
