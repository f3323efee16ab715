/**
 * Passwords are normalised by SASLprep (RFC 4013) before they are hashed; PostgreSQL takes what SASLprep does not allow
 * as it is (pg_saslprep in src/common/saslprep.c, pg_be_scram_build_secret in auth-scram.c).
 */
import { saslprep } from '@mongodb-js/saslprep';

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The bytes that are hashed. */
export function preparedPassword(password: Buffer): Buffer {
  // Most passwords; nothing in printable ASCII changes.
  if (password.every((byte) => byte >= 0x20 && byte < 0x7f)) return password;
  try {
    const prepared = saslprep(utf8.decode(password), { allowUnassigned: false });
    // pg_saslprep takes a password that becomes empty as prohibited.
    return prepared === '' ? password : Buffer.from(prepared);
  } catch {
    return password;
  }
}
