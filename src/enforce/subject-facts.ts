/**
 * Which output columns of a statement carry the keys of data subjects, and whether its rows are the data of nobody else.
 * It reads the resolved statement and the policy's decisions; what to do with the rows is the session's work.
 *
 * INVARIANT(attributed-whole): a result counts as complete only where each relation with data of subjects, on any level,
 * is tied to a key that stands in the row: then nobody's data can be in it whose key is not.
 */
import type { RowSubjects } from '../policy/types.js';
import { sameValues } from '../resolve/row-shape.js';
import type { ImpliedEquality, Lineage, RelationUse, ResolvedStatement } from '../resolve/types.js';
import type { ProtectedDecision } from '../rewrite/guarded-relation.js';
import type { WriteStatement } from '../rewrite/write-context.js';
import type { RangeVar } from '@pgsql/types';
import { assignsKey } from './assigned-keys.js';
import { copyLayout } from './copy-layout.js';
import { carriedKey, comparedAs } from './subject-keys.js';
import type { PlanFacts, SubjectOutput } from './types.js';

type Involved = ReadonlyMap<number, ProtectedDecision>;

export interface SubjectContext {
  readonly involved: Involved;
  readonly writes: ReadonlyMap<RangeVar, WriteStatement>;
  /** It calls functions that the policy opens, in whatever way: one may return anybody's data. */
  readonly callsOpened: boolean;
}

/** What PlanFacts says of data subjects; nothing where no relation of theirs is reached. */
export function subjectFacts(
  resolved: ResolvedStatement,
  context: SubjectContext,
): Pick<PlanFacts, 'subjects'> & { readonly subjectTables: readonly string[] } {
  const { involved } = context;
  const uses = resolved.relations.filter((use) => involved.get(use.id)?.subject !== undefined);
  if (uses.length === 0) return { subjectTables: [] };
  const subjectTables = [...new Set(uses.map(({ relation }) => `${relation.schema}.${relation.name}`))];
  const positions = resolved.outputs?.map(({ lineage }) => keyOf(lineage, involved)) ?? [];
  const outputs = positions.flatMap((key, position): SubjectOutput[] =>
    key === undefined ? [] : [{ position, ...key }],
  );
  const layout = copyLayout(resolved);
  if (outputs.length === 0 || layout === 'unreadable') return { subjectTables };
  const shown = resolved.outputs!.flatMap(({ lineage }, index) =>
    positions[index] === undefined ? [] : [lineage],
  );
  const complete =
    !context.callsOpened &&
    uses.every((use) => isTied(use, involved.get(use.id)!.subject!, shown, resolved, context));
  return {
    subjectTables,
    subjects: {
      outputs,
      fields: positions.length,
      complete,
      ...(isBinaryCursor(resolved) && { binaryCursor: true }),
      ...(layout !== undefined && { copy: layout }),
    },
  };
}

/** The key that an output carries in the clear; of several arms of a UNION each has to. */
function keyOf(lineage: Lineage, involved: Involved): Omit<SubjectOutput, 'position'> | undefined {
  const keys = (sameValues(lineage) ?? []).map(({ use, attnum, casts }) => {
    const decision = involved.get(use.id);
    const column = use.relation.columns.find((each) => each.attnum === attnum);
    if (decision?.subject?.keys.includes(attnum) !== true || column === undefined) return undefined;
    return decision.columns.get(attnum)?.kind === 'clear' ? carriedKey(column, casts) : undefined;
  });
  const [first] = keys;
  if (first === undefined || keys.some((key) => key?.kind !== first.kind)) return undefined;
  const oneType = keys.every((key) => key?.typeOid === first.typeOid);
  return { kind: first.kind, typeOid: oneType ? first.typeOid : undefined };
}

/** In each row to which a row of it adds something, the key of that row's subject is shown. */
function isTied(
  use: RelationUse,
  subject: RowSubjects,
  shown: readonly Lineage[],
  resolved: ResolvedStatement,
  { writes }: SubjectContext,
): boolean {
  if (!subject.complete || isMixed(use, resolved)) return false;
  if (use.purpose !== 'read') {
    // What WITH writes is written, whether or not its row comes to the result.
    if (resolved.levels[use.level]?.consumer !== undefined) return false;
    const ties = subject.via === undefined ? subject.keys : [subject.via.column];
    if (assignsKey(writes.get(use.node), use, ties)) return false;
  }
  if (subject.via !== undefined) {
    const hops = [...subject.via.hops];
    return leadsToShown({ use, attnum: subject.via.column, hops }, shown, resolved.equalities);
  }
  return (
    subject.keys.length > 0 &&
    subject.keys.every((attnum) => leadsToShown({ use, attnum, hops: [] }, shown, resolved.equalities))
  );
}

/** Its rows are put together with others' on the way to the result. */
function isMixed(use: RelationUse, { levels }: ResolvedStatement): boolean {
  const seen = new Set<number>();
  for (let id: number | undefined = use.level; id !== undefined; id = levels[id]?.consumer) {
    if (levels[id]?.mixes !== false || seen.has(id)) return true;
    seen.add(id);
  }
  return false;
}

type Hop = NonNullable<RowSubjects['via']>['hops'][number];

interface Place {
  readonly use: RelationUse;
  readonly attnum: number;
  /** What is still between it and the subject's key. */
  readonly hops: readonly Hop[];
}

/** Follows columns that are equal wherever the relation has a row, until one is among those shown. */
function leadsToShown(
  from: Place,
  shown: readonly Lineage[],
  equalities: readonly ImpliedEquality[],
): boolean {
  const pending = [from];
  const tried = new Set<string>();
  for (let place = pending.pop(); place !== undefined; place = pending.pop()) {
    const { use, attnum, hops } = place;
    const id = `${use.id}:${attnum}:${hops.length}`;
    if (tried.has(id)) continue;
    tried.add(id);
    if (hops.length === 0 && shown.some((one) => holds(one, use, attnum))) return true;
    const [hop, ...rest] = hops;
    if (hop?.relation === use.relation && hop.match === attnum)
      pending.push({ use, attnum: hop.next, hops: rest });
    for (const { from: start, to } of equalities) {
      if (!holds(start, use, attnum) || !compares(start) || !compares(to)) continue;
      // The same value, passed on by a subquery: whichever arm of a UNION it is from.
      if (hops.length === 0 && shown.includes(to)) return true;
      if (to.kind === 'column') pending.push({ use: to.use, attnum: to.attnum, hops });
    }
  }
  return false;
}

/** It is this column's value in every row in which the relation has one. */
function holds(lineage: Lineage, use: RelationUse, attnum: number): boolean {
  return (
    sameValues(lineage)?.some((one) => one.use === use && one.attnum === attnum && one.passing !== true) ??
    false
  );
}

/** `=` finds equal keys alone, whichever of the columns the value is. */
function compares(lineage: Lineage): boolean {
  return (
    sameValues(lineage)?.every(({ use, attnum, casts }) => {
      const column = use.relation.columns.find((each) => each.attnum === attnum);
      const as = column && comparedAs(column, casts);
      // Of several texts the collation may be that of another.
      return as !== undefined && (as !== 'text' || lineage.kind === 'column');
    }) ?? false
  );
}

/** CURSOR_OPT_BINARY in src/include/nodes/parsenodes.h: FETCH in a Query answers in binary then. */
const BINARY = 0x0001;

function isBinaryCursor({ statement: { node } }: ResolvedStatement): boolean {
  return 'DeclareCursorStmt' in node && ((node.DeclareCursorStmt.options ?? 0) & BINARY) !== 0;
}
