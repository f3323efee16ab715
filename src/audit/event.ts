/**
 * Builds the audit event (SPEC 6) of a statement as a draft of canonical JSON. What is the same for every statement of
 * a session, or for every run of a plan, is rendered once and remembered with its object. Knows no files, no sequence.
 *
 * Never a row's value, never a literal: the only free text is the audit text, whose literals the lexer has removed.
 */
import { isIP } from 'node:net';
import type { PlanFacts, Refusal } from '../enforce/types.js';
import type { SessionIdentity, StatementOutcome, StatementRecord } from './types.js';
import { canonicalJson, canonicalString, type Json } from './canonical.js';
import type { EventDraft } from './chain.js';
import {
  action,
  activityOf,
  CATEGORY_UID,
  CLASS_UID,
  OCSF_VERSION,
  severity,
  status,
  type ActivityName,
} from './ocsf.js';

/** Who writes the events; rendered once. */
export interface EventSource {
  readonly instance: string;
  readonly instanceText: string;
  readonly product: string;
  /** Of the key of subjects' HMACs (subjectKeyName). */
  readonly subjectKey: string | undefined;
}

export function eventSource(instance: string, version: string, subjectKey?: string): EventSource {
  return {
    instance,
    instanceText: canonicalString(instance),
    product: canonicalJson({ name: 'pgveil', vendor_name: 'pgveil', version }),
    subjectKey,
  };
}

/** The parts that differ from event to event; the fragments are canonical JSON already. */
export interface EventParts {
  /** Without anything that JSON escapes. */
  readonly uid: string;
  readonly time: number;
  readonly actionId: number;
  readonly text: TextFragments;
  readonly severityId: number;
  readonly statusId: number;
  readonly status: string;
  readonly statusCode: string | undefined;
  readonly statusDetail: string | undefined;
  readonly durationMs: number;
  readonly rows: number | undefined;
  readonly tags: Readonly<Record<string, string>>;
  readonly session: SessionFragments;
  readonly plan: PlanFragments;
  /** A rule that stands in no plan: the refusal's. */
  readonly extraRule: string | undefined;
  readonly subjects?: StatementOutcome['subjects'];
  /** Members of `unmapped` that only this kind of event has. Never a name that every event has. */
  readonly more?: Readonly<Record<string, Json>>;
}

export interface SessionFragments {
  readonly actor: string;
  readonly database: string;
  readonly dstEndpoint: string;
  readonly srcEndpoint: string;
  readonly policy: string;
  readonly correlationUid: string;
  readonly exempt: boolean;
  readonly legalBasis: string;
  readonly purpose: string;
  readonly role: string;
}

export interface PlanFragments {
  readonly columns: string;
  readonly consent: string;
  readonly rules: readonly string[];
  readonly rulesText: string;
  readonly subjectTables: string;
  readonly tables: string;
}

const sessionFragments = new WeakMap<SessionIdentity, SessionFragments>();
const planFragments = new WeakMap<PlanFacts, PlanFragments>();

/** What a statement's text brings to its event. */
interface TextFragments {
  readonly shapeId: string;
  readonly command: string;
  readonly activity: ActivityName;
  readonly activityText: string;
  readonly query: string;
}

/** Audit texts hold no literals, so the same few come again and again. Bounded, and emptied when it is full. */
const textFragments = new Map<string, TextFragments>();
const MAX_TEXTS = 1_000;
const MAX_TEXT_CHARS = 4_096;

export const NO_PLAN: PlanFragments = {
  columns: '{}',
  consent: 'null',
  rules: [],
  rulesText: '[]',
  subjectTables: '[]',
  tables: '[]',
};

/** SPEC 6's action ids: 1 allowed, 2 denied, 3 observed, 4 modified. */
const actionOf = {
  forward: action.allowed,
  rewrite: action.modified,
  deny: action.denied,
  observe: action.observed,
} as const satisfies Record<StatementRecord['decision'], number>;

const statusOf = {
  success: { id: status.success, name: 'Success', severity: severity.informational },
  failure: { id: status.failure, name: 'Failure', severity: severity.informational },
  refused: { id: status.failure, name: 'Refused', severity: severity.medium },
  interrupted: { id: status.other, name: 'Interrupted', severity: severity.medium },
} as const satisfies Record<StatementOutcome['status'], { id: number; name: string; severity: number }>;

/** What stands in the event of a statement whose process ended before its outcome was known. */
export const INTERRUPTED: StatementOutcome = {
  status: 'interrupted',
  rows: 0,
  sqlstate: undefined,
  refusal: undefined,
  durationMs: 0,
};

