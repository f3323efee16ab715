/** Who a connection is, from its StartupMessage and the policy's `sessions`. It knows no sockets. */
import { randomUUID } from 'node:crypto';
import type { SessionIdentity } from '../audit/types.js';
import type { ClaimValues } from '../enforce/session-settings.js';
import { errorCatalog, type SessionErrorCode } from '../errors/catalog.js';
import type { SessionRule } from '../policy/types.js';
import { encodeStartupPacket, type StartupMessage } from '../wire/startup.js';
import {
  exemptStartup,
  type LogInNegotiation,
  minorForServer,
  Negotiation,
  protocolAsk,
} from './negotiation.js';
import { admitToConsole } from './console/admission.js';
import { CONSOLE_DATABASE, type ConsoleSource } from './console/source.js';
import type { ChannelTls } from './tls/facts.js';
import type { Ports } from './ports.js';
import { governStartup } from './startup-parameters.js';

export interface Claimant {
  readonly user: string;
  readonly database: string;
  readonly applicationName: string;
  /** Of a certificate that was verified. */
  readonly certificateName: string | undefined;
  readonly client: { readonly address: string; readonly port: number };
}

export type Admission =
  | {
      readonly ok: true;
      readonly rule: SessionRule;
      /** The startup packet for the server. */
      readonly startup: Buffer;
      readonly negotiation: LogInNegotiation;
      /** The client is served by the console, and the server proves the log-in alone. */
      readonly console?: ConsoleSource;
      /** What the packet claims. */
      readonly claims: ClaimValues;
    }
  | { readonly ok: false; readonly code: SessionErrorCode; readonly message: string };

export type Admitted = Extract<Admission, { ok: true }>;

export function claimantOf(
  message: StartupMessage,
  client: Claimant['client'],
  tls: ChannelTls | undefined,
): Claimant {
  const parameters = new Map(message.parameters);
  const user = parameters.get('user') ?? '';
  // An empty database name means the user's (ProcessStartupPacket).
  const database = parameters.get('database') ?? '';
  return {
    user,
    database: database === '' ? user : database,
    applicationName: parameters.get('application_name') ?? '',
    certificateName: tls?.clientCertificate?.commonName,
    client,
  };
}

/** Decides before the server is contacted. */
export function admit(
  message: StartupMessage,
  raw: Buffer,
  duplicates: readonly string[],
  who: Claimant,
  ports: Ports,
): Admission {
  if (who.user === '')
    return { ok: false, code: 'session-unmatched', message: 'the startup packet names no user' };
  if (duplicates.length > 0)
    return { ok: false, code: 'startup-setting-invalid', message: 'a startup parameter is given twice' };
  const rule = ports.matchSession({
    user: who.user,
    database: who.database,
    address: who.client.address,
    certificate: who.certificateName,
    applicationName: who.applicationName,
  });
  if (rule === undefined)
    return {
      ok: false,
      code: 'session-unmatched',
      message: 'no entry of the policy\'s "sessions" matches this user, database and address',
    };
  const ask = protocolAsk(message);
  const negotiation = new Negotiation(ask);
  if (ports.console !== undefined && who.database === CONSOLE_DATABASE) {
    const admitted = admitToConsole(message, who.user, rule, ports.console);
    return admitted.ok
      ? { ...admitted, rule, negotiation, claims: {}, console: ports.console.source }
      : admitted;
  }
  if (rule.exempt) return { ok: true, rule, startup: exemptStartup(message, raw), negotiation, claims: {} };
  // FAIL-CLOSED: without a role nothing can be decided.
  if (rule.role === undefined && rule.claims === undefined)
    return {
      ok: false,
      code: 'session-unmatched',
      message: 'the matching entry of "sessions" names no role',
    };
  const governed = governStartup(message.parameters, rule.claims);
  if (!governed.ok) return { ok: false, ...governed.problem };
  const { parameters, claims } = governed.startup;
  const startup = encodeStartupPacket({
    kind: 'startup',
    protocol: { major: 3, minor: minorForServer(ask) },
    parameters: [...parameters],
  });
  return { ok: true, rule, startup, negotiation, claims };
}

/** The legal basis of its purpose is known once the policy is bound to the database (see IdentityBook.grounded). */
export function sessionIdentity(who: Claimant, { rule, claims }: Admitted, ports: Ports): SessionIdentity {
  const purpose = rule.purpose ?? (claims.purpose === '' ? undefined : claims.purpose);
  const role = rule.role ?? (claims.role === '' ? undefined : claims.role);
  return {
    id: randomUUID(),
    user: who.user,
    database: who.database,
    applicationName: who.applicationName,
    certificateName: who.certificateName,
    client: who.client,
    upstream: ports.upstream,
    exempt: rule.exempt,
    role,
    purpose,
    legalBasis: undefined,
    policy: ports.policyIdentity(),
  };
}

/** The `reason` label of a log-in that pgveil refuses. */
export function failureReason(code: SessionErrorCode): string {
  return errorCatalog[code].reason;
}
