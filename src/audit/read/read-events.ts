/**
 * The one reader of stored events: everything that a stream or a spool holds, in its order, in batches. Memory stays
 * bounded by one batch and the one fetched ahead. Copies come through: `Distinct` tells them apart.
 */
import { readSpool } from './read-spool.js';
import type { RedisTarget } from '../redis-target.js';
import { readStreamPages } from './read-stream.js';
import { eventTime, type StoredEvent, type StoredItem } from './stored-event.js';

export type ReadFrom =
  | { readonly kind: 'stream'; readonly redis: RedisTarget; readonly stream: string }
  /** The root: each worker's spool is this folder or one in it. */
  | { readonly kind: 'spool'; readonly directory: string };

export interface ReadOptions {
  readonly from: ReadFrom;
  /** In ms since 1970. Stream entries that are older by more than an hour (for clocks that differ) are not read. */
  readonly since?: number | undefined;
  /** Drops events of this time and later; with `exact` only, as an event may be shipped long after its time. */
  readonly until?: number | undefined;
  /** Drop events by their own time, too. */
  readonly exact?: boolean | undefined;
  /** Stream entries with later ids are not read. */
  readonly shippedUntil?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** `total` is an estimate. */
  readonly onProgress?: ((done: number, total: number | undefined) => void) | undefined;
}

export interface ReadEventsOptions extends ReadOptions {
  /** Something that is no event stands there. Without this the reader throws, as what it gives is not all. */
  readonly onProblem?: ((problem: { readonly place: string; readonly message: string }) => void) | undefined;
}

const CLOCKS_DIFFER_MS = 3_600_000;

/** Everything there is, for `verify`. Rejects where the source cannot be read to its end. */
export function readItems(options: ReadOptions): AsyncIterable<readonly StoredItem[]> {
  const { from, since, onProgress, signal } = options;
  if (from.kind === 'spool') {
    const progress = (events: number, part: number): void =>
      onProgress?.(events, part > 0 ? Math.round(events / part) : undefined);
    return readSpool(from.directory, progress, signal);
  }
  return readStreamPages(
    {
      redis: from.redis,
      stream: from.stream,
      from: since === undefined ? undefined : since - CLOCKS_DIFFER_MS,
      to: options.shippedUntil,
    },
    onProgress,
    signal,
  );
}

/** The events alone. */
export async function* readEvents(options: ReadEventsOptions): AsyncGenerator<readonly StoredEvent[]> {
  for await (const items of readItems(options)) {
    const events: StoredEvent[] = [];
    for (const item of items) {
      if (item.kind === 'event') {
        if (options.exact !== true || isWithin(options, item.event)) events.push(item.event);
      } else if (item.kind === 'unreadable') tellProblem(options, item);
    }
    if (events.length > 0) yield events;
  }
}

/** An event without a time is never left out for it. */
function isWithin({ since, until }: ReadOptions, { bytes }: StoredEvent): boolean {
  if (since === undefined && until === undefined) return true;
  const time = eventTime(bytes);
  return time === undefined || (time >= (since ?? -Infinity) && time < (until ?? Infinity));
}

function tellProblem(
  { onProblem }: ReadEventsOptions,
  { place, message }: { readonly place: string; readonly message: string },
): void {
  if (onProblem !== undefined) onProblem({ place, message });
  else throw new Error(`the audit log is not whole, at ${place}: ${message}; run "pgveil audit verify"`);
}