/** The event of one statement that was executed, refused or interrupted. */
export function statementEvent(
  source: EventSource,
  uid: string,
  time: number,
  record: StatementRecord,
  outcome: StatementOutcome,
): EventDraft {
  const state = statusOf[outcome.status];
  return eventDraft(source, {
    uid,
    time,
    actionId: outcome.status === 'refused' ? action.denied : actionOf[record.decision],
    text: fragmentsOfText(record.auditText, record.shapeId, record.command),
    severityId: state.severity,
    statusId: state.id,
    status: state.name,
    statusCode: outcome.sqlstate ?? outcome.refusal?.sqlstate,
    statusDetail: outcome.refusal?.message,
    durationMs: outcome.durationMs,
    // How many rows an interrupted statement returned is not known.
    rows: outcome.status === 'interrupted' ? undefined : outcome.rows,
    tags: record.tags,
    session: fragmentsOfSession(record.session),
    plan: record.facts === undefined ? NO_PLAN : fragmentsOfPlan(record.facts),
    extraRule: outcome.refusal?.rule,
    subjects: outcome.subjects,
    ...(outcome.refusal === undefined ? {} : { more: { refusal: refusalFacts(outcome.refusal) } }),
  });
}

/** Which rule refused, and the reason by a name that stays the same, where the detail is a sentence with names. */
function refusalFacts({ code, rule }: Refusal): Json {
  return { code, rule };
}

/** Joins the parts in canonical key order; test/unit/audit/event.test.ts compares with `canonicalize`. */
export function eventDraft(source: EventSource, parts: EventParts): EventDraft {
  const { session, plan, text } = parts;
  const { activity } = text;
  const rules =
    parts.extraRule === undefined || plan.rules.includes(parts.extraRule)
      ? plan.rulesText
      : canonicalJson([...plan.rules, parts.extraRule]);
  const more = parts.more === undefined ? NO_MORE : moreFragments(parts.more);
  return [
    `{"action_id":${parts.actionId},"activity_id":${activity.id},"activity_name":${text.activityText}` +
      `,"actor":${session.actor},"category_uid":${CATEGORY_UID},"class_uid":${CLASS_UID},"database":${session.database}` +
      `,"dst_endpoint":${session.dstEndpoint},"duration":${Math.max(0, Math.round(parts.durationMs))}` +
      `,"metadata":{"correlation_uid":${session.correlationUid},"product":${source.product}` +
      `,"profiles":["security_control"],"sequence":`,
    `,"uid":"${parts.uid}","version":"${OCSF_VERSION}"},"policy":${session.policy}` +
      `,"query_info":${text.query}` +
      `,"severity_id":${parts.severityId},"src_endpoint":${session.srcEndpoint},"status":${canonicalString(parts.status)}` +
      `,"status_code":${optional(parts.statusCode)},"status_detail":${optional(parts.statusDetail)}` +
      `,"status_id":${parts.statusId},"time":${parts.time},"type_uid":${CLASS_UID * 100 + activity.id}` +
      `,"unmapped":{${more.columns}"columns":${plan.columns},${more.consent}"consent":${plan.consent},` +
      `${more.exempt}"exempt":${session.exempt},${more.hash}`,
    `${more.instance}"instance":${source.instanceText},${more.legal_basis}"legal_basis":${session.legalBasis},${more.prev}"prev":"`,
    `",${more.purpose}"purpose":${session.purpose},${more.role}"role":${session.role},${more.rows}"rows":${parts.rows ?? 'null'}` +
      `,${more.rules}"rules":${rules},${more.subject_tables}"subject_tables":${plan.subjectTables}` +
      `,${more.subjects}"subjects":${subjectsText(parts.subjects, source.subjectKey)},${more.tables}"tables":${plan.tables}` +
      `,${more.tags}"tags":${tagsText(parts.tags)}${more.end}}}`,
  ];
}

/** What stands in `unmapped` of every event, in canonical order. */
const MEMBERS = [
  'columns',
  'consent',
  'exempt',
  'hash',
  'instance',
  'legal_basis',
  'prev',
  'purpose',
  'role',
  'rows',
  'rules',
  'subject_tables',
  'subjects',
  'tables',
  'tags',
] as const;

/** Further members as text, by the member before which they stand. */
type MoreFragments = Record<(typeof MEMBERS)[number] | 'end', string>;

const NO_MORE: Readonly<MoreFragments> = moreFragments({});

