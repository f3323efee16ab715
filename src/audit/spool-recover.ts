/**
 * Reads a spool directory back after a stop or a crash: where to go on writing, the head of the hash chain, and the
 * intents without an outcome. Finds the torn tail that a crash leaves, which is cut once the next segment's header tells
 * of it: a crash in the middle of a start is not to hide it. Bytes damaged in the middle stay where they are and are
 * reported, since later records are still good.
 */
import { existsSync, readdirSync, readFileSync, statSync, truncateSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { CHAIN_START } from './chain.js';
import { wholeCopy } from './spool-copies.js';
import { removeSegment, rewriteSegment } from './spool-files.js';
import {
  decodeRecord,
  findRecord,
  recordKind,
  segmentName,
  segmentNumber,
  type Findings,
  type SegmentHeader,
  type SpoolRecord,
} from './spool-format.js';

export interface OpenIntent {
  readonly uid: string;
  readonly segment: number;
  readonly time: number;
  readonly json: string;
}

export interface Recovered extends Findings {
  /** Undefined: a new spool. */
  readonly last:
    | {
        readonly segment: number;
        readonly bytes: number;
        /** It holds its header alone. */
        readonly empty: boolean;
      }
    | undefined;
  readonly instance: string | undefined;
  readonly sequence: number;
  readonly prev: string;
  readonly intents: readonly OpenIntent[];
  /** Segment number → bytes. */
  readonly segments: ReadonlyMap<number, number>;
}

export interface SegmentScan {
  readonly records: readonly SpoolRecord[];
  /** Where the last valid record ends. */
  readonly end: number;
  readonly damage: readonly { readonly offset: number; readonly bytes: number }[];
}

/** Every valid record of a segment's bytes. */
export function scanSegment(bytes: Buffer): SegmentScan {
  const records: SpoolRecord[] = [];
  const damage: { offset: number; bytes: number }[] = [];
  let offset = 0;
  while (offset < bytes.length) {
    const decoded = decodeRecord(bytes, offset);
    if (decoded.kind === 'record') {
      records.push(decoded.record);
      offset = decoded.next;
      continue;
    }
    // A length that was damaged looks like a short record, so look for a later one in both cases.
    const next = findRecord(bytes, offset);
    if (next === undefined) break;
    damage.push({ offset, bytes: next - offset });
    offset = next;
  }
  return { records, end: offset, damage };
}

/** Recovers the directory, which must be locked. */
export function recoverSpool(directory: string): Recovered {
  const segments = listSegments(directory);
  const numbers = [...segments.keys()];
  let tornBytes = 0;
  let last = numbers.pop();
  while (last !== undefined && headerOf(directory, last) === undefined) {
    // The crash came between creating the segment and writing its header: nothing can follow a missing header.
    const scan = scanSegment(readFileSync(join(directory, segmentName(last))));
    if (scan.records.length > 0) break;
    tornBytes += segments.get(last)!;
    unlinkSync(join(directory, segmentName(last)));
    segments.delete(last);
    last = numbers.pop();
  }
  if (last === undefined) {
    return {
      last,
      instance: undefined,
      sequence: 0,
      prev: CHAIN_START,
      intents: [],
      segments,
      tornBytes,
      damage: [],
      cuts: [],
    };
  }
  const { newest, copied } = removeCopy(directory, segments, last);
  return replay(directory, segments, newest, copied, tornBytes);
}

/**
 * A process ended while it wrote the segment before the last one a second time. Goes on in the one that is whole; the
 * other is removed.
 */
function removeCopy(
  directory: string,
  segments: Map<number, number>,
  last: number,
): { readonly newest: number; readonly copied: number | undefined } {
  const before = Math.max(...[...segments.keys()].filter((number) => number < last));
  if (!Number.isFinite(before)) return { newest: last, copied: undefined };
  const [first, second] = [before, last].map((number) => readFileSync(join(directory, segmentName(number))));
  const whole = wholeCopy(first!, second!);
  if (whole === 'alone') return { newest: last, copied: undefined };
  // Each has what the other lacks, as after a power failure on a disk that fails: both stay, for a person to look at.
  if (whole === 'neither') return { newest: last, copied: before };
  const [newest, copy] = whole === 'second' ? [last, before] : [before, last];
  // The copy may be all that the disk has.
  rewriteSegment(directory, newest);
  removeSegment(directory, copy);
  segments.delete(copy);
  return { newest, copied: undefined };
}

function replay(
  directory: string,
  segments: Map<number, number>,
  last: number,
  copied: number | undefined,
  alreadyTorn: number,
): Recovered {
  const numbers = [...segments.keys()];
  const header = headerOf(directory, last);
  // Without a header (damaged) everything is read again; with one, from the oldest statement still open then.
  const from = header === undefined ? numbers[0]! : Math.min(copied ?? last, ...Object.values(header.open));
  const found: Findings = header?.found ?? { tornBytes: 0, damage: [], cuts: [] };
  const cuts = found.cuts.filter(({ segment, to }) => (segments.get(segment) ?? 0) > to);
  const intents = new Map<string, OpenIntent>();
  /** A copy may hold the intent and not the outcome. */
  const closed = new Set<string>();
  const damage: { segment: number; offset: number; bytes: number }[] = [];
  let instance = header?.instance;
  let sequence = header?.sequence ?? 0;
  let prev = header?.prev ?? CHAIN_START;
  let tornBytes = alreadyTorn;
  let empty = false;
  const voids = new Map<number, number>();
  for (const segment of numbers.filter((number) => number >= from)) {
    const path = join(directory, segmentName(segment));
    const scan = scanSegment(readFileSync(path));
    for (const hole of scan.damage) damage.push({ segment, ...hole });
    for (const record of scan.records) {
      if (record.kind === recordKind.header) {
        const header = parseHeader(record.json);
        // The header of a copy stands behind the events of the first.
        if (copied === undefined || segment !== last) ({ instance, sequence, prev } = header);
        if (header.void !== undefined) voids.set(header.void.segment, header.void.from);
      } else if (record.kind === recordKind.intent) {
        const { uid, time, json } = record;
        if (!closed.has(uid)) intents.set(uid, { uid, segment, time, json });
      } else {
        intents.delete(record.uid);
        closed.add(record.uid);
        if (record.kind === recordKind.event && (copied === undefined || record.sequence > sequence))
          ({ sequence, prev } = { sequence: record.sequence, prev: hashOf(record.json) });
      }
    }
    empty = scan.records.every(({ kind }) => kind === recordKind.header);
    const surplus = segments.get(segment)! - scan.end;
    if (surplus > 0) {
      // INVARIANT(spool-torn-tail): only bytes that no valid record follows are ever cut.
      if (segment === last) {
        cuts.push({ segment, to: scan.end });
        tornBytes += surplus;
      } else if (!found.cuts.some((cut) => cut.segment === segment && cut.to === scan.end))
        damage.push({ segment, offset: scan.end, bytes: surplus });
    }
  }
  for (const { segment, to } of cuts) segments.set(segment, to);
  // The start that made it has ended before an event could tell.
  const untold: Findings = empty ? found : { tornBytes: 0, damage: [], cuts: [] };
  return {
    last: { segment: last, bytes: segments.get(last)!, empty },
    instance,
    sequence,
    prev,
    intents: [...intents.values()],
    segments,
    tornBytes: tornBytes + untold.tornBytes,
    damage: [
      ...untold.damage,
      ...damage.filter(
        ({ segment, offset }) =>
          offset < (voids.get(segment) ?? Infinity) &&
          // That start has told it.
          !found.damage.some((one) => one.segment === segment && one.offset === offset),
      ),
    ],
    cuts,
  };
}

/** For the header of the segment that a start makes; undefined: all was well. */
export function findingsOf({ tornBytes, damage, cuts }: Recovered): Findings | undefined {
  return tornBytes > 0 || damage.length > 0 ? { tornBytes, damage, cuts } : undefined;
}

/** Removes the torn tails. */
export function cutTails(directory: string, { cuts }: Findings): void {
  for (const { segment, to } of cuts) truncateSync(join(directory, segmentName(segment)), to);
}

/** Segment numbers in order with their sizes. */
export function listSegments(directory: string): Map<number, number> {
  const numbers = existsSync(directory)
    ? readdirSync(directory)
        .map(segmentNumber)
        .filter((number) => number !== undefined)
        .sort((a, b) => a - b)
    : [];
  return new Map(numbers.map((number) => [number, statSync(join(directory, segmentName(number))).size]));
}

function headerOf(directory: string, segment: number): SegmentHeader | undefined {
  const decoded = decodeRecord(readFileSync(join(directory, segmentName(segment))), 0);
  return decoded.kind === 'record' && decoded.record.kind === recordKind.header
    ? parseHeader(decoded.record.json)
    : undefined;
}

function parseHeader(json: string): SegmentHeader {
  return JSON.parse(json) as SegmentHeader;
}

function hashOf(json: string): string {
  return (JSON.parse(json) as { unmapped: { hash: string } }).unmapped.hash;
}
