/**
 * Where in the spool shipping goes on, given how far the stream is. Behind the cursor where Redis has lost what it had
 * acknowledged, before it where an answer was lost. Reads the spool; speaks to nobody.
 */
import type { StreamHead } from './redis-append.js';
import { parseHead } from './redis-append.js';
import { recordKind } from './spool-format.js';
import { SpoolReader, type SpoolPosition } from './spool-reader.js';
import type { Spool } from './spool.js';

export type Resume =
  /** At or before the head's event; events up to its sequence are to be passed over. */
  | { readonly kind: 'found'; readonly position: SpoolPosition }
  /** The head's event is older than the spool. `missing` events between them are in neither. */
  | { readonly kind: 'older'; readonly position: SpoolPosition; readonly missing: number }
  /** The spool has another event under that number, or does not reach it: it is not the one that was shipped. */
  | { readonly kind: 'fork' };

const PAGE = 1_000;

export function resumeAfter(head: StreamHead, spool: Spool): Resume {
  const wanted = parseHead(head);
  const reader = new SpoolReader(spool.directory);
  try {
    const segments = spool.segments().map((segment): SpoolPosition => ({ segment, offset: 0 }));
    let oldest: Found | undefined;
    // From the newest segment back: a head is seldom far behind.
    for (const from of segments.reverse()) {
      const first = firstEvent(reader, spool, from);
      if (first === undefined) continue;
      oldest = first;
      if (first.sequence > wanted.sequence) continue;
      const found = eventAt(reader, spool, from, wanted.sequence);
      return found?.uid === wanted.uid ? { kind: 'found', position: found.page } : { kind: 'fork' };
    }
    if (oldest === undefined) {
      const position = segments.at(-1) ?? { segment: 0, offset: 0 };
      return wanted.sequence > 0 ? { kind: 'fork' } : { kind: 'found', position };
    }
    return { kind: 'older', position: oldest.page, missing: oldest.sequence - wanted.sequence - 1 };
  } finally {
    reader.close();
  }
}

interface Found {
  readonly sequence: number;
  readonly uid: string;
  /** Where the page begins that holds it. */
  readonly page: SpoolPosition;
}

function firstEvent(reader: SpoolReader, spool: Spool, from: SpoolPosition): Found | undefined {
  for (const event of events(reader, spool, from)) return event;
  return undefined;
}

function eventAt(
  reader: SpoolReader,
  spool: Spool,
  from: SpoolPosition,
  sequence: number,
): Found | undefined {
  for (const event of events(reader, spool, from)) if (event.sequence >= sequence) return event;
  return undefined;
}

/** From a place on to the end of what is synced. */
function* events(reader: SpoolReader, spool: Spool, from: SpoolPosition): Generator<Found> {
  let page = from;
  for (;;) {
    const { records, next } = reader.read(page, spool.durable, spool.segments(), PAGE);
    for (const { kind, sequence, uid } of records)
      if (kind === recordKind.event) yield { sequence, uid, page };
    if (next.segment === page.segment && next.offset === page.offset) return;
    page = next;
  }
}
