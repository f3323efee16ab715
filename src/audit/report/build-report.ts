/**
 * Adds events up to a report. Pure: what it says depends on the events alone, never on the order in which they came, and
 * each is looked at once. Knows no source, no clock and no format.
 */
import { REPORT_SCHEMA, type Integrity, type Report } from './schema.js';
import { Chains } from './chains.js';
import { ExposureTally, labelFinder } from './exposure.js';
import { compare, FirstOf, Groups } from './groups.js';
import { Happenings } from './happenings.js';
import { isoOrNull } from './places.js';
import { inPath, PolicyHistory } from './policy-history.js';
import type { Happening, ReportEvent, StatementFacts } from './report-event.js';
import { Refusals } from './refusals.js';
import { SubjectTable } from './subject-sets.js';
import { between, byRows, byUse, split, told } from './sums.js';
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
const LISTED_ACCESSES = 200;
const LISTED_PLACES = 20;

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
  readonly #chains = new Chains();
  readonly #unreadable = new FirstOf<Unreadable>(LISTED_PLACES, (a, b) => compare(a.place, b.place));
  readonly #kinds = Object.fromEntries(KINDS.map((kind) => [kind, 0])) as Record<ReportEvent['kind'], number>;
  readonly #all = new StatementTally();
  readonly #accesses = new Groups(MAX_GROUPS, () => new StatementTally());
  readonly #actors = new Groups(MAX_GROUPS, () => new StatementTally());
  readonly #consent = new Groups(MAX_GROUPS, () => new StatementTally());
  readonly #refusals = new Refusals();
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
    this.#chains.add(event);
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
        chains: this.#chains.section(),
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
      ...this.#refusals.sections(),
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

  #statement(facts: StatementFacts): void {
    const statement = counted(facts, (hmac) => this.#subjects.numberOf(hmac));
    const { role, purpose, legalBasis } = facts;
    if (facts.observed) this.#observed++;
    this.#all.add(statement);
    this.#accesses.of(facts.exempt ? 'exempt' : 'governed', role, purpose, legalBasis).add(statement);
    this.#actors.of(facts.actor).add(statement);
    this.#refusals.add(facts);
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
}
