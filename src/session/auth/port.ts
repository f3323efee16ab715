/** What the session station needs to end log-ins at the proxy. app/authentication.ts implements it. */
import type { FailureDelays } from './failure-delays.js';
import type { RoleEntry } from './role-password.js';
import type { ScramVerifier } from './scram-keys.js';

export interface AuthenticationPort {
  /** The verifiers are a file's, so that a client is judged without any server: the console needs none then. */
  readonly standsAlone?: boolean;
  /** Undefined: there is no such user. Rejects when the verifiers cannot be had. */
  find(user: string): Promise<RoleEntry | undefined>;
  /** What a user is shown who has no verifier. */
  mock(user: string): ScramVerifier;
  readonly delays: FailureDelays;
}
