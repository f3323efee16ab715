/**
 * Adds events up to a report. Pure: what it says depends on the events alone, never on the order in which they came, and
 * each is looked at once. Knows no source, no clock and no format.
 */
import { REPORT_SCHEMA, type Integrity, type Report } from './schema.js';
import { ExposureTally, labelFinder } from './exposure.js';
import { compare, FirstOf, Groups, Names, type Tally } from './groups.js';
import { Happenings } from './happenings.js';
import { iso, isoOrNull } from './places.js';
import { inPath, PolicyHistory } from './policy-history.js';
import type { Happening, ReportEvent, StatementFacts } from './report-event.js';
import { SubjectTable } from './subject-sets.js';
import { counted, StatementTally, type Counted } from './tally.js';

export interface ReportOptions {
  /** In ms since 1970, as asked for. */
  readonly since?: number | undefined;
  readonly until?: number | undefined;
  /** The name of a login, and of a role: only what they did is counted. */
  readonly actor?: string | undefined;
  readonly role?: string | undefined;
  readonly source: string;
  /** How many actors are told one by one. */
  readonly top: number;
  /** List the HMACs of the subjects that could have been exposed. */
  readonly breach: boolean;
  readonly maxSubjects?: number | undefined;
}

const MAX_GROUPS = 2_000;
const LISTED_REFUSALS = 50;
const LISTED_ACCESSES = 200;
const LISTED_PLACES = 20;
const MAX_NAMES = 20;

class RefusalTally implements Tally<RefusalTally> {
  statements = 0;
  first = Infinity;
  last = -Infinity;
  readonly actors = new Names(MAX_NAMES);
  readonly roles = new Names(MAX_NAMES);

  add({ actor, role, time }: StatementFacts): void {
    this.statements++;
    this.first = Math.min(this.first, time);
    this.last = Math.max(this.last, time);
    this.actors.add(actor);
    if (role !== null) this.roles.add(role);
  }

  absorb(other: RefusalTally): void {
    this.statements += other.statements;
    this.first = Math.min(this.first, other.first);
    this.last = Math.max(this.last, other.last);
    this.actors.addAll(other.actors);
    this.roles.addAll(other.roles);
  }
}

interface Chain {
  first: number;
  last: number;
  events: number;
  firstTime: number;
  lastTime: number;
}

interface Unreadable {
  readonly place: string;
  readonly what: string;
}

const KINDS = [
  'statement',
  'session-open',
  'session-close',
  'failed-login',
  'guard-trip',
  'policy-load',
  'alert',
  'checkpoint',
  'trim',
  'drop',
  'recovery',
  'other',
] as const satisfies readonly ReportEvent['kind'][];

export class ReportBuilder {
  readonly #options: ReportOptions;
  readonly #subjects: SubjectTable;
  readonly #chains = new Map<string, Chain>();
  readonly #unreadable = new FirstOf<Unreadable>(LISTED_PLACES, (a, b) => compare(a.place, b.place));
  readonly #kinds = Object.fromEntries(KINDS.map((kind) => [kind, 0])) as Record<ReportEvent['kind'], number>;
  readonly #all = new StatementTally();
  readonly #accesses = new Groups(MAX_GROUPS, () => new StatementTally());
  readonly #actors = new Groups(MAX_GROUPS, () => new StatementTally());
  readonly #consent = new Groups(MAX_GROUPS, () => new StatementTally());
  readonly #refusals = new Groups(MAX_GROUPS, () => new RefusalTally());
  readonly #exposure = new ExposureTally();
  readonly #happenings = new Happenings();
  readonly #policies = new PolicyHistory();
  #copies = 0;
  #observed = 0;

  constructor(options: ReportOptions) {
    this.#options = options;
    this.#subjects = new SubjectTable(options.maxSubjects);
  }

