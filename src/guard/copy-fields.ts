/**
 * Finds fields in the rows of COPY TO STDOUT: the server sends a row in a CopyData of its own (CopySendEndOfRow in
 * src/backend/commands/copyto.c). It knows how COPY writes fields (manual, COPY, File Formats), nothing of what they say.
 */
import type { CopyLayout } from '../enforce/types.js';

const BACKSLASH = 0x5c;
const NEWLINE = 0x0a;
const SIGNATURE = Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1');
/** The signature, flags, and the length of an extension that is empty. */
const BINARY_HEADER_BYTES = 19;

/** Null is NULL, or may be: nothing in text format tells a value that equals the NULL string from NULL. */
export type CopyField = Buffer | null;

/** The fields of one row; undefined for a row that is not as the layout says, or that is cut off. */
export function copyFields(row: Buffer, layout: CopyLayout): readonly CopyField[] | undefined {
  switch (layout.format) {
    case 'text':
      return textFields(row, layout);
    case 'csv':
      return csvFields(row, layout);
    case 'binary':
      return binaryFields(row);
  }
}

/** `\\N` and its relatives; the delimiter never stands in a field but behind a backslash. */
function textFields(row: Buffer, layout: CopyLayout): CopyField[] | undefined {
  if (row.at(-1) !== NEWLINE) return undefined;
  const end = row.length - 1;
  const delimiter = layout.delimiter.charCodeAt(0);
  const fields: CopyField[] = [];
  let start = 0;
  let escaped = false;
  for (let at = 0; at <= end; at++) {
    if (at < end && row[at] === BACKSLASH) {
      escaped = true;
      at++;
      continue;
    }
    if (at < end && row[at] !== delimiter) continue;
    const field = row.subarray(start, at);
    if (field.toString('utf8') === layout.null) fields.push(null);
    else fields.push(escaped ? unescaped(field) : field);
    start = at + 1;
    escaped = false;
  }
  return fields;
}

const ESCAPES: Readonly<Record<number, number>> = {
  0x62: 8,
  0x66: 12,
  0x6e: 10,
  0x72: 13,
  0x74: 9,
  0x76: 11,
};

function unescaped(field: Buffer): Buffer {
  const bytes: number[] = [];
  for (let at = 0; at < field.length; at++) {
    const byte = field[at]!;
    if (byte !== BACKSLASH) bytes.push(byte);
    else {
      at++;
      const next = field[at] ?? BACKSLASH;
      bytes.push(ESCAPES[next] ?? next);
    }
  }
  return Buffer.from(bytes);
}

function csvFields(row: Buffer, layout: CopyLayout): CopyField[] | undefined {
  if (row.at(-1) !== NEWLINE) return undefined;
  const end = row.length - 1;
  const [delimiter, quote, escape] = [layout.delimiter, layout.quote, layout.escape].map((each) =>
    each.charCodeAt(0),
  );
  const fields: CopyField[] = [];
  let bytes: number[] = [];
  let quoted = false;
  let inside = false;
  for (let at = 0; at <= end; at++) {
    const byte = row[at]!;
    if (inside) {
      if (at === end) return undefined;
      const next = row[at + 1];
      if (byte === escape && (next === quote || next === escape)) bytes.push(row[++at]!);
      else if (byte === quote) inside = false;
      else bytes.push(byte);
    } else if (at < end && byte === quote) {
      inside = true;
      quoted = true;
    } else if (at === end || byte === delimiter) {
      const field = Buffer.from(bytes);
      fields.push(!quoted && field.toString('utf8') === layout.null ? null : field);
      bytes = [];
      quoted = false;
    } else bytes.push(byte);
  }
  return fields;
}

function binaryFields(row: Buffer): CopyField[] | undefined {
  let at = row.subarray(0, SIGNATURE.length).equals(SIGNATURE) ? BINARY_HEADER_BYTES : 0;
  const fields: CopyField[] = [];
  if (at + 2 > row.length) return undefined;
  const count = row.readInt16BE(at);
  at += 2;
  for (let index = 0; index < count; index++) {
    if (at + 4 > row.length) return undefined;
    const length = row.readInt32BE(at);
    at += 4;
    if (length > row.length - at) return undefined;
    fields.push(length < 0 ? null : row.subarray(at, at + length));
    at += Math.max(length, 0);
  }
  return at === row.length ? fields : undefined;
}

/** What COPY sends that is no row: in binary the header by itself, and the trailer. */
export function isCopyFrame(row: Buffer, layout: CopyLayout): boolean {
  if (layout.format !== 'binary') return false;
  const headed = row.subarray(0, SIGNATURE.length).equals(SIGNATURE);
  const rest = headed ? row.subarray(BINARY_HEADER_BYTES) : row;
  return rest.length === 0 || (rest.length === 2 && rest.readInt16BE(0) === -1);
}
