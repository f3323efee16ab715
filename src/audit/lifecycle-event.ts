/**
 * Builds the events that belong to no statement: sessions opened and closed, failed log-ins, guard trips, policy loads.
 * Same draft, same fields as a statement's event, so that a reader needs one shape only.
 */
import type { DropReason, LifecycleEvent, SessionIdentity } from './types.js';
import { canonicalJson, canonicalString } from './canonical.js';
import { alertFacts, alertText } from './alerts/alert-text.js';
import type { EventDraft } from './chain.js';
import {
  databaseText,
  endpointText,
  eventDraft,
  fragmentsOfSession,
  NO_PLAN,
  optional,
  textWithActivity,
  type EventParts,
  type EventSource,
  type SessionFragments,
} from './event.js';
import { action, activity, severity, status, type ActivityName } from './ocsf.js';

/** The event of something that happened to a session or to pgveil itself. */
export function lifecycleEvent(
  source: EventSource,
  uid: string,
  time: number,
  event: LifecycleEvent,
): EventDraft {
  const { activity: what, ...parts } = partsOf(source, event);
  return eventDraft(source, { ...base(uid, time), text: textWithActivity(what), ...parts });
}

type Particular = Pick<EventParts, 'session'> & Partial<EventParts> & { readonly activity: ActivityName };

function partsOf(source: EventSource, event: LifecycleEvent): Particular {
  switch (event.kind) {
    case 'alert':
      return {
        activity: { id: activity.other, name: 'Alert' },
        session: alertSession(source, event),
        severityId: severity[event.alert.severity],
        statusDetail: alertText(event.alert),
        extraRule: `alerts.${event.alert.rule}`,
        more: { alert: alertFacts(event.alert) },
      };
    case 'session-open':
      return {
        activity: { id: activity.connect, name: 'Connect' },
        session: fragmentsOfSession(event.session),
        statusDetail: encryptionDetail(event.session),
      };
    case 'session-close':
      return {
        activity: { id: activity.other, name: 'Disconnect' },
        session: fragmentsOfSession(event.session),
        durationMs: event.durationMs,
        statusDetail: event.reason,
      };
    case 'login-failed':
      return {
        activity: { id: activity.connect, name: 'Connect' },
        session: failedLogin(event),
        actionId: action.denied,
        severityId: severity.medium,
        statusId: status.failure,
        status: 'Failure',
        statusCode: event.sqlstate,
        statusDetail: event.reason,
      };
    case 'guard-trip':
      return {
        activity: { id: activity.other, name: 'Guard trip' },
        session: fragmentsOfSession(event.session),
        actionId: action.denied,
        severityId: severity.critical,
        statusId: status.failure,
        status: 'Failure',
        statusDetail: `masked column ${event.column} of table oid ${event.table} in a row description; connection cut`,
      };
    case 'dropped':
      return {
        activity: { id: activity.other, name: 'Audit events dropped' },
        session: ofItself(source),
        severityId: severity.critical,
        statusId: status.failure,
        status: 'Failure',
        statusDetail: `${event.events} audit events could be kept nowhere (${dropReason[event.reason]})`,
        more: {
          dropped: { events: event.events, since: event.since, until: event.until, reason: event.reason },
        },
      };
    case 'recovered':
      return {
        activity: { id: activity.other, name: 'Audit spool recovered' },
        session: ofItself(source),
        severityId: event.damage.length > 0 ? severity.high : severity.medium,
        statusId: event.damage.length > 0 ? status.failure : status.success,
        status: event.damage.length > 0 ? 'Failure' : 'Success',
        statusDetail:
          `${event.tornBytes} bytes of an unfinished write cut, ${event.damage.length} damaged places, ` +
          `${event.interrupted} statements without an outcome`,
        more: {
          recovered: {
            torn_bytes: event.tornBytes,
            // A disk that is broken all over must not make an event that nothing takes.
            damage: event.damage.slice(0, MAX_DAMAGE).map((hole) => ({ ...hole })),
            interrupted: event.interrupted,
          },
        },
      };
    case 'trim':
      return {
        activity: { id: activity.other, name: 'Audit stream trimmed' },
        session: ofItself(source),
        statusDetail: `${event.entries} entries are removed from the stream by audit.trim`,
        more: { trimmed: { stream: event.stream, instances: event.instances } },
      };
    case 'expiry':
      return {
        activity: { id: activity.other, name: 'Audit spool expired' },
        session: ofItself(source),
        statusDetail: `${event.segments} segments are deleted from the spool by audit.spool_limits.age`,
        more: { expired: { segments: event.segments, instances: event.instances } },
      };
    case 'checkpoint':
      return {
        activity: { id: activity.other, name: 'Audit checkpoint' },
        session: ofItself(source),
        more: { checkpoint: event.checkpoint },
      };
    case 'policy-load':
      return {
        activity: { id: activity.other, name: 'Policy load' },
        session: policyLoad(source, event),
        severityId: event.result === 'loaded' ? severity.informational : severity.medium,
        statusId: event.result === 'loaded' ? status.success : status.failure,
        status: event.result === 'loaded' ? 'Success' : 'Failure',
        statusDetail:
          event.result === 'loaded' ? undefined : `last good policy kept; ${event.problems} problems found`,
        ...(event.rules === undefined ? {} : { more: { policy_rules: event.rules } }),
      };
  }
}

