/**
 * The bytes of a spool segment: checksummed records behind a fixed header, and the names of the files. Pure; does no I/O.
 *
 * A record: crc32 (4) · length of the body (4) · magic (2) · kind (1) · length of the uid (1) · sequence (8, double) ·
 * time (8, double) · body, which is the uid in ASCII and then JSON in UTF-8. The checksum covers all behind itself.
 * The first record of a segment is its header, so that recovery needs to read the newest segments only.
 */
import { crc32 } from 'node:zlib';

export const HEADER_BYTES = 28;
const MAGIC = 0x7056;
const MAX_BODY_BYTES = 64 * 1024 * 1024;

/** `cancel` closes an intent whose statement was refused because its sync failed. */
export const recordKind = { header: 1, intent: 2, event: 3, cancel: 4 } as const;
export type RecordKind = (typeof recordKind)[keyof typeof recordKind];

export interface SpoolRecord {
  readonly kind: RecordKind;
  readonly uid: string;
  /** 0 for everything but events. */
  readonly sequence: number;
  readonly time: number;
  readonly json: string;
}

/** As it stands on disk: shipping copies the JSON without reading it. */
export type RawRecord = Omit<SpoolRecord, 'json'> & { readonly json: Buffer };

/** What the first record of a segment says about everything before it. */
export interface SegmentHeader {
  readonly instance: string;
  /** Of the last event before this segment. */
  readonly sequence: number;
  readonly prev: string;
  /** Statements under way: uid → number of the segment that holds the intent. */
  readonly open: Readonly<Record<string, number>>;
  /** What stands in that segment from there on is void: its sync failed, and it was written here once more. */
  readonly void?: { readonly segment: number; readonly from: number } | undefined;
  /** What the start that made this segment has found, until an event behind the header tells it. */
  readonly found?: Findings | undefined;
}

/** What a crash has left, or a disk. */
export interface Findings {
  /** Bytes of an unfinished write at the end, which go. */
  readonly tornBytes: number;
  /** Places where a record is unreadable although later ones are not. */
  readonly damage: readonly { readonly segment: number; readonly offset: number; readonly bytes: number }[];
  /** Where torn segments are to end. */
  readonly cuts: readonly { readonly segment: number; readonly to: number }[];
}

export function encodeRecord(record: SpoolRecord): Buffer {
  const bytes = Buffer.allocUnsafe(HEADER_BYTES + record.uid.length + Buffer.byteLength(record.json));
  encodeRecordInto(bytes, 0, record);
  return bytes;
}

/** Writes the record at `offset`, where there must be room; gives the offset behind it. */
export function encodeRecordInto(bytes: Buffer, offset: number, record: SpoolRecord): number {
  const json = offset + HEADER_BYTES + record.uid.length;
  const end = json + bytes.write(record.json, json, 'utf8');
  finishRecord(bytes, offset, end, record);
  return end;
}

/** Writes everything but the JSON, which stands in its place already and ends at `end`. */
export function finishRecord(
  bytes: Buffer,
  offset: number,
  end: number,
  record: Omit<SpoolRecord, 'json'>,
): void {
  const bodyBytes = end - offset - HEADER_BYTES;
  // What could not be read back would hide all that stands behind it.
  if (bodyBytes > MAX_BODY_BYTES) throw new RangeError(`bug: a record of ${bodyBytes} bytes`);
  bytes.writeUInt32LE(bodyBytes, offset + 4);
  bytes.writeUInt16LE(MAGIC, offset + 8);
  bytes.writeUInt8(record.kind, offset + 10);
  bytes.writeUInt8(record.uid.length, offset + 11);
  bytes.writeDoubleLE(record.sequence, offset + 12);
  bytes.writeDoubleLE(record.time, offset + 20);
  bytes.write(record.uid, offset + HEADER_BYTES, 'latin1');
  bytes.writeUInt32LE(crc32(bytes.subarray(offset + 4, end)), offset);
}

export function encodeHeader(header: SegmentHeader): Buffer {
  const json = JSON.stringify(header);
  return encodeRecord({ kind: recordKind.header, uid: '', sequence: 0, time: Date.now(), json });
}

export type Decoded<R = SpoolRecord> =
  | { readonly kind: 'record'; readonly record: R; readonly next: number }
  /** The bytes end before the record does. */
  | { readonly kind: 'short' }
  | { readonly kind: 'damaged' };

/** The record that starts at `offset`. */
export function decodeRecord(bytes: Buffer, offset: number): Decoded {
  const raw = decodeRawRecord(bytes, offset);
  if (raw.kind !== 'record') return raw;
  return { ...raw, record: { ...raw.record, json: raw.record.json.toString('utf8') } };
}

/** The same; its JSON is a view of `bytes`. */
export function decodeRawRecord(bytes: Buffer, offset: number): Decoded<RawRecord> {
  if (bytes.length - offset < HEADER_BYTES) return { kind: 'short' };
  const bodyBytes = bytes.readUInt32LE(offset + 4);
  const uidBytes = bytes.readUInt8(offset + 11);
  if (bytes.readUInt16LE(offset + 8) !== MAGIC || bodyBytes > MAX_BODY_BYTES || uidBytes > bodyBytes)
    return { kind: 'damaged' };
  const next = offset + HEADER_BYTES + bodyBytes;
  if (next > bytes.length) return { kind: 'short' };
  const kind = bytes.readUInt8(offset + 10);
  if (!isRecordKind(kind) || bytes.readUInt32LE(offset) !== crc32(bytes.subarray(offset + 4, next)))
    return { kind: 'damaged' };
  const body = offset + HEADER_BYTES;
  const record = {
    kind,
    uid: bytes.toString('latin1', body, body + uidBytes),
    sequence: bytes.readDoubleLE(offset + 12),
    time: bytes.readDoubleLE(offset + 20),
    json: bytes.subarray(body + uidBytes, next),
  };
  return { kind: 'record', record, next };
}

/** The next offset behind `offset` where a whole, valid record starts; undefined when there is none. */
export function findRecord(bytes: Buffer, offset: number): number | undefined {
  for (let at = offset + 1; at <= bytes.length - HEADER_BYTES; at++) {
    if (bytes.readUInt16LE(at + 8) === MAGIC && decodeRawRecord(bytes, at).kind === 'record') return at;
  }
  return undefined;
}

function isRecordKind(kind: number): kind is RecordKind {
  return kind >= recordKind.header && kind <= recordKind.cancel;
}

export function segmentName(number: number): string {
  return `${String(number).padStart(12, '0')}.seg`;
}

/** The number in a segment's file name; undefined for any other file. */
export function segmentNumber(name: string): number | undefined {
  const digits = /^(\d{12})\.seg$/.exec(name)?.[1];
  return digits === undefined ? undefined : Number(digits);
}
