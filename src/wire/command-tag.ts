/** CommandComplete's tag taken apart (PostgreSQL manual, 54.7, CommandComplete; src/include/tcop/cmdtaglist.h). */
import type { ByteString } from './byte-string.js';

export interface CommandTag {
  /** `SELECT`, `INSERT`, `CREATE TABLE`, … */
  readonly command: string;
  /** Undefined where the tag carries no row count. */
  readonly rows: number | undefined;
}

/** `INSERT 0 5` has an object ID before the count, `SELECT 10` only the count, `BEGIN` neither. */
export function parseCommandTag(tag: ByteString): CommandTag {
  const space = tag.lastIndexOf(' ');
  const last = tag.slice(space + 1);
  // Counts are 64 bits wide (BuildQueryCompletionString in src/backend/tcop/cmdtag.c); a longer one is no number.
  if (space < 0 || !/^\d{1,20}$/.test(last)) return { command: tag, rows: undefined };
  const command = tag.slice(0, space);
  return { command: command.replace(/^INSERT \d+$/, 'INSERT'), rows: Number(last) };
}
