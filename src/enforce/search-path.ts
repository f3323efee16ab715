/**
 * The text form of search_path as PostgreSQL reads it.
 * It knows SplitIdentifierString (src/backend/utils/adt/varlena.c) and no settings.
 */
import type { SearchPath } from '../resolve/types.js';

/** Names are cut to this many bytes, NAMEDATALEN - 1. */
const MAX_NAME_BYTES = 63;

/**
 * Schemas in order, `"$user"` replaced by the session's user (namespace.c, recomputeNamespacePath).
 * Undefined when the server would not take the text either.
 */
export function parseSearchPath(text: string, user: string): SearchPath | undefined {
  const path: string[] = [];
  let at = skipSpace(text, 0);
  if (at === text.length) return path;
  for (;;) {
    const name = text[at] === '"' ? quotedName(text, at) : plainName(text, at);
    if (name === undefined) return undefined;
    path.push(name.value === '$user' ? user : truncated(name.value));
    at = skipSpace(text, name.end);
    if (at === text.length) return path;
    if (text[at] !== ',') return undefined;
    at = skipSpace(text, at + 1);
  }
}

interface Name {
  readonly value: string;
  readonly end: number;
}

function quotedName(text: string, start: number): Name | undefined {
  let value = '';
  let at = start + 1;
  for (;;) {
    const quote = text.indexOf('"', at);
    if (quote < 0) return undefined;
    value += text.slice(at, quote);
    if (text[quote + 1] !== '"') return { value, end: quote + 1 };
    value += '"';
    at = quote + 2;
  }
}

function plainName(text: string, start: number): Name | undefined {
  let end = start;
  while (end < text.length && text[end] !== ',' && !isSpace(text[end]!)) end++;
  if (end === start) return undefined;
  // downcase_identifier folds ASCII only in a multibyte encoding such as UTF8.
  return { value: text.slice(start, end).replace(/[A-Z]/g, (letter) => letter.toLowerCase()), end };
}

function truncated(name: string): string {
  const bytes = Buffer.from(name, 'utf8');
  if (bytes.length <= MAX_NAME_BYTES) return name;
  // Never in the middle of a character, as pg_mbcliplen.
  let end = MAX_NAME_BYTES;
  while (end > 0 && (bytes[end]! & 0xc0) === 0x80) end--;
  return bytes.toString('utf8', 0, end);
}

function skipSpace(text: string, from: number): number {
  let at = from;
  while (at < text.length && isSpace(text[at]!)) at++;
  return at;
}

/** scanner_isspace */
function isSpace(char: string): boolean {
  return char === ' ' || char === '\t' || char === '\n' || char === '\r' || char === '\f' || char === '\v';
}
