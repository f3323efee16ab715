/**
 * A segment whose sync failed is written once more, header and all, into the next one (SegmentFiles.startOver). A crash in
 * between leaves both: this tells which of the two is whole. Pure; does no I/O.
 */
import { decodeRawRecord, findRecord, recordKind } from './spool-format.js';

/**
 * Two segments that follow each other. `alone`: the second is no copy of the first. Otherwise the one that holds every
 * record of the other, or `neither`.
 */
export function wholeCopy(first: Buffer, second: Buffer): 'alone' | 'first' | 'second' | 'neither' {
  const header = headerBytes(first);
  // With its time and its checksum: one that was begun anew has another.
  if (header === undefined || !second.subarray(0, header.length).equals(header)) return 'alone';
  const inFirst = recordsOf(first);
  const inSecond = recordsOf(second);
  if (isWithin(inFirst, inSecond)) return 'second';
  return isWithin(inSecond, inFirst) ? 'first' : 'neither';
}

function headerBytes(bytes: Buffer): Buffer | undefined {
  const decoded = decodeRawRecord(bytes, 0);
  return decoded.kind === 'record' && decoded.record.kind === recordKind.header
    ? bytes.subarray(0, decoded.next)
    : undefined;
}

/** The checksum tells apart what has the same uid. */
function recordsOf(bytes: Buffer): ReadonlySet<string> {
  const records = new Set<string>();
  for (let at: number | undefined = 0; at !== undefined && at < bytes.length;) {
    const decoded = decodeRawRecord(bytes, at);
    if (decoded.kind === 'record') {
      records.add(`${decoded.record.kind} ${decoded.record.uid} ${bytes.readUInt32LE(at)}`);
      at = decoded.next;
    } else at = findRecord(bytes, at);
  }
  return records;
}

function isWithin(some: ReadonlySet<string>, others: ReadonlySet<string>): boolean {
  return [...some].every((record) => others.has(record));
}
