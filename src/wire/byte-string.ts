/** Text whose bytes must survive: how this station holds names, tags and error fields. It knows no encoding rules of SQL. */

/**
 * Bytes held in a string, one character (0 to 255) a byte ("latin1"). Equal byte strings are equal bytes, so a
 * statement name is a safe Map key even when it is not valid UTF-8, and decode after encode is the identity.
 */
export type ByteString = string;

/** The UTF-8 bytes of ordinary text. */
export function toByteString(text: string): ByteString {
  return Buffer.from(text, 'utf8').toString('latin1');
}

/** Ordinary text for people and logs. Bytes that are not UTF-8 become U+FFFD, so it does not go back on the wire. */
export function fromByteString(bytes: ByteString): string {
  return Buffer.from(bytes, 'latin1').toString('utf8');
}
