/**
 * The breach view: whose data could have been exposed by the statements of the report, and through which of them nobody
 * can say whose. What GDPR Art. 33(3)(a) and 34 ask for: how many data subjects, which ones, which kinds of data.
 */
import type { Report } from './schema.js';
import { compare, Groups, type Tally } from './groups.js';
import { iso, isoOrNull } from './places.js';
import { inPath } from './policy-history.js';
import type { StatementFacts } from './report-event.js';
import { SubjectSet, type SubjectTable } from './subject-sets.js';
import { ColumnTally, type Counted } from './tally.js';

type Exposure = Report['exposure'];
type Why = Exposure['unattributed']['groups'][number]['why'];

const MAX_SHAPES = 2_000;
const LISTED_SHAPES = 50;
const MAX_TEXT = 200;
const MAX_TABLES = 20;

/** Statements of one shape whose subjects are not all known. */
class Shape implements Tally<Shape> {
  statements = 0;
  rows = 0;
  first = Infinity;
  last = -Infinity;
  /** Texts of one shape may differ in case and spacing: the first one in the order of texts. */
  example: { readonly text: string; readonly tables: readonly string[] } | undefined;

  add({ rows, time, query, tables }: StatementFacts): void {
    this.statements++;
    this.rows += rows ?? 0;
    this.first = Math.min(this.first, time);
    this.last = Math.max(this.last, time);
    this.#show({ text: query.text, tables });
  }

  absorb(other: Shape): void {
    this.statements += other.statements;
    this.rows += other.rows;
    this.first = Math.min(this.first, other.first);
    this.last = Math.max(this.last, other.last);
    if (other.example !== undefined) this.#show(other.example);
  }

  #show(example: NonNullable<Shape['example']>): void {
    const key = (one: NonNullable<Shape['example']>): string => `${one.text}\0${one.tables.join('\0')}`;
    if (this.example !== undefined && key(this.example) <= key(example)) return;
    this.example = example;
  }
}

export class ExposureTally {
  statements = 0;
  rows = 0;
  attributed = 0;
  readonly #subjects = new SubjectSet();
  readonly #columns = new ColumnTally();
  readonly #shapes = new Groups(MAX_SHAPES, () => new Shape());
  #first = Infinity;
  #last = -Infinity;

  add(statement: Counted): void {
    const { facts, standing } = statement;
    if (standing === 'none') return;
    this.statements++;
    this.rows += facts.rows ?? 0;
    this.#first = Math.min(this.#first, facts.time);
    this.#last = Math.max(this.#last, facts.time);
    for (const subject of statement.subjects) this.#subjects.add(subject);
    this.#columns.add(statement);
    if (standing === 'known') this.attributed++;
    else this.#shapes.of(facts.actor, facts.role, whyOf(statement), facts.query.uid).add(facts);
  }

  section(table: SubjectTable, labelsOf: (column: string) => Labels, withSubjects: boolean): Exposure {
    const labelled = ({ column, statements, rows }: ReturnType<ColumnTally['of']>[number]) => ({
      column,
      ...labelsOf(column),
      statements,
      rows,
    });
    const groups = this.#groups();
    const listed = groups.slice(0, LISTED_SHAPES);
    const listedStatements = listed.reduce((sum, each) => sum + each.statements, 0);
    const listedRows = listed.reduce((sum, each) => sum + each.rows, 0);
    const [statements, rows] = this.#unattributed();
    return {
      statements: this.statements,
      attributed: this.attributed,
      rows: this.rows,
      first: isoOrNull(this.#first),
      last: isoOrNull(this.#last),
      subjects: {
        distinct: this.#subjects.size,
        capped: table.full,
        hmacs: withSubjects
          ? [...this.#subjects.numbers()].map((one) => table.hmacOf(one)).sort(compare)
          : null,
      },
      clear: this.#columns.of('clear').map(labelled),
      masked: this.#columns.of('masked').map(labelled),
      more_columns: this.#columns.more,
      unattributed: {
        statements,
        rows,
        groups: listed,
        other_statements: statements - listedStatements,
        other_rows: rows - listedRows,
      },
    };
  }

  #unattributed(): readonly [statements: number, rows: number] {
    const tallies = this.#shapes.entries().map(({ tally }) => tally);
    if (this.#shapes.others !== undefined) tallies.push(this.#shapes.others);
    return [
      tallies.reduce((sum, { statements }) => sum + statements, 0),
      tallies.reduce((sum, { rows }) => sum + rows, 0),
    ];
  }

  #groups(): Exposure['unattributed']['groups'] {
    return this.#shapes
      .entries()
      .map(({ key: [actor, role, why, uid], tally }) => ({
        actor: actor ?? '',
        role: role ?? null,
        why: why as Why,
        statement_uid: uid ?? '',
        statement: shortened(tally.example?.text ?? ''),
        tables: [...(tally.example?.tables ?? [])].sort(compare).slice(0, MAX_TABLES),
        statements: tally.statements,
        rows: tally.rows,
        first: iso(tally.first),
        last: iso(tally.last),
      }))
      .sort(
        (a, b) =>
          b.rows - a.rows ||
          b.statements - a.statements ||
          compare(a.actor, b.actor) ||
          compare(a.role ?? '', b.role ?? '') ||
          compare(a.why, b.why) ||
          compare(a.statement_uid, b.statement_uid),
      );
  }
}

function whyOf({ facts, standing }: Counted): Why {
  if (facts.outcome === 'interrupted') return 'interrupted';
  if (standing === 'truncated') return 'truncated';
  return facts.exempt ? 'exempt' : 'not-attributable';
}

function shortened(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim();
  return line.length <= MAX_TEXT ? line : `${line.slice(0, MAX_TEXT - 1)}…`;
}

export interface Labels {
  readonly labels: string[];
  readonly dpv: string[];
}

const COLUMNS = 'columns.';

/** Which labels a column carries in any policy of the report, and what kinds of data (DPV) these are. */
export function labelFinder(policies: readonly ReadonlyMap<string, string>[]): (column: string) => Labels {
  const labels = new Map<string, Set<string>>();
  const dpv = new Map<string, Set<string>>();
  const note = (where: Map<string, Set<string>>, key: string, text: string): void => {
    where.set(key, (where.get(key) ?? new Set()).add(text));
  };
  for (const rules of policies) {
    for (const [path, label] of rules) {
      if (!path.startsWith(COLUMNS)) continue;
      // What is labelled inside a document is part of its column.
      const column = path.slice(COLUMNS.length).replace(/->.*$/s, '');
      note(labels, column, label);
      const kind = rules.get(`labels.${inPath(label)}.dpv`);
      if (kind !== undefined) note(dpv, column, kind);
    }
  }
  const sorted = (found: Set<string> | undefined): string[] => [...(found ?? [])].sort(compare);
  return (column) => ({ labels: sorted(labels.get(column)), dpv: sorted(dpv.get(column)) });
}
