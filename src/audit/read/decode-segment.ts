/** The records of one spool segment as items for a reader. Pure; reads no file. */
import { decodeRawRecord, findRecord, recordKind } from '../spool-format.js';
import { KeptEvent, type StoredItem } from './stored-event.js';

export interface DecodedSegment {
  readonly items: readonly StoredItem[];
  /** Where the last record that was taken ends: before the end of the bytes, if they end in something else. */
  readonly end: number;
  /** Of the last header met. */
  readonly instance: string;
}

/**
 * @param name - `segment 3`
 * @param instance - of the segment before
 * @param from - where to begin; a record starts there
 * @param limit - of the items; as many mean that there may be more
 */
export function decodeSegment(
  bytes: Buffer,
  name: string,
  instance: string,
  from = 0,
  limit = Infinity,
): DecodedSegment {
  const items: StoredItem[] = [];
  let at = from;
  while (at < bytes.length && items.length < limit) {
    const decoded = decodeRawRecord(bytes, at);
    const start = at;
    const place = (): string => `${name} byte ${start}`;
    if (decoded.kind !== 'record') {
      const next = findRecord(bytes, at);
      if (next === undefined) break;
      const message = `${next - at} bytes are no record that pgveil wrote: the file was damaged or changed`;
      items.push({ kind: 'unreadable', place: place(), message });
      at = next;
      continue;
    }
    const { record, next } = decoded;
    if (record.kind === recordKind.header) {
      const header = parseHeader(record.json);
      if (header === undefined) {
        const message = 'the header of the segment is none that pgveil writes';
        items.push({ kind: 'unreadable', place: place(), message });
      } else {
        ({ instance } = header);
        const { sequence, prev } = header;
        items.push({ kind: 'segment', place: place(), instance, sequence, prev });
      }
    } else if (record.kind === recordKind.event) {
      const event = new KeptEvent(place, instance, record.sequence, record.uid, record.json);
      items.push({ kind: 'event', event });
    }
    at = next;
  }
  return { items, end: at, instance };
}

/** What a reader wants to know of a segment's header (`SegmentHeader`). */
interface HeaderFacts {
  readonly instance: string;
  readonly sequence: number;
  readonly prev: string;
  /** What stands in that segment from there on was written in this one once more. */
  readonly void?: { readonly segment: number; readonly from: number } | undefined;
}

/** What the header of a segment says of the one before. */
export function voidOf(bytes: Buffer): HeaderFacts['void'] {
  const first = decodeRawRecord(bytes, 0);
  return first.kind === 'record' && first.record.kind === recordKind.header
    ? parseHeader(first.record.json)?.void
    : undefined;
}

function parseHeader(json: Buffer): HeaderFacts | undefined {
  try {
    const header = JSON.parse(json.toString('utf8')) as Partial<HeaderFacts> | null;
    const { instance, sequence, prev, void: voided } = header ?? {};
    return typeof instance === 'string' && typeof sequence === 'number' && typeof prev === 'string'
      ? { instance, sequence, prev, void: voided }
      : undefined;
  } catch {
    return undefined;
  }
}
