/** What is counted of the statements of one group: outcomes, rows, data subjects, columns. Knows no sections. */
import type { Shown, StatementFacts } from './report-event.js';
import { compare, Groups, Names, type Tally } from './groups.js';
import { SubjectSet } from './subject-sets.js';

/** A statement with what every group needs to know of it, found out once. */
export interface Counted {
  readonly facts: StatementFacts;
  /** Numbers of the subjects in its result. */
  readonly subjects: readonly number[];
  readonly standing: Standing;
  /** The columns with how they were shown, as a key. */
  readonly columnsKey: string;
}

/**
 * Whose data its result carried: `none` nobody's, `known` all of them are listed, `truncated` some are, `unattributed`
 * nobody can say.
 */
export type Standing = 'none' | 'known' | 'truncated' | 'unattributed';

/** What can be said of the data subjects of a statement. Nothing has been shown without a row. */
export function standingOf(facts: StatementFacts): Standing {
  if (facts.outcome === 'refused' || facts.rows === 0) return 'none';
  if (facts.subjects !== null) return facts.subjects.truncated ? 'truncated' : 'known';
  // FAIL-CLOSED: what an exempt log-in has read is not looked at, so it may be anybody's.
  const reached = facts.exempt || facts.subjectTables.length > 0 || hasMember(facts.columns);
  return reached ? 'unattributed' : 'none';
}

function hasMember(object: object): boolean {
  for (const _ in object) return true;
  return false;
}

export function counted(facts: StatementFacts, numberOf: (hmac: string) => number | undefined): Counted {
  const subjects: number[] = [];
  for (const hmac of facts.subjects?.hmacs ?? []) {
    const number = numberOf(hmac);
    if (number !== undefined) subjects.push(number);
  }
  const columnsKey = `${facts.observed ? 'observed' : ''}${JSON.stringify(facts.columns)}`;
  return { facts, subjects, standing: standingOf(facts), columnsKey };
}

const MAX_COLUMNS = 2_000;
const MAX_NAMES = 20;
/** Sets of columns that are remembered before they are counted column by column. */
const MAX_SETS = 500;

class ColumnUse implements Tally<ColumnUse> {
  statements = 0;
  rows = 0;

  absorb(other: ColumnUse): void {
    this.statements += other.statements;
    this.rows += other.rows;
  }
}

export interface ColumnCount {
  readonly column: string;
  readonly statements: number;
  readonly rows: number;
}

/** How often each column was shown, and how. Statements of one shape show the same columns, so these go together. */
export class ColumnTally {
  readonly #uses = new Groups(MAX_COLUMNS, () => new ColumnUse());
  readonly #sets = new Map<string, { readonly facts: StatementFacts; readonly use: ColumnUse }>();

  add({ facts, columnsKey }: Counted): void {
    let set = this.#sets.get(columnsKey);
    if (set === undefined) {
      if (this.#sets.size === MAX_SETS) this.#spread();
      this.#sets.set(columnsKey, (set = { facts, use: new ColumnUse() }));
    }
    set.use.statements++;
    set.use.rows += facts.rows ?? 0;
  }

  absorb(other: ColumnTally): void {
    other.#spread();
    this.#uses.absorb(other.#uses);
  }

  /** In the order of the names. `more`: there were more columns than are told apart. */
  of(shown: Shown): readonly ColumnCount[] {
    this.#spread();
    return this.#uses
      .entries()
      .filter(({ key }) => key[1] === shown)
      .map(({ key, tally: { statements, rows } }) => ({ column: key[0]!, statements, rows }))
      .sort((a, b) => compare(a.column, b.column));
  }

  get more(): boolean {
    this.#spread();
    this.#uses.entries();
    return this.#uses.others !== undefined;
  }

  #spread(): void {
    for (const { facts, use } of this.#sets.values()) {
      for (const [column, shown] of Object.entries(facts.columns)) {
        // What an observed statement says of masks would only have been.
        this.#uses.of(column, facts.observed ? 'clear' : shown).absorb(use);
      }
    }
    this.#sets.clear();
  }
}

export class StatementTally implements Tally<StatementTally> {
  succeeded = 0;
  failed = 0;
  interrupted = 0;
  refused = 0;
  rows = 0;
  truncated = 0;
  unattributed = 0;
  first = Infinity;
  last = -Infinity;
  readonly subjects = new SubjectSet();
  readonly columns = new ColumnTally();
  readonly addresses = new Names(MAX_NAMES);
  readonly applications = new Names(MAX_NAMES);

  get statements(): number {
    return this.succeeded + this.failed + this.interrupted + this.refused;
  }

  add(statement: Counted): void {
    const { facts, standing } = statement;
    this[facts.outcome]++;
    this.first = Math.min(this.first, facts.time);
    this.last = Math.max(this.last, facts.time);
    this.addresses.add(facts.address);
    this.applications.add(facts.application);
    if (facts.outcome === 'refused') return;
    this.rows += facts.rows ?? 0;
    if (standing === 'truncated' || standing === 'unattributed') this[standing]++;
    for (const subject of statement.subjects) this.subjects.add(subject);
    this.columns.add(statement);
  }

  absorb(other: StatementTally): void {
    for (const name of SUMS) this[name] += other[name];
    this.first = Math.min(this.first, other.first);
    this.last = Math.max(this.last, other.last);
    this.subjects.addAll(other.subjects);
    this.columns.absorb(other.columns);
    this.addresses.addAll(other.addresses);
    this.applications.addAll(other.applications);
  }
}

const SUMS = ['succeeded', 'failed', 'interrupted', 'refused', 'rows', 'truncated', 'unattributed'] as const;
