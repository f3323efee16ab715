/**
 * Removes old entries from the stream as the configuration says, and nothing otherwise: from the oldest on, and before it
 * does so an event that names the last removed one of each instance is in the stream, so that `audit verify` knows where
 * each chain begins.
 *
 * INVARIANT(trim-told): an entry goes only after that event, and with `behind_group` only after the group has
 * acknowledged it. Several may try at once: a lock keeps it to one, and where that fails the second one removes what the
 * first has removed already.
 */
import { randomUUID } from 'node:crypto';
import { besideStream } from './redis-append.js';
import { describeRedisError, type RedisClient } from './redis-connection.js';
import { explainRefusal } from './redis-refusal.js';
import type { TrimmedHeads } from './types.js';

export interface TrimPolicy {
  /** In milliseconds. */
  readonly age?: number | undefined;
  readonly length?: number | undefined;
  readonly behind_group?: string | undefined;
}

export interface TrimmerOptions {
  readonly redis: RedisClient;
  readonly stream: string;
  readonly policy: TrimPolicy;
  readonly everyMs?: number;
  /** Resolves when the event about it is in the stream. */
  readonly record: (heads: TrimmedHeads, entries: number) => Promise<void>;
  readonly onWarning: (message: string) => void;
}

const EVERY_MS = 60_000;
const LOCK_MS = 120_000;
/** An event may have megabytes, as a statement may. */
const PAGE = 100;
/** Each round has an event of its own. */
const ROUND_ENTRIES = 50_000;

type Id = readonly [ms: number, counter: number];

export class StreamTrimmer {
  readonly #options: TrimmerOptions;
  readonly #timer: NodeJS.Timeout;
  #running: Promise<void> | undefined;
  #stopped = false;
  #told: string | undefined;

  constructor(options: TrimmerOptions) {
    this.#options = options;
    this.#timer = setInterval(() => void this.trim(), options.everyMs ?? EVERY_MS).unref();
  }

  /** Never rejects. */
  trim(): Promise<void> {
    this.#running ??= this.#trim()
      .then(
        () => (this.#told = undefined),
        (error: unknown) => this.#tell(explainRefusal(describeRedisError(error))),
      )
      .then(() => {
        this.#running = undefined;
      });
    return this.#running;
  }

  close(): void {
    this.#stopped = true;
    clearInterval(this.#timer);
  }

  #tell(reason: string): void {
    if (this.#told === reason || this.#stopped) return;
    this.#told = reason;
    this.#options.onWarning(`the audit stream could not be trimmed: ${reason}`);
  }

  async #trim(): Promise<void> {
    const { redis, stream } = this.#options;
    if (redis.status !== 'ready' || this.#stopped) return;
    const lock = besideStream(stream, 'trimmer');
    const token = randomUUID();
    if ((await redis.set(lock, token, 'PX', LOCK_MS, 'NX')) === null) return;
    try {
      while (!this.#isStopped() && (await this.#round())) {
        if ((await redis.get(lock)) !== token) return;
        await redis.pexpire(lock, LOCK_MS);
      }
    } finally {
      if ((await redis.get(lock)) === token) await redis.del(lock);
    }
  }

  #isStopped(): boolean {
    return this.#stopped;
  }

  /** True: there may be more. */
  async #round(): Promise<boolean> {
    const { redis, stream, policy } = this.#options;
    const before = await this.#limits();
    if (before === undefined) return false;
    const surplus = policy.length === undefined ? 0 : (await redis.xlen(stream)) - policy.length;
    const newest = new Map<string, string>();
    const earlier: TrimmedHeads[] = [];
    let last: string | undefined;
    let count = 0;
    pages: while (count < ROUND_ENTRIES) {
      const from = last === undefined ? '-' : successor(last);
      const entries = await redis.xrange(stream, from, '+', 'COUNT', PAGE);
      for (const [id, [, , , instance = '', , , , json = '']] of entries) {
        const due = compare(parseId(id), before.age) < 0 || count < surplus;
        if (!due || compare(parseId(id), before.group) >= 0) break pages;
        newest.set(instance, json);
        const told = trimmedIn(json);
        if (told !== undefined) earlier.push(told);
        last = id;
        count++;
      }
      if (entries.length < PAGE) break;
    }
    if (last === undefined) return false;
    await this.#options.record(headsOf(newest, earlier), count);
    await redis.xtrim(stream, 'MINID', successor(last));
    return count >= ROUND_ENTRIES;
  }