function moreFragments(more: Readonly<Record<string, Json>>): MoreFragments {
  const found: MoreFragments = {
    columns: '',
    consent: '',
    exempt: '',
    hash: '',
    instance: '',
    legal_basis: '',
    prev: '',
    purpose: '',
    role: '',
    rows: '',
    rules: '',
    subject_tables: '',
    subjects: '',
    tables: '',
    tags: '',
    end: '',
  };
  for (const name of Object.keys(more).sort()) {
    const member = `${canonicalString(name)}:${canonicalJson(more[name]!)}`;
    const before = MEMBERS.find((each) => name < each);
    if (before === undefined) found.end += `,${member}`;
    else found[before] += `${member},`;
  }
  return found;
}

/** Rendered once per text, as long as it is remembered. */
export function fragmentsOfText(auditText: string, shapeId: string, command: string): TextFragments {
  const known = textFragments.get(auditText);
  if (known?.shapeId === shapeId && known.command === command) return known;
  const activity = activityOf(command, auditText);
  const fragments = textWithActivity(activity, auditText, shapeId, command);
  if (auditText.length <= MAX_TEXT_CHARS) {
    if (textFragments.size >= MAX_TEXTS) textFragments.clear();
    textFragments.set(auditText, fragments);
  }
  return fragments;
}

/** For an event of no statement. */
export function textWithActivity(
  activity: ActivityName,
  auditText = '',
  shapeId = '',
  command = '',
): TextFragments {
  return {
    shapeId,
    command,
    activity,
    activityText: canonicalString(activity.name),
    query: canonicalJson({ query_string: auditText, uid: shapeId }),
  };
}

/** Rendered once per session identity (a change of role or purpose makes a new identity). */
export function fragmentsOfSession(session: SessionIdentity): SessionFragments {
  let fragments = sessionFragments.get(session);
  if (fragments === undefined) {
    fragments = renderSession(session);
    sessionFragments.set(session, fragments);
  }
  return fragments;
}

function renderSession(session: SessionIdentity): SessionFragments {
  return {
    actor: canonicalJson({
      app_name: session.applicationName,
      session: { uid: session.id },
      user: { name: session.user },
    }),
    database: databaseText(session.database),
    dstEndpoint: endpointText(session.upstream.host, session.upstream.port),
    srcEndpoint: endpointText(session.client.address, session.client.port),
    policy: canonicalJson({ name: session.policy.name, version: session.policy.version }),
    correlationUid: canonicalString(session.id),
    exempt: session.exempt,
    legalBasis: optional(session.legalBasis),
    purpose: optional(session.purpose),
    role: optional(session.role),
  };
}

function fragmentsOfPlan(facts: PlanFacts): PlanFragments {
  let fragments = planFragments.get(facts);
  if (fragments === undefined) {
    fragments = {
      columns: canonicalJson(facts.columns),
      consent: facts.consent === undefined ? 'null' : canonicalJson({ ...facts.consent }),
      rules: facts.rules,
      rulesText: canonicalJson(facts.rules),
      subjectTables: canonicalJson(facts.subjectTables ?? []),
      tables: canonicalJson(facts.tables),
    };
    planFragments.set(facts, fragments);
  }
  return fragments;
}

/** HMACs hold nothing that JSON escapes. */
function subjectsText(subjects: StatementOutcome['subjects'], key: string | undefined): string {
  if (subjects === undefined) return 'null';
  const { hmacs, truncated } = subjects;
  const named = key === undefined ? '' : `,"key":"${key}"`;
  return `{"hmacs":[${hmacs.length === 0 ? '' : `"${hmacs.join('","')}"`}]${named},"truncated":${truncated}}`;
}

/** Most statements carry none. */
function tagsText(tags: Readonly<Record<string, string>>): string {
  for (const _ in tags) return canonicalJson(tags);
  return '{}';
}

/** OCSF database type 1 is Relational. */
export function databaseText(name: string): string {
  return canonicalJson({ name, type_id: 1 });
}

/** OCSF wants an address under `ip`, a host's name under `hostname`; a Unix socket has neither. */
export function endpointText(host: string, port: number): string {
  const endpoint: Record<string, Json> = {};
  if (isIP(host) !== 0) endpoint['ip'] = host;
  else if (host === '' || host.startsWith('/')) endpoint['name'] = 'local';
  else endpoint['hostname'] = host;
  if (port > 0) endpoint['port'] = port;
  return canonicalJson(endpoint);
}

export function optional(value: string | undefined): string {
  return value === undefined ? 'null' : canonicalString(value);
}
