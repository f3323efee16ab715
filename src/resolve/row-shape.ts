/** The columns a query puts out, and how origins of values combine. */
import { unsupported } from './ast.js';
import type { Lineage, OutputColumn, RelationUse, SameValue } from './types.js';

/** MaxTupleAttributeNumber in htup_details.h: the server refuses a row with more columns. */
const MAX_COLUMNS = 1664;

export const UNKNOWN: Lineage = { kind: 'unknown' };

/** Output columns in order. From position `openAt` on there may be others that only the server knows. */
export interface RowShape {
  readonly columns: readonly OutputColumn[];
  readonly openAt: number | undefined;
}

/** Collects columns and remembers the first place where unknown ones may stand. */
export class RowShapeBuilder {
  readonly #columns: OutputColumn[] = [];
  #openAt: number | undefined;

  add(name: string, lineage: Lineage): void {
    // FAIL-CLOSED: the server would refuse it; growing without bound would cost us first.
    if (this.#columns.length >= MAX_COLUMNS) throw unsupported('a row with more than 1664 columns');
    this.#columns.push({ name, lineage });
  }

  addUnknown(): void {
    this.#openAt ??= this.#columns.length;
  }

  build(): RowShape {
    return { columns: this.#columns, openAt: this.#openAt };
  }
}

/** One value computed from several: an expression over all their base columns, unknown when one of them is. */
export function combine(parts: Iterable<Lineage>): Lineage {
  const inputs: { use: RelationUse; attnum: number }[] = [];
  const seen = new Map<RelationUse, Set<number>>();
  const add = (use: RelationUse, attnum: number): void => {
    const attnums = seen.get(use) ?? new Set<number>();
    if (attnums.has(attnum)) return;
    seen.set(use, attnums.add(attnum));
    inputs.push({ use, attnum });
  };
  for (const part of new Set(parts)) {
    if (part.kind === 'unknown') return UNKNOWN;
    if (part.kind === 'column') add(part.use, part.attnum);
    else for (const input of part.inputs) add(input.use, input.attnum);
  }
  return { kind: 'expression', inputs };
}

/** The columns of which a value is one, unchanged but for casts; undefined when it may be computed. */
export function sameValues(lineage: Lineage): readonly SameValue[] | undefined {
  if (lineage.kind === 'unknown') return undefined;
  if (lineage.kind === 'expression') return lineage.same;
  const { use, attnum, passing } = lineage;
  return [{ use, attnum, casts: [], ...(passing && { passing }) }];
}

/** The origin of a value that is not in every row in which its relation has one, save those of its own relations. */
export function passedOn(lineage: Lineage, isOwn: (use: RelationUse) => boolean): Lineage {
  if ((sameValues(lineage) ?? []).every(({ use }) => isOwn(use))) return lineage;
  if (lineage.kind === 'column') return { ...lineage, passing: true };
  if (lineage.kind === 'unknown' || lineage.same === undefined) return lineage;
  const same = lineage.same.map((one) => (isOwn(one.use) ? one : { ...one, passing: true as const }));
  return { ...lineage, same };
}

/** The same for all columns of a row. */
export function passedOnShape(shape: RowShape, isOwn: (use: RelationUse) => boolean): RowShape {
  const columns = shape.columns.map((one) => ({ ...one, lineage: passedOn(one.lineage, isOwn) }));
  return { ...shape, columns };
}

/** The origin of a value that is either of two. */
function either(left: Lineage, right: Lineage, rightShows: boolean): Lineage {
  const both = combine([left, right]);
  const [a, b] = [sameValues(left), rightShows ? sameValues(right) : []];
  if (both.kind !== 'expression' || a === undefined || b === undefined) return both;
  return { ...both, same: [...a, ...b] };
}

/**
 * A UNION's columns: names of the left side, origins of both (transformSetOperationTree in analyze.c).
 * @param rightShows - false for EXCEPT, whose right side only takes rows away
 */
export function mergeShapes(left: RowShape, right: RowShape, rightShows = true): RowShape {
  const openAt = Math.min(left.openAt ?? Infinity, right.openAt ?? Infinity);
  const columns = left.columns.map(({ name, lineage }, index) => {
    const other = right.columns[index];
    const certain = index < openAt && other !== undefined;
    return { name, lineage: certain ? either(lineage, other.lineage, rightShows) : UNKNOWN };
  });
  return { columns, openAt: openAt === Infinity ? undefined : openAt };
}

/** Applies a column alias list, which may name fewer columns than there are. */
export function renameColumns(shape: RowShape, names: readonly string[]): RowShape {
  if (names.length === 0) return shape;
  const certain = Math.min(shape.openAt ?? shape.columns.length, shape.columns.length);
  const columns: OutputColumn[] = [];
  for (const [index, name] of names.entries()) {
    const lineage = index < certain ? shape.columns[index]!.lineage : UNKNOWN;
    columns.push({ name, lineage });
  }
  columns.push(...shape.columns.slice(names.length));
  return { columns, openAt: shape.openAt === undefined ? undefined : Math.max(shape.openAt, names.length) };
}
