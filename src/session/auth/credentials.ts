/**
 * What a log-in leaves behind for the log-in at the server: only as long as that takes, and for that one session.
 * INVARIANT(one-log-in): credentials are used once, wiped when the server has answered or the session ends, never cached.
 */
import type { RolePassword } from './role-password.js';
import type { ScramKeys } from './scram-keys.js';

export interface Credentials {
  /** As the server will read it. */
  readonly user: string;
  readonly password: RolePassword;
  /** From the client's proof; undefined where none was given. */
  readonly clientKey: Buffer | undefined;
}

export function wipe(credentials: Credentials): void {
  credentials.clientKey?.fill(0);
}

/** The keys of a SCRAM verifier with the ClientKey that was proven against it. */
export function provenKeys({ password, clientKey }: Credentials): ScramKeys | undefined {
  if (password.kind !== 'scram' || clientKey === undefined) return undefined;
  const { storedKey, serverKey } = password.verifier;
  return { clientKey, storedKey, serverKey };
}
