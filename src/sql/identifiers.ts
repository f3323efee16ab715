/**
 * Names and constants as PostgreSQL reads and writes them (manual, 4.1.1 and 4.1.2). It knows no keywords and no
 * search path.
 */
import { byteStringToText, toByteString } from './byte-string.js';
import type { ByteString, LexedText } from './types.js';

/** NAMEDATALEN - 1 (src/include/pg_config_manual.h). */
const longestName = 63;

/** A name in double quotes, whatever it is, so that no keyword list is needed. */
export function quoteIdentifier(name: string): ByteString {
  if (name === '' || name.includes('\0')) throw new Error('a name is empty or holds a NUL character');
  return toByteString(`"${name.replaceAll('"', '""')}"`);
}

/** A string constant. A backslash is itself, since standard_conforming_strings is pinned on (DESIGN 5.8). */
export function quoteLiteral(text: string): ByteString {
  if (text.includes('\0')) throw new Error('a text holds a NUL character, which PostgreSQL cannot store');
  return toByteString(`'${text.replaceAll("'", "''")}'`);
}

/**
 * The name that the server makes of an identifier token: quotes undone, or ASCII letters in lower case
 * (downcase_identifier leaves the others alone in UTF-8), and 63 bytes at most, cut between characters.
 */
export function foldIdentifier(token: ByteString): string {
  const name = token.startsWith('"')
    ? token.slice(1, -1).replaceAll('""', '"')
    : token.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
  return byteStringToText(truncate(name) as ByteString);
}

/** Whether a token is this unquoted word; give it in lower case. */
export function tokenIs(lexed: LexedText, index: number, word: string): boolean {
  const { tokens } = lexed;
  if (index < 0 || index >= tokens.length || tokens.kind(index) !== 'identifier') return false;
  const start = tokens.start(index);
  const end = tokens.end(index);
  return end - start === word.length && lexed.text.slice(start, end).toLowerCase() === word;
}

function truncate(name: string): string {
  if (name.length <= longestName) return name;
  let end = longestName;
  while ((name.charCodeAt(end) & 0xc0) === 0x80) end -= 1;
  return name.slice(0, end);
}
