/** Groups of statements as the report tells them: the first ones one by one, the others as one row. */
import type { Report } from './schema.js';
import { compare, type Groups } from './groups.js';
import { iso } from './places.js';
import { StatementTally } from './tally.js';

type Sums = NonNullable<Report['other_actors']>;

export function told(tally: StatementTally): Omit<Sums, 'groups'> {
  const { statements, succeeded, failed, interrupted, refused, rows, truncated, unattributed } = tally;
  const subjects = tally.subjects.size;
  return { statements, succeeded, failed, interrupted, refused, rows, subjects, truncated, unattributed };
}

export function between({ first, last }: { readonly first: number; readonly last: number }): {
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
export function split(
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

export function byUse(a: Entry, b: Entry): number {
  return b.tally.statements - a.tally.statements;
}

export function byRows(a: Entry, b: Entry): number {
  return b.tally.rows - a.tally.rows || b.tally.statements - a.tally.statements;
}

function byKey(a: Entry, b: Entry): number {
  return compare(JSON.stringify(a.key), JSON.stringify(b.key));
}