  /** Ids from which on nothing goes, by age and for the group; undefined: nothing goes at all. */
  async #limits(): Promise<{ readonly age: Id; readonly group: Id } | undefined> {
    const { redis, policy } = this.#options;
    // The ids are times of Redis, so its clock decides.
    const age: Id =
      policy.age === undefined ? [0, 0] : [Number((await redis.time())[0]) * 1000 - policy.age, 0];
    if (policy.behind_group === undefined) return { age, group: [Infinity, 0] };
    const group = await this.#acknowledged(policy.behind_group);
    return group === undefined ? undefined : { age, group };
  }

  async #acknowledged(group: string): Promise<Id | undefined> {
    const { redis, stream } = this.#options;
    if ((await redis.exists(stream)) === 0) return undefined;
    const groups = (await redis.xinfo('GROUPS', stream)) as unknown[];
    const found = groups.map(fieldsOf).find((one) => one.get('name') === group);
    if (found === undefined) {
      throw new Error(
        `the stream has no consumer group "${group}" (audit.trim.behind_group), so nothing is removed; create it with XGROUP CREATE, or correct the name`,
      );
    }
    const [pending, lowest] = (await redis.xpending(stream, group)) as [number, string | null];
    if (pending > 0 && lowest !== null) return parseId(lowest);
    return parseId(successor(String(found.get('last-delivered-id'))));
  }
}

/** A reply of names and values in turn, or a map of RESP3. */
function fieldsOf(reply: unknown): ReadonlyMap<string, unknown> {
  if (reply instanceof Map) return reply as ReadonlyMap<string, unknown>;
  if (!Array.isArray(reply)) return new Map(Object.entries(reply as object));
  const fields = new Map<string, unknown>();
  for (let at = 0; at + 1 < reply.length; at += 2) fields.set(String(reply[at]), reply[at + 1]);
  return fields;
}

function parseId(id: string): Id {
  const [ms = '0', counter = '0'] = id.split('-');
  return [Number(ms), Number(counter)];
}

function successor(id: string): string {
  const [ms, counter] = parseId(id);
  return `${ms}-${counter + 1}`;
}

function compare(a: Id, b: Id): number {
  return a[0] === b[0] ? a[1] - b[1] : a[0] - b[0];
}

/** What an earlier trim has told; with its event gone, the next one has to tell it. */
function trimmedIn(json: string): TrimmedHeads | undefined {
  if (!json.includes('"trimmed":{')) return undefined;
  return unmappedOf(json)?.trimmed?.instances;
}

function headsOf(newest: ReadonlyMap<string, string>, earlier: readonly TrimmedHeads[]): TrimmedHeads {
  const heads: Record<string, { sequence: number; hash: string }> = {};
  for (const told of earlier) Object.assign(heads, told);
  for (const [instance, json] of newest) {
    const event = unmappedOf(json);
    if (event === undefined) continue;
    heads[instance] = { sequence: event.sequence, hash: event.hash };
  }
  return heads;
}

interface Unmapped {
  readonly sequence: number;
  readonly hash: string;
  readonly trimmed?: { readonly instances: TrimmedHeads };
}

/** Undefined: no event of ours, as anybody who may write the stream can add one. */
function unmappedOf(json: string): Unmapped | undefined {
  try {
    const { metadata, unmapped } = JSON.parse(json) as {
      metadata: { sequence: number };
      unmapped: Omit<Unmapped, 'sequence'>;
    };
    return { ...unmapped, sequence: metadata.sequence };
  } catch {
    return undefined;
  }
}
