/** One session as SHOW CLIENTS tells it. It reads, and changes nothing. */
import type { Channel } from './channel.js';
import type { ClientFacts } from './console/source.js';
import type { MessageFlow } from './message-flow.js';
import type { SessionReports } from './session-reports.js';
import type { UpstreamLeg } from './upstream-leg.js';

export interface DescribedSession {
  readonly client: Pick<Channel, 'remote' | 'tls'>;
  readonly upstream: Pick<UpstreamLeg, 'tls'>;
  readonly reports: Pick<SessionReports, 'who' | 'identities'>;
  readonly since: Date;
  readonly flow: MessageFlow | undefined;
  /** The log-in is done. */
  readonly ready: boolean;
}

export function clientFacts(session: DescribedSession): Omit<ClientFacts, 'worker'> {
  const { client, upstream, reports, since, flow, ready } = session;
  const { who } = reports;
  const current = reports.identities?.current;
  return {
    id: ready ? (current?.id ?? '') : '',
    user: who?.user ?? '',
    database: who?.database ?? '',
    role: current?.role,
    purpose: current?.purpose,
    exempt: current?.exempt,
    address: client.remote.address,
    port: client.remote.port,
    state: ready && flow !== undefined ? flow.activity : 'log-in',
    connectedSince: since.toISOString(),
    applicationName: flow?.applicationName ?? who?.applicationName ?? '',
    clientTls: client.tls?.version,
    upstreamTls: upstream.tls?.version,
    statements: flow?.statements ?? 0,
  };
}
