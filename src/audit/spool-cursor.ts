/**
 * The file in which a spool remembers up to where its events have been acknowledged elsewhere. Written by rename, never
 * synced: an older cursor only means that some events are sent twice.
 */
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { decodeRawRecord, segmentName } from './spool-format.js';
import type { SpoolPosition } from './spool-reader.js';

const schema = z.object({
  segment: z.int().nonnegative(),
  offset: z.int().nonnegative(),
  /** Of the last event that was acknowledged. */
  sequence: z.int().nonnegative().optional(),
});
const start: SpoolPosition = { segment: 0, offset: 0 };

/** The saved position, or the start of the spool where none can be believed. */
export function loadCursor(
  directory: string,
  durable: SpoolPosition,
): {
  readonly position: SpoolPosition;
  readonly sequence?: number | undefined;
  readonly warning: string | undefined;
} {
  let text: string;
  try {
    text = readFileSync(join(directory, 'cursor'), 'utf8');
  } catch {
    return { position: start, warning: undefined };
  }
  const position = parse(text);
  if (position === undefined) {
    return {
      position: start,
      warning: 'audit cursor is unreadable: all events of the spool are shipped again',
    };
  }
  const beyond =
    position.segment > durable.segment ||
    (position.segment === durable.segment && position.offset > durable.offset);
  if (beyond) {
    return {
      position: start,
      warning: 'audit cursor lies behind the end of the spool: all its events are shipped again',
    };
  }
  if (!isBetweenRecords(join(directory, segmentName(position.segment)), position.offset)) {
    // Of another segment of that number, as of a spool that was copied back: what it points into would be left out.
    return {
      position: { segment: position.segment, offset: 0 },
      warning: 'audit cursor lies inside of a record: its segment is shipped again',
    };
  }
  return { position, sequence: position.sequence, warning: undefined };
}

/** A segment that is no more has been shipped, and reading goes on with the next one. */
function isBetweenRecords(path: string, offset: number): boolean {
  if (offset === 0 || !existsSync(path)) return true;
  const bytes = readFileSync(path);
  return offset === bytes.length || decodeRawRecord(bytes, offset).kind === 'record';
}

export function saveCursor(
  directory: string,
  position: SpoolPosition & { readonly sequence?: number },
): void {
  const path = join(directory, 'cursor');
  writeFileSync(`${path}.new`, JSON.stringify(position));
  renameSync(`${path}.new`, path);
}

function parse(text: string): z.infer<typeof schema> | undefined {
  try {
    return schema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
