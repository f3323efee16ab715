/**
 * Reads the spools below a root, one segment at a time while the next one is fetched. Never locks and never writes, so
 * that a spool in use by a running proxy may be read: what it appends meanwhile is left out.
 */
import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { decodeRawRecord, findRecord, recordKind, segmentName, segmentNumber } from '../spool-format.js';
import type { SegmentHeader } from '../spool-format.js';
import { KeptEvent, type StoredItem } from './stored-event.js';

const BATCH = 5_000;

interface Segment {
  readonly path: string;
  /** `segment 3`, with the worker's folder before it where there is one. */
  readonly name: string;
}

/** Rejects when there is no spool in `root` or when a segment cannot be read. */
export async function* readSpool(
  root: string,
  onProgress?: (events: number, part: number) => void,
  signal?: AbortSignal,
): AsyncGenerator<readonly StoredItem[]> {
  const segments = await segmentsBelow(root);
  let events = 0;
  let instance = '';
  let next = fetched(segments[0]);
  for (const [index, segment] of segments.entries()) {
    signal?.throwIfAborted();
    const answer = await next;
    next = fetched(segments[index + 1]);
    if (answer instanceof Error) throw unreadableSpool(root, answer);
    // Deleted since it was listed, once it had been shipped: the next header says where the chain goes on.
    if (answer === undefined) continue;
    let batch: StoredItem[] = [];
    for (const item of itemsOf(answer, segment, instance)) {
      if (item.kind === 'segment') instance = item.instance;
      if (item.kind === 'event') events++;
      batch.push(item);
      if (batch.length < BATCH) continue;
      yield batch;
      batch = [];
    }
    yield batch;
    onProgress?.(events, (index + 1) / segments.length);
  }
}

/** The records of one segment. */
export function* itemsOf(bytes: Buffer, { name }: Segment, before: string): Generator<StoredItem> {
  let instance = before;
  let at = 0;
  while (at < bytes.length) {
    const decoded = decodeRawRecord(bytes, at);
    const place = `${name} byte ${at}`;
    if (decoded.kind !== 'record') {
      const next = findRecord(bytes, at) ?? bytes.length;
      yield { kind: 'unreadable', place, message: unreadable(next - at, next === bytes.length) };
      at = next;
      continue;
    }
    const { record, next } = decoded;
    if (record.kind === recordKind.header) {
      const header = headerOf(record.json);
      if (header === undefined) {
        yield { kind: 'unreadable', place, message: 'the header of the segment is none that pgveil writes' };
      } else {
        ({ instance } = header);
        yield { kind: 'segment', place, instance, sequence: header.sequence, prev: header.prev };
      }
    } else if (record.kind === recordKind.event) {
      const event = new KeptEvent(place, instance, record.sequence, record.uid, record.json);
      yield { kind: 'event', event };
    }
    at = next;
  }
}

function unreadable(bytes: number, atEnd: boolean): string {
  return atEnd
    ? `the last ${bytes} bytes are no whole record: what a crash in the middle of a write leaves (the next start cuts it), or damage`
    : `${bytes} bytes are no record that pgveil wrote: the file was damaged or changed`;
}

function headerOf(json: Buffer): Pick<SegmentHeader, 'instance' | 'sequence' | 'prev'> | undefined {
  try {
    const header = JSON.parse(json.toString('utf8')) as Partial<SegmentHeader> | null;
    const { instance, sequence, prev } = header ?? {};
    return typeof instance === 'string' && typeof sequence === 'number' && typeof prev === 'string'
      ? { instance, sequence, prev }
      : undefined;
  } catch {
    return undefined;
  }
}

/** The root is the first worker's spool, and each folder in it that holds segments is another worker's (app/spools.ts). */
async function segmentsBelow(root: string): Promise<readonly Segment[]> {
  try {
    const entries = await readdir(root, { withFileTypes: true });
    const folders = entries.filter((entry) => entry.isDirectory()).map((entry) => join(root, entry.name));
    const segments = [...(await segmentsIn(root, ''))];
    for (const folder of folders.sort()) segments.push(...(await segmentsIn(folder, `${basename(folder)} `)));
    if (segments.length > 0) return segments;
  } catch (error) {
    throw unreadableSpool(root, error);
  }
  throw new Error(
    `there is no audit spool in "${root}": no segment (*.seg) stands there or in a folder of it`,
  );
}

async function segmentsIn(directory: string, prefix: string): Promise<readonly Segment[]> {
  return (await readdir(directory))
    .map(segmentNumber)
    .filter((number) => number !== undefined)
    .sort((a, b) => a - b)
    .map((number) => ({
      path: join(directory, segmentName(number)),
      name: `${prefix}segment ${number}`,
    }));
}

/** Undefined: there is no such file any more. Never rejects, since nobody may be waiting for it any more. */
async function fetched(segment: Segment | undefined): Promise<Buffer | Error | undefined> {
  if (segment === undefined) return undefined;
  try {
    return await readFile(segment.path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    return error as Error;
  }
}

function unreadableSpool(root: string, error: unknown): Error {
  const code = (error as NodeJS.ErrnoException).code ?? 'unreadable';
  return new Error(`the audit spool in "${root}" cannot be read (${code})`, { cause: error });
}
