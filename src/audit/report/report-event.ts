/** One stored event as the report needs it: parsed, checked field by field, and told what kind of event it is. */
import type { StoredEvent } from '../read/stored-event.js';

export type Shown = 'clear' | 'masked' | 'denied';
export type Outcome = 'succeeded' | 'failed' | 'interrupted' | 'refused';

interface Common {
  readonly instance: string;
  readonly sequence: number;
  readonly uid: string;
  readonly time: number;
}

export interface StatementFacts extends Common {
  readonly kind: 'statement';
  readonly actor: string;
  readonly application: string;
  readonly address: string;
  readonly role: string | null;
  readonly purpose: string | null;
  readonly legalBasis: string | null;
  readonly exempt: boolean;
  readonly policy: PolicyName;
  readonly activity: string;
  readonly outcome: Outcome;
  /** The statement ran as the client wrote it: nothing was masked, whatever `columns` would have been. */
  readonly observed: boolean;
  /** Null: not known. */
  readonly rows: number | null;
  readonly tables: readonly string[];
  readonly columns: Readonly<Record<string, Shown>>;
  readonly subjectTables: readonly string[];
  readonly subjects: { readonly hmacs: readonly string[]; readonly truncated: boolean } | null;
  readonly consent: { readonly purpose: string; readonly source: string } | null;
  readonly rules: readonly string[];
  readonly refusal: { readonly code: string; readonly rule: string; readonly sqlstate: string } | null;
  readonly query: { readonly uid: string; readonly text: string };
}

export interface PolicyName {
  readonly name: string;
  readonly version: string;
}

/** What happened to a session, or to pgveil itself. */
export interface Happening extends Common {
  readonly kind:
    | 'session-open'
    | 'session-close'
    | 'failed-login'
    | 'guard-trip'
    | 'policy-load'
    | 'alert'
    | 'checkpoint'
    | 'trim'
    | 'drop'
    | 'recovery'
    | 'other';
  readonly actor: string;
  readonly address: string;
  readonly role: string | null;
  readonly policy: PolicyName;
  readonly failed: boolean;
  readonly sqlstate: string;
  readonly detail: string;
  /** Of unmapped, what only events of this kind have. */
  readonly facts: Facts;
}

export type ReportEvent = StatementFacts | Happening;
export type Facts = Readonly<Record<string, unknown>>;

/** Undefined: this is no event of pgveil. */
export function reportEvent(stored: StoredEvent): ReportEvent | undefined {
  try {
    return reportEventOf(JSON.parse(stored.json));
  } catch {
    return undefined;
  }
}

/** The same of an event that is parsed already. */
export function reportEventOf(json: unknown): ReportEvent | undefined {
  try {
    return checked(json);
  } catch {
    return undefined;
  }
}

const EMPTY: Facts = {};

/** Everything is taken from what the event itself says, which is hashed; what stands beside it is not. */
function checked(json: unknown): ReportEvent {
  const event = object(json);
  const unmapped = object(event['unmapped']);
  const actor = object(event['actor']);
  const status = text(event['status']);
  const [kind, facts] = kindOf(event, unmapped, actor, status);
  const common = commonOf(event, unmapped, actor);
  if (kind === 'statement') return statementOf(event, unmapped, actor, common, outcomeOf(status));
  return {
    ...common,
    kind,
    failed: status === 'Failure',
    sqlstate: textOrNull(event['status_code']) ?? '',
    detail: textOrNull(event['status_detail']) ?? '',
    facts,
  };
}

type Shared = Common & Pick<StatementFacts, 'actor' | 'address' | 'role' | 'policy'>;

function commonOf(event: Facts, unmapped: Facts, actor: Facts): Shared {
  const metadata = object(event['metadata']);
  const policy = object(event['policy']);
  const endpoint = object(event['src_endpoint']);
  return {
    instance: text(unmapped['instance']),
    sequence: number(metadata['sequence']),
    uid: text(metadata['uid']),
    time: number(event['time']),
    actor: text(object(actor['user'])['name']),
    address: text(endpoint['ip'] ?? endpoint['hostname'] ?? endpoint['name'] ?? ''),
    role: textOrNull(unmapped['role']),
    policy: { name: text(policy['name']), version: text(policy['version']) },
  };
}

