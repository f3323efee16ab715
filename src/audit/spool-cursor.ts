/**
 * The file in which a spool remembers up to where its events have been acknowledged elsewhere. Written by rename, never
 * synced: an older cursor only means that some events are sent twice.
 */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
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
  return beyond
    ? {
        position: start,
        warning: 'audit cursor lies behind the end of the spool: all its events are shipped again',
      }
    : { position, sequence: position.sequence, warning: undefined };
}

export function saveCursor(directory: string, position: SpoolPosition & { readonly sequence: number }): void {
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
