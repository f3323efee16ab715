/** Refused statements, by rule and reason. */
import type { Report } from './schema.js';
import { compare, Groups, Names, type Tally } from './groups.js';
import type { StatementFacts } from './report-event.js';
import { between } from './sums.js';

const MAX_GROUPS = 2_000;
const LISTED = 50;
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

export class Refusals {
  readonly #groups = new Groups(MAX_GROUPS, () => new RefusalTally());
  #total = 0;

  add(facts: StatementFacts): void {
    const { refusal } = facts;
    if (refusal === null) return;
    this.#total++;
    this.#groups.of(refusal.rule, refusal.code, refusal.sqlstate).add(facts);
  }

  sections(): Pick<Report, 'refusals' | 'other_refusals'> {
    const refusals = this.#groups
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
      .slice(0, LISTED);
    const listed = refusals.reduce((sum, { statements }) => sum + statements, 0);
    return { refusals, other_refusals: this.#total - listed };
  }
}
