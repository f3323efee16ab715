/**
 * Reads the spools below a root, one segment at a time while the next one is fetched. Never locks and never writes, so
 * that a spool in use by a running proxy may be read: what it appends meanwhile is left out.
 */
import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { wholeCopy } from '../spool-copies.js';
import { segmentName, segmentNumber } from '../spool-format.js';
import { decodeSegment, voidOf, type DecodedSegment } from './decode-segment.js';
import type { StoredItem } from './stored-event.js';

const BATCH = 1_000;
/** A write of a running proxy may be half-way when it is read. */
const TAIL_TRIES = 5;
const TAIL_WAIT_MS = 50;

interface Segment {
  readonly path: string;
  readonly directory: string;
  readonly number: number;
  /** `segment 3`, with the worker's folder before it where there is one. */
  readonly name: string;
  readonly oldest: boolean;
  readonly newest: boolean;
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
  let ahead = fetched(segments[0]);
  for (let index = 0; index < segments.length; index++) {
    signal?.throwIfAborted();
    let segment = segments[index]!;
    let bytes = found(root, await ahead);
    ahead = fetched(segments[index + 1]);
    const copy = segment.newest ? undefined : await ahead;
    const whole = bytes && Buffer.isBuffer(copy) ? wholeCopy(bytes, copy) : 'alone';
    if (Buffer.isBuffer(copy) && (whole === 'first' || whole === 'second')) {
      // What a crash leaves in the middle of a second writing, and the next start removes: read once.
      const { oldest } = segment;
      const { newest } = segments[++index]!;
      if (whole === 'second') bytes = copy;
      segment = { ...(whole === 'second' ? segments[index]! : segment), oldest, newest };
      ahead = fetched(segments[index + 1]);
    }
    if (segment.oldest) instance = '';
    // Deleted since it was listed, once it had been shipped: the next header says where the chain goes on.
    if (bytes === undefined) continue;
    let begins = segment.oldest;
    for await (const part of decode(segment, bytes, instance, await ahead)) {
      ({ instance } = part);
      const items = begins ? await withBeginning(segment, part.items) : part.items;
      begins &&= !items.some(({ kind }) => kind === 'segment');
      if (items.length > 0) yield items;
      for (const { kind } of items) if (kind === 'event') events++;
    }
    onProgress?.(events, (index + 1) / segments.length);
  }
}

/** Piece by piece, so that what is made of one is gone before the collector of garbage moves it. */
async function* decode(
  segment: Segment,
  bytes: Buffer,
  instance: string,
  following: Buffer | Error | undefined,
): AsyncGenerator<DecodedSegment> {
  const again = segment.newest || !Buffer.isBuffer(following) ? undefined : voidOf(following);
  // INVARIANT(failed-sync-is-final): from there on the records stand in the next segment.
  const valid = again?.segment === segment.number ? bytes.subarray(0, again.from) : bytes;
  let { length } = valid;
  let part: DecodedSegment = { items: [], end: 0, instance };
  do {
    part = decodeSegment(valid, segment.name, part.instance, part.end, BATCH);
    yield part;
  } while (part.items.length === BATCH);
  for (let tries = 0; segment.newest && part.end < length && tries < TAIL_TRIES; tries++) {
    await new Promise((resolve) => setTimeout(resolve, TAIL_WAIT_MS));
    const grown = await fetched(segment);
    if (!Buffer.isBuffer(grown)) break;
    ({ length } = grown);
    part = decodeSegment(grown, segment.name, part.instance, part.end);
    yield part;
  }
  if (part.end >= length) return;
  const place = `${segment.name} byte ${part.end}`;
  const message = `the last ${length - part.end} bytes are no whole record: what a crash in the middle of a write leaves (the next start of pgveil cuts it and says so), or damage`;
  yield { ...part, items: [{ kind: 'unreadable', place, message }] };
}

/** Says with the oldest segment's header whether pgveil may have deleted those before it. */
async function withBeginning(segment: Segment, items: readonly StoredItem[]): Promise<readonly StoredItem[]> {
  const shippedTo = await shippedSegment(segment.directory);
  const first = items.findIndex(({ kind }) => kind === 'segment');
  return items.map((item, index) =>
    item.kind === 'segment' && index === first
      ? { ...item, oldest: { shipped: shippedTo >= segment.number } }
      : item,
  );
}

/** Up to which segment the events are in Redis, as the shipper has noted it (spool-cursor.ts). */
async function shippedSegment(directory: string): Promise<number> {
  try {
    const cursor = JSON.parse(await readFile(join(directory, 'cursor'), 'utf8')) as {
      segment?: unknown;
    } | null;
    return typeof cursor?.segment === 'number' ? cursor.segment : 0;
  } catch {
    return 0;
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
  const numbers = (await readdir(directory))
    .map(segmentNumber)
    .filter((number) => number !== undefined)
    .sort((a, b) => a - b);
  return numbers.map((number, index) => ({
    path: join(directory, segmentName(number)),
    directory,
    number,
    name: `${prefix}segment ${number}`,
    oldest: index === 0,
    newest: index === numbers.length - 1,
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

function found(root: string, answer: Buffer | Error | undefined): Buffer | undefined {
  if (answer instanceof Error) throw unreadableSpool(root, answer);
  return answer;
}

function unreadableSpool(root: string, error: unknown): Error {
  const code = (error as NodeJS.ErrnoException).code ?? 'unreadable';
  return new Error(`the audit spool in "${root}" cannot be read (${code})`, { cause: error });
}