function encryptionDetail({ encryption }: SessionIdentity): string | undefined {
  if (encryption === undefined) return undefined;
  const { client = 'not encrypted', upstream = 'not encrypted', certificate } = encryption;
  const shown = certificate === undefined ? '' : `, client certificate ${certificate}`;
  return `client leg ${client}, server leg ${upstream}${shown}`;
}

function base(uid: string, time: number): Omit<EventParts, 'text' | 'session'> {
  return {
    uid,
    time,
    actionId: action.allowed,
    severityId: severity.informational,
    statusId: status.success,
    status: 'Success',
    statusCode: undefined,
    statusDetail: undefined,
    durationMs: 0,
    rows: undefined,
    tags: {},
    plan: NO_PLAN,
    extraRule: undefined,
  };
}

function failedLogin(event: Extract<LifecycleEvent, { kind: 'login-failed' }>): SessionFragments {
  return {
    ...noSession,
    actor: canonicalJson({ app_name: '', session: { uid: '' }, user: { name: event.user } }),
    database: databaseText(event.database),
    srcEndpoint: endpointText(event.client.address, event.client.port),
  };
}

const MAX_DAMAGE = 100;

const dropReason = {
  disk: 'the disk of the spool failed',
  limit: 'the spool was full',
  bug: 'bug: they could not be built',
} as const satisfies Record<DropReason, string>;

/** What pgveil tells of itself. */
function ofItself(source: EventSource): SessionFragments {
  return {
    ...noSession,
    actor: canonicalJson({ app_name: 'pgveil', session: { uid: '' }, user: { name: 'pgveil' } }),
    srcEndpoint: canonicalJson({ name: source.instance }),
  };
}

function alertSession(
  source: EventSource,
  { alert: { actor }, policy }: Extract<LifecycleEvent, { kind: 'alert' }>,
): SessionFragments {
  return {
    ...noSession,
    actor: canonicalJson({ app_name: '', session: { uid: '' }, user: { name: actor.user } }),
    srcEndpoint: canonicalJson({ name: source.instance }),
    policy: canonicalJson({ name: policy.name, version: policy.version }),
    role: optional(actor.role),
  };
}

function policyLoad(
  source: EventSource,
  event: Extract<LifecycleEvent, { kind: 'policy-load' }>,
): SessionFragments {
  return {
    ...noSession,
    actor: canonicalJson({ app_name: 'pgveil', session: { uid: '' }, user: { name: 'pgveil' } }),
    srcEndpoint: canonicalJson({ name: source.instance }),
    policy: canonicalJson({ name: event.name, version: event.version }),
  };
}

const noSession: SessionFragments = {
  actor: canonicalJson({ app_name: '', session: { uid: '' }, user: { name: '' } }),
  // A policy holds for every database; OCSF wants one named.
  database: databaseText('*'),
  dstEndpoint: canonicalJson({ name: 'pgveil' }),
  srcEndpoint: canonicalJson({ name: 'pgveil' }),
  policy: canonicalJson({ name: '', version: '' }),
  correlationUid: canonicalString(''),
  exempt: false,
  legalBasis: 'null',
  purpose: 'null',
  role: 'null',
};
