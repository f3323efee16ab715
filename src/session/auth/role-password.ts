/**
 * What is known of a user's password: the forms that pg_authid.rolpassword and a userlist.txt hold (get_password_type in
 * src/backend/libpq/crypt.c). It knows no place where they come from.
 */
import { md5Hash } from './md5.js';
import { DEFAULT_ITERATIONS, keysOf, parseScramVerifier, type ScramVerifier } from './scram-keys.js';
import { preparedPassword } from './saslprep.js';

export type RolePassword =
  | { readonly kind: 'scram'; readonly verifier: ScramVerifier }
  /** `hash` is what follows "md5". */
  | { readonly kind: 'md5'; readonly hash: string }
  /** From a file alone: PostgreSQL keeps none. Clients are asked by SCRAM, with this verifier. */
  | { readonly kind: 'cleartext'; readonly password: Buffer; readonly verifier: ScramVerifier };

/** A user as the source of the verifiers tells. */
export interface RoleEntry {
  /** Undefined: the user has no password that could be checked. */
  readonly password: RolePassword | undefined;
  /** VALID UNTIL, in milliseconds since 1970; undefined: for ever. */
  readonly validUntil: number | undefined;
}

const MD5 = /^md5[0-9a-f]{32}$/;

/** A stored verifier; undefined for anything else, which the server would not take for one either. */
export function storedPassword(text: string): RolePassword | undefined {
  if (MD5.test(text)) return { kind: 'md5', hash: text.slice(3) };
  const verifier = parseScramVerifier(text);
  return verifier === undefined ? undefined : { kind: 'scram', verifier };
}

/** A password in clear. The salt has to be the same in all workers and after a restart, as a stored one would be. */
export async function cleartextPassword(password: Buffer, salt: Buffer): Promise<RolePassword> {
  const iterations = DEFAULT_ITERATIONS;
  const { storedKey, serverKey } = await keysOf(preparedPassword(password), salt, iterations);
  return { kind: 'cleartext', password, verifier: { iterations, salt, storedKey, serverKey } };
}

/** The md5 hash that answers a server, where the password is known well enough. */
export function md5HashOf(user: string, password: RolePassword): string | undefined {
  if (password.kind === 'md5') return password.hash;
  return password.kind === 'cleartext' ? md5Hash(user, password.password) : undefined;
}
