/** Which event of each instance stands last in segments that are about to go. Reads headers alone where those tell it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { recordKind, segmentName, type SegmentHeader } from './spool-format.js';
import { SpoolReader } from './spool-reader.js';
import { scanSegment } from './spool-recover.js';
import type { TrimmedHeads } from './types.js';

/**
 * @param segments - in the order of their numbers, one at least
 * @param next - the one behind them, which stays
 */
export function headsOfSegments(directory: string, segments: readonly number[], next: number): TrimmedHeads {
  const heads: Record<string, { sequence: number; hash: string }> = {};
  let own = headerOf(directory, segments[0]!);
  segments.forEach((segment, index) => {
    const following = headerOf(directory, segments[index + 1] ?? next);
    // Another instance begins there, or the header is damaged: only the events tell where this one ends.
    if (own === undefined || own.instance !== following?.instance)
      Object.assign(heads, lastEventOf(directory, segment));
    if (following !== undefined && following.sequence > 0)
      heads[following.instance] = { sequence: following.sequence, hash: following.prev };
    own = following;
  });
  return heads;
}

function headerOf(directory: string, segment: number): SegmentHeader | undefined {
  const reader = new SpoolReader(directory);
  try {
    const start = { segment, offset: 0 };
    const end = { segment, offset: Number.MAX_SAFE_INTEGER };
    const [first] = reader.read(start, end, [segment], 1).records;
    return first?.kind === recordKind.header
      ? (JSON.parse(first.json.toString('utf8')) as SegmentHeader)
      : undefined;
  } finally {
    reader.close();
  }
}

function lastEventOf(directory: string, segment: number): TrimmedHeads {
  const { records } = scanSegment(readFileSync(join(directory, segmentName(segment))));
  const last = records.findLast(({ kind }) => kind === recordKind.event);
  if (last === undefined) return {};
  const { unmapped } = JSON.parse(last.json) as { unmapped: { instance: string; hash: string } };
  return { [unmapped.instance]: { sequence: last.sequence, hash: unmapped.hash } };
}