  /** An event of the period. */
  add(event: ReportEvent): void {
    this.#kinds[event.kind]++;
    this.#chain(event);
    this.#policies.add(event);
    if (!this.#asked(event)) return;
    if (event.kind === 'statement') this.#statement(event);
    else this.#happenings.add(event);
  }

  /** An event that was delivered before. */
  addCopy(): void {
    this.#copies++;
  }

  addUnreadable(place: string, what: string): void {
    this.#unreadable.add({ place, what });
  }

  /** How many policy versions were in force whose rules no event of the period tells. */
  get unexplainedPolicies(): number {
    return this.#policies.unexplained;
  }

  /** A load of policies from before the period. */
  addEarlierPolicies(event: Happening): void {
    this.#policies.addEarlier(event);
  }

  finish(integrity: Integrity): Report {
    const { since, until, actor, role, source, breach } = this.#options;
    const distinct = KINDS.reduce((sum, kind) => sum + this.#kinds[kind], 0);
    const accesses = split(this.#accesses, byUse, LISTED_ACCESSES);
    const actors = split(this.#actors, byRows, this.#options.top);
    const consent = split(this.#consent, byUse, LISTED_ACCESSES);
    const labelsOf = labelFinder(this.#policies.allRules());
    return {
      schema: REPORT_SCHEMA,
      period: { since: isoOrNull(since), until: isoOrNull(until) },
      filter: { actor: actor ?? null, role: role ?? null },
      source: {
        name: source,
        chains: this.#chainSection(),
        unreadable: { total: this.#unreadable.count, first: [...this.#unreadable.list()] },
      },
      events: { read: distinct + this.#copies, copies: this.#copies, distinct, ...this.#kinds },
      integrity,
      statements: { ...told(this.#all), observed: this.#observed },
      subjects_capped: this.#subjects.full,
      accesses: accesses.listed.map(({ key, tally }) => ({
        exempt: key[0] === 'exempt',
        role: key[1] ?? null,
        purpose: key[2] ?? null,
        legal_basis: key[3] ?? null,
        ...told(tally),
        columns: {
          clear: [...tally.columns.of('clear')],
          masked: [...tally.columns.of('masked')],
          denied: [...tally.columns.of('denied')],
          more: tally.columns.more,
        },
      })),
      other_accesses: accesses.others,
      actors: actors.listed.map(({ key, tally }) => ({
        actor: key[0] ?? '',
        ...told(tally),
        addresses: tally.addresses.list(),
        applications: tally.applications.list(),
        ...between(tally),
      })),
      other_actors: actors.others,
      ...this.#refusalSections(),
      ...this.#happenings.sections(),
      policies: this.#policies.section(),
      consent: consent.listed.map(
        ({ key: [ofRole, purpose, basis, asked, place, rule, name, version], tally }) => ({
          role: ofRole ?? null,
          purpose: purpose ?? null,
          legal_basis: basis ?? null,
          consent: asked ?? '',
          source: place ?? '',
          rule: rule ?? '',
          rule_text:
            this.#policies.rulesOf({ name: name ?? '', version: version ?? '' })?.get(rule ?? '') ?? null,
          policy: { name: name ?? '', version: version ?? '' },
          ...told(tally),
          ...between(tally),
        }),
      ),
      other_consent: consent.others,
      exposure: this.#exposure.section(this.#subjects, labelsOf, breach),
    };
  }

  /** What belongs to no session belongs to every report. */
  #asked(event: ReportEvent): boolean {
    const { actor, role } = this.#options;
    if (event.kind === 'drop' || event.kind === 'recovery' || event.kind === 'trim') return true;
    return (actor === undefined || event.actor === actor) && (role === undefined || event.role === role);
  }

  #chain({ instance, sequence, time }: ReportEvent): void {
    let chain = this.#chains.get(instance);
    if (chain === undefined) {
      chain = { first: sequence, last: sequence, events: 0, firstTime: time, lastTime: time };
      this.#chains.set(instance, chain);
    }
    chain.events++;
    chain.first = Math.min(chain.first, sequence);
    chain.last = Math.max(chain.last, sequence);
    chain.firstTime = Math.min(chain.firstTime, time);
    chain.lastTime = Math.max(chain.lastTime, time);
  }

  #statement(facts: StatementFacts): void {
    const statement = counted(facts, (hmac) => this.#subjects.numberOf(hmac));
    const { role, purpose, legalBasis, refusal } = facts;
    if (facts.observed) this.#observed++;
    this.#all.add(statement);
    this.#accesses.of(facts.exempt ? 'exempt' : 'governed', role, purpose, legalBasis).add(statement);
    this.#actors.of(facts.actor).add(statement);
    if (refusal !== null) this.#refusals.of(refusal.rule, refusal.code, refusal.sqlstate).add(facts);
    if (facts.outcome === 'interrupted') this.#happenings.addInterrupted(facts);
    this.#addConsent(statement);
    this.#exposure.add(statement);
  }

  #addConsent(statement: Counted): void {
    const { facts } = statement;
    const { role, purpose, legalBasis, consent, policy } = facts;
    const byBasis = legalBasis === 'consent' || legalBasis === 'opt_out';
    if (facts.outcome === 'refused' || (consent === null && !byBasis)) return;
    // The rule is the purpose's own: a consent that is looked up, or a condition on the subject.
    const how = ['consent', 'when'].find((each) => facts.rules.includes(`purposes.${purpose ?? ''}.${each}`));
    const rule = how === undefined ? undefined : `purposes.${inPath(purpose ?? '')}.${how}`;
    // A statement under that basis which reached nobody's data asked for no consent.
    if (rule === undefined && consent === null) return;
    this.#consent
      .of(
        role,
        purpose,
        legalBasis,
        consent?.purpose ?? '',
        consent?.source ?? '',
        rule ?? '',
        policy.name,
        policy.version,
      )
      .add(statement);
  }

  #refusalSections(): Pick<Report, 'refusals' | 'other_refusals'> {
    const refusals = this.#refusals
      .entries()
      .map(({ key: [rule, reason, sqlstate], tally }) => ({
        rule: rule ?? '',
        reason: reason ?? '',
        sqlstate: sqlstate ?? '',
        statements: tally.statements,
        actors: tally.actors.list(),
        roles: tally.roles.list(),
        ...between(tally),
      }))
      .sort(
        (a, b) =>
          b.statements - a.statements ||
          compare(a.rule, b.rule) ||
          compare(a.reason, b.reason) ||
          compare(a.sqlstate, b.sqlstate),
      )
      .slice(0, LISTED_REFUSALS);
    const listed = refusals.reduce((sum, { statements }) => sum + statements, 0);
    return { refusals, other_refusals: this.#all.refused - listed };
  }

  #chainSection(): Report['source']['chains'] {
    return [...this.#chains]
      .map(([instance, { first, last, events, firstTime, lastTime }]) => ({
        instance,
        first_sequence: first,
        last_sequence: last,
        events,
        first: iso(firstTime),
        last: iso(lastTime),
      }))
      .sort((a, b) => compare(a.instance, b.instance));
  }
}

type Sums = NonNullable<Report['other_actors']>;

function told(tally: StatementTally): Omit<Sums, 'groups'> {
  const { statements, succeeded, failed, interrupted, refused, rows, truncated, unattributed } = tally;
  const subjects = tally.subjects.size;
  return { statements, succeeded, failed, interrupted, refused, rows, subjects, truncated, unattributed };
}

function between({ first, last }: { readonly first: number; readonly last: number }): {
  first: string;
  last: string;
} {
  return { first: iso(first), last: iso(last) };
}

interface Entry {
  readonly key: readonly (string | null)[];
  readonly tally: StatementTally;
}

/** The first groups one by one, and all the others as one, so that the sum stays the whole. */
function split(
  groups: Groups<StatementTally>,
  order: (a: Entry, b: Entry) => number,
  max: number,
): { readonly listed: readonly Entry[]; readonly others: Report['other_actors'] } {
  const sorted = [...groups.entries()].sort((a, b) => order(a, b) || byKey(a, b));
  const listed = sorted.slice(0, max);
  const left = sorted.slice(max);
  if (left.length === 0 && groups.others === undefined) return { listed, others: null };
  const others = new StatementTally();
  for (const { tally } of left) others.absorb(tally);
  if (groups.others !== undefined) others.absorb(groups.others);
  // How many there were beyond those that are told apart is not known.
  return { listed, others: { groups: groups.others === undefined ? left.length : null, ...told(others) } };
}

function byUse(a: Entry, b: Entry): number {
  return b.tally.statements - a.tally.statements;
}

function byRows(a: Entry, b: Entry): number {
  return b.tally.rows - a.tally.rows || b.tally.statements - a.tally.statements;
}

function byKey(a: Entry, b: Entry): number {
  return compare(JSON.stringify(a.key), JSON.stringify(b.key));
}