/** PERF: a spread of `common` into an object of so many members takes longer than parsing the event. */
function statementOf(
  event: Facts,
  unmapped: Facts,
  actor: Facts,
  common: Shared,
  outcome: Outcome,
): StatementFacts {
  const query = object(event['query_info']);
  const refused = outcome === 'refused';
  const refusal = refused ? object(unmapped['refusal'] ?? EMPTY) : EMPTY;
  return {
    kind: 'statement',
    instance: common.instance,
    sequence: common.sequence,
    uid: common.uid,
    time: common.time,
    actor: common.actor,
    address: common.address,
    role: common.role,
    policy: common.policy,
    application: text(actor['app_name']),
    purpose: textOrNull(unmapped['purpose']),
    legalBasis: textOrNull(unmapped['legal_basis']),
    exempt: unmapped['exempt'] === true,
    activity: text(event['activity_name']),
    outcome,
    observed: event['action_id'] === 3,
    rows: unmapped['rows'] === null ? null : number(unmapped['rows']),
    tables: texts(unmapped['tables']),
    columns: columns(unmapped['columns']),
    subjectTables: texts(unmapped['subject_tables'] ?? []),
    subjects: subjects(unmapped['subjects']),
    consent: consent(unmapped['consent']),
    rules: texts(unmapped['rules']),
    refusal: refused
      ? {
          code: text(refusal['code'] ?? ''),
          rule: text(refusal['rule'] ?? ''),
          sqlstate: textOrNull(event['status_code']) ?? '',
        }
      : null,
    query: { uid: text(query['uid']), text: text(query['query_string']) },
  };
}

/** The member of `unmapped` that tells an event of no statement. */
const byMember = {
  alert: 'alert',
  checkpoint: 'checkpoint',
  trimmed: 'trim',
  expired: 'trim',
  dropped: 'drop',
  recovered: 'recovery',
} as const;

function kindOf(
  event: Facts,
  unmapped: Facts,
  actor: Facts,
  status: string,
): readonly [ReportEvent['kind'], Facts] {
  for (const [member, kind] of Object.entries(byMember)) {
    if (unmapped[member] !== undefined) return [kind, object(unmapped[member])];
  }
  switch (event['activity_name']) {
    case 'Connect':
      return [status === 'Failure' ? 'failed-login' : 'session-open', EMPTY];
    case 'Disconnect':
      return ['session-close', EMPTY];
    case 'Guard trip':
      return ['guard-trip', EMPTY];
    case 'Policy load':
      return ['policy-load', object(unmapped['policy_rules'] ?? EMPTY)];
  }
  // Every statement belongs to a session.
  return [text(object(actor['session'])['uid']) === '' ? 'other' : 'statement', EMPTY];
}

function outcomeOf(status: string): Outcome {
  switch (status) {
    case 'Success':
      return 'succeeded';
    case 'Failure':
      return 'failed';
    case 'Interrupted':
      return 'interrupted';
    case 'Refused':
      return 'refused';
    default:
      throw new TypeError('no status of a statement');
  }
}

function subjects(value: unknown): StatementFacts['subjects'] {
  if (value === null) return null;
  const found = object(value);
  return { hmacs: texts(found['hmacs']), truncated: found['truncated'] === true };
}

function consent(value: unknown): StatementFacts['consent'] {
  if (value === null) return null;
  const found = object(value);
  return { purpose: text(found['purpose']), source: text(found['source']) };
}

function columns(value: unknown): Readonly<Record<string, Shown>> {
  const found = object(value);
  for (const name in found) {
    const shown = found[name];
    if (shown !== 'clear' && shown !== 'masked' && shown !== 'denied') throw new TypeError('no exposure');
  }
  return found as Readonly<Record<string, Shown>>;
}

function object(value: unknown): Facts {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new TypeError('no object');
  return value as Facts;
}

function text(value: unknown): string {
  if (typeof value !== 'string') throw new TypeError('no text');
  return value;
}

function textOrNull(value: unknown): string | null {
  return value === null ? null : text(value);
}

function texts(value: unknown): readonly string[] {
  if (!Array.isArray(value)) throw new TypeError('no list');
  return value.map(text);
}

/** Counts, numbers and times: none is below zero. */
function number(value: unknown): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0)
    throw new TypeError('no whole number');
  return value;
}
