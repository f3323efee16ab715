/** Who may log in to the virtual database, and as whom the server is asked. It knows packets and rules, no sockets. */
import type { SessionErrorCode } from '../../errors/catalog.js';
import type { SessionRule } from '../../policy/types.js';
import { encodeStartupPacket, type StartupMessage } from '../../wire/startup.js';
import type { AuthenticationPort } from '../auth/port.js';
import { minorForServer, protocolAsk } from '../negotiation.js';
import type { ConsoleSource } from './source.js';

/** What the session station gets for its console. */
export interface ConsolePort {
  /** Where the server is asked to prove the client's log-in: the database of catalog.url. */
  readonly loginDatabase: string;
  readonly source: ConsoleSource;
}

export type ConsoleAdmission =
  | { readonly ok: true; readonly startup: Buffer }
  | { readonly ok: false; readonly code: SessionErrorCode; readonly message: string };

/** FAIL-CLOSED: the console shows who is connected and reloads policies, so a role of the policy gives no way in. */
export function admitToConsole(
  message: StartupMessage,
  user: string,
  rule: SessionRule,
  { loginDatabase }: ConsolePort,
): ConsoleAdmission {
  if (!rule.exempt)
    return {
      ok: false,
      code: 'session-unmatched',
      message: 'the database "pgveil" is the console of the proxy, which only exempt logins may use',
    };
  if (message.parameters.some(([name]) => name.toLowerCase() === 'replication'))
    return {
      ok: false,
      code: 'replication-not-allowed',
      message: 'the database "pgveil" is the console of the proxy, which has nothing to replicate',
    };
  return {
    ok: true,
    // Of the client's settings none concerns the log-in, and the console's own never change.
    startup: encodeStartupPacket({
      kind: 'startup',
      protocol: { major: 3, minor: minorForServer(protocolAsk(message)) },
      parameters: [
        ['user', user],
        ['database', loginDatabase],
        ['client_encoding', 'UTF8'],
        ['application_name', 'pgveil console'],
      ],
    }),
  };
}

/**
 * The proxy alone has judged who the client is. Where the verifiers are asked of the server, the server goes on to judge
 * what it does at each log-in: NOLOGIN, connection limits.
 */
export function needsNoServer(
  { console }: { readonly console?: ConsoleSource },
  { authentication }: { readonly authentication?: AuthenticationPort | undefined },
): boolean {
  return console !== undefined && authentication?.standsAlone === true;
}
