/** Output columns of a SELECT or RETURNING list, stars expanded (transformTargetList in parse_target.c). */
import type { ColumnRef, Node, ResTarget } from '@pgsql/types';
import { isStar, stringsOf } from './ast.js';
import {
  bindColumnRef,
  classifyReference,
  findEntry,
  lineageOfEntry,
  noteSchemaNeeded,
  recordBinding,
} from './column-ref.js';
import { columnNameOf } from './column-name.js';
import { valueLineage, walkExpression } from './expression.js';
import type { Resolution } from './resolution.js';
import { RowShapeBuilder, combine } from './row-shape.js';
import type { RowShape } from './row-shape.js';
import type { RangeEntry, Scope } from './scope.js';

function expandEntry(resolution: Resolution, entry: RangeEntry, shape: RowShapeBuilder): void {
  if (entry.openAt === entry.columns.length) {
    for (const { name, lineage } of entry.columns) shape.add(name, lineage);
    shape.addUnknown();
  } else {
    if (entry.openAt !== undefined) shape.addUnknown();
    for (const { name, lineage } of entry.columns) shape.add(name, lineage);
  }
  for (const { lineage } of entry.columns) resolution.trace.push(lineage);
  if (entry.openAt !== undefined) resolution.trace.push({ kind: 'unknown' });
}

function expandStar(resolution: Resolution, ref: ColumnRef, scope: Scope, shape: RowShapeBuilder): void {
  const names = stringsOf(ref.fields);
  noteSchemaNeeded(resolution, ref, scope);
  const entries =
    names.length === 0
      ? scope.entries.filter((entry) => entry.colsVisible && !entry.lateralOnly)
      : [findEntry(resolution, names, scope)?.entry].filter((entry) => entry !== undefined);
  for (const entry of entries) expandEntry(resolution, entry, shape);
  if (entries.length === 0) {
    shape.addUnknown();
    resolution.trace.push({ kind: 'unknown' });
    recordBinding(resolution, ref, { kind: 'unresolved' });
  } else {
    const uses = entries.flatMap((entry) => entry.uses);
    const lineage = combine(entries.map(lineageOfEntry));
    recordBinding(resolution, ref, { kind: 'star', uses, lineage });
  }
}

/** `(c).*`: the columns of a whole row; of any other composite value only the server knows them. */
function expandIndirection(
  resolution: Resolution,
  target: ResTarget,
  scope: Scope,
  shape: RowShapeBuilder,
): void {
  const value = target.val;
  const inner = value !== undefined && 'A_Indirection' in value ? value.A_Indirection : undefined;
  const argument = inner?.arg;
  if (inner?.indirection?.length === 1 && argument !== undefined && 'ColumnRef' in argument) {
    const reference = classifyReference(resolution, argument.ColumnRef, scope);
    if (reference.kind === 'row') {
      bindColumnRef(resolution, argument.ColumnRef, scope);
      expandEntry(resolution, reference.entry, shape);
      return;
    }
  }
  walkExpression(resolution, value, scope);
  shape.addUnknown();
}

/** Analyses a target list: binds everything in it and gives its output columns. */
export function analyseTargets(
  resolution: Resolution,
  targets: readonly Node[] | undefined,
  scope: Scope,
): RowShape {
  const shape = new RowShapeBuilder();
  for (const node of targets ?? []) {
    if (!('ResTarget' in node)) {
      walkExpression(resolution, node, scope);
      shape.addUnknown();
      continue;
    }
    const target = node.ResTarget;
    const value = target.val;
    if (value !== undefined && 'ColumnRef' in value && isStar(value.ColumnRef.fields?.at(-1))) {
      expandStar(resolution, value.ColumnRef, scope, shape);
    } else if (
      value !== undefined &&
      'A_Indirection' in value &&
      isStar(value.A_Indirection.indirection?.at(-1))
    ) {
      expandIndirection(resolution, target, scope, shape);
    } else {
      shape.add(target.name ?? columnNameOf(value), valueLineage(resolution, value, scope));
    }
  }
  return shape.build();
}
