/** Collects what events say about one data subject into the three parts of the answer. It reads no log. */
import { action, type AuditEvent } from '../ocsf.js';
import type { Access, Accessor, PossibleAccess, RefusedAccess } from './answer.js';
import { findingOf, type Doubt } from './finding.js';
import { Few, Groups, type Counted } from './groups.js';

interface AccessGroup extends Counted {
  readonly event: AuditEvent;
  readonly place: string;
  readonly policies: Few;
  readonly addresses: Few;
  readonly applications: Few;
}

interface PossibleGroup extends Counted {
  readonly doubt: Doubt;
  readonly who: Accessor;
  rows: number;
  readonly examples: Few;
  readonly statements: Few;
  readonly tables: Few;
}

interface RefusedGroup extends Counted {
  readonly event: AuditEvent;
}

const decisions: Readonly<Record<number, Access['decision']>> = {
  [action.observed]: 'observed',
  [action.modified]: 'modified',
};
/** In a group of things that found no place of their own. */
const VARIOUS = '(various)';

export class SubjectFindings {
  readonly #hmacs: ReadonlySet<string>;
  readonly #seen = new Groups<AccessGroup>();
  readonly #possible = new Groups<PossibleGroup>();
  readonly #refused = new Groups<RefusedGroup>();
  refusedUnread = 0;

  constructor(hmacs: ReadonlySet<string>) {
    this.#hmacs = hmacs;
  }

  add(event: AuditEvent, place: string): void {
    const finding = findingOf(event, this.#hmacs);
    switch (finding?.kind) {
      case 'seen':
        this.#addSeen(event, place);
        break;
      case 'possible':
        this.#addPossible(event, finding.doubt, finding.count);
        break;
      case 'refused':
        this.#addRefused(event);
        break;
      case 'refused-unread':
        this.refusedUnread += 1;
        break;
      case undefined:
        break;
    }
  }

  get groupedTogether(): number {
    return this.#seen.overflowed + this.#possible.overflowed + this.#refused.overflowed;
  }

  get attributed(): readonly Access[] {
    return this.#seen.sorted().map(accessOf);
  }

  get possible(): readonly PossibleAccess[] {
    return this.#possible.sorted().map((group) => ({
      ...spanOf(group),
      ...group.who,
      reason: group.doubt,
      rows: group.rows,
      examples: [...group.examples.texts],
      statements: group.statements.texts.size,
      tables: [...group.tables.texts],
    }));
  }

  get refused(): readonly RefusedAccess[] {
    return this.#refused.sorted().map((group) => ({
      ...spanOf(group),
      ...accessorOf(group.event),
      sqlstate: group.event.status_code,
      reason: group.event.status_detail,
      rules: group.event.unmapped.rules,
      tables: group.event.unmapped.tables,
      statement: group.event.query_info.query_string,
      statement_uid: group.event.query_info.uid,
    }));
  }

  #addSeen(event: AuditEvent, place: string): void {
    const { unmapped, query_info: query } = event;
    const words = [
      'seen',
      ...wordsOf(event),
      event.database.name,
      query.uid === '' ? query.query_string : query.uid,
      String(event.action_id),
      event.status,
      JSON.stringify(unmapped.columns),
    ];
    const make = (of: AuditEvent): AccessGroup => ({
      ...nothing(),
      event: of,
      place,
      policies: new Few(20),
      addresses: new Few(20),
      applications: new Few(20),
    });
    const group = this.#seen.add(
      words,
      event.time,
      1,
      () => make(event),
      () => make(various(event)),
    );
    group.policies.add([event.policy.name, event.policy.version].join(' ').trim());
    group.addresses.add(event.src_endpoint.ip ?? event.src_endpoint.hostname ?? event.src_endpoint.name);
    group.applications.add(event.actor.app_name);
  }

  #addPossible(event: AuditEvent, doubt: Doubt, count: number): void {
    const make = (of: AuditEvent): PossibleGroup => ({
      ...nothing(),
      doubt,
      who: accessorOf(of),
      rows: 0,
      examples: new Few(3),
      statements: new Few(1_000),
      tables: new Few(50),
    });
    const group = this.#possible.add(
      [doubt, ...wordsOf(event)],
      event.time,
      count,
      () => make(event),
      () => make(various(event)),
    );
    group.rows += event.unmapped.rows ?? 0;
    group.examples.add(event.query_info.query_string);
    group.statements.add(event.query_info.uid);
    for (const table of event.unmapped.tables) group.tables.add(table);
  }

  #addRefused(event: AuditEvent): void {
    const words = [
      'refused',
      ...wordsOf(event),
      event.query_info.uid,
      event.status_code ?? '',
      event.status_detail ?? '',
      event.unmapped.rules.join('\n'),
    ];
    const make = (of: AuditEvent): RefusedGroup => ({ ...nothing(), event: of });
    this.#refused.add(
      words,
      event.time,
      1,
      () => make(event),
      () => make(various(event)),
    );
  }
}

function accessOf(group: AccessGroup): Access {
  const { event } = group;
  const observed = event.action_id === action.observed;
  const columns = Object.entries(event.unmapped.columns);
  // In observe mode the statement runs as it came: nothing was masked, whatever the policy would have done.
  const shown = (how: 'clear' | 'masked'): string[] =>
    columns.filter(([, as]) => (observed ? 'clear' : as) === how).map(([name]) => name);
  return {
    ...spanOf(group),
    ...accessorOf(event),
    database: event.database.name,
    decision: decisions[event.action_id] ?? 'allowed',
    status: event.status,
    columns: { clear: shown('clear'), masked: shown('masked') },
    tables: event.unmapped.tables,
    statement: event.query_info.query_string,
    statement_uid: event.query_info.uid,
    policies: [...group.policies.texts],
    addresses: [...group.addresses.texts],
    applications: [...group.applications.texts],
    first_event: { uid: event.metadata.uid, place: group.place },
  };
}

function accessorOf({ actor, unmapped }: AuditEvent): Accessor {
  return {
    user: actor.user.name,
    claimed_actor: unmapped.tags['actor'] ?? null,
    role: unmapped.role,
    purpose: unmapped.purpose,
    legal_basis: unmapped.legal_basis,
  };
}

function wordsOf(event: AuditEvent): string[] {
  const { user, claimed_actor: actor, role, purpose, legal_basis: basis } = accessorOf(event);
  return [user, actor ?? '', role ?? '', purpose ?? '', basis ?? ''];
}

/** The event of a group that holds many kinds. */
function various(event: AuditEvent): AuditEvent {
  return {
    ...event,
    actor: { ...event.actor, user: { name: VARIOUS } },
    query_info: { query_string: VARIOUS, uid: '' },
    unmapped: { ...event.unmapped, tags: {}, role: null, purpose: null, legal_basis: null, columns: {} },
  };
}

function spanOf({ count, first, last }: Counted): { count: number; first: string; last: string } {
  return { count, first: timeText(first), last: timeText(last) };
}

function nothing(): Counted {
  return { count: 0, first: Infinity, last: -Infinity };
}

export function timeText(time: number): string {
  return new Date(time).toISOString();
}
