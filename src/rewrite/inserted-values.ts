/**
 * What INSERT, and INSERT in a MERGE, may put into labelled columns: nothing into denied ones, and no mask, which would
 * stand there as if it were a value. There is no row to compare with, so only what can be nothing but a mask counts.
 */
import type { Node } from '@pgsql/types';
import type { Column } from '../catalog/types.js';
import { identifier, op } from '../policy/sql-text.js';
import { type InsertedRows, insertedRows, type RowValue } from './inserted-rows.js';
import { relationName } from './names.js';
import { type CopiedValue, copiedMark, repeatedValue, wrapValue } from './value-slot.js';
import { hasEquality } from './write-back.js';
import { Unsupported, type WriteContext } from './write-context.js';
import { newConstant, newValue, plainType } from './written-value.js';

export function rewriteInsertedValues(write: WriteContext): void {
  for (const inserted of insertedRows(write)) {
    if (inserted === undefined) {
      throw new Unsupported('this form of INSERT', 'write INSERT INTO table (columns) VALUES (…)');
    }
    const columns = targetColumns(write, inserted);
    columns.forEach((column, index) => {
      if (column !== undefined) checkColumn(write, inserted, column, index);
    });
    for (const row of inserted.rows ?? []) rewriteRow(write, columns, row);
  }
}

/** In the order of the values. A column that does not exist is the server's to report. */
function targetColumns(write: WriteContext, { targets }: InsertedRows): readonly (Column | undefined)[] {
  const { columns } = write.input.use.relation;
  return targets?.map(({ name }) => columns.find((each) => each.name === name)) ?? columns;
}

/** FAIL-CLOSED: a denied column is not written either, and a part of a masked one cannot be looked at. */
function checkColumn(
  write: WriteContext,
  { targets, rows }: InsertedRows,
  column: Column,
  index: number,
): void {
  const rule = write.input.decision.columns.get(column.attnum);
  // DEFAULT is what the table's owner chose, and a row may be shorter than the table.
  const isWritten = rows?.some((row) => row[index] !== undefined && !isDefault(row[index].node)) ?? true;
  if ((rule?.kind ?? 'denied') === 'denied' && isWritten) {
    throw new Unsupported(
      `a write to denied column "${column.name}"`,
      'list the columns of the INSERT without it',
    );
  }
  if (rule?.kind === 'masked' && targets?.[index]?.part === true) {
    throw new Unsupported(`a write to a part of masked column "${column.name}"`, 'write the whole value');
  }
}

function rewriteRow(
  write: WriteContext,
  columns: readonly (Column | undefined)[],
  row: readonly RowValue[],
): void {
  const { use, decision } = write.input;
  const conflict = conflictOf(write, columns, row);
  row.forEach((slot, index) => {
    const column = columns[index];
    const rule = column === undefined ? undefined : decision.columns.get(column.attnum);
    if (column === undefined || rule?.kind !== 'masked' || isDefault(slot.node)) return;
    const exists = conflict === 'unknown' ? 'true' : conflict?.exists;
    if (isConstant(slot.node) && isShort(write, slot)) {
      const keys = conflict === undefined || conflict === 'unknown' ? [] : conflict.keys;
      const whole = newConstant(use.relation, column, rule, exists, copiedMark(keys.length));
      if (whole === undefined) return;
      const { text, copies } = repeatedValue(whole, slot, keys);
      wrapValue(write, slot, text, copies);
      return;
    }
    const text = newValue(use.relation, column, rule, exists);
    if (text === undefined) return;
    const isUsed = conflict !== undefined && conflict !== 'unknown' && text.before.includes(copiedMark(0));
    wrapValue(write, slot, text, isUsed ? conflict.keys : []);
  });
}

/** A long text is not written several times. */
function isShort(write: WriteContext, { span }: RowValue): boolean {
  const { tokens } = write.input.resolved.statement.lexed;
  return tokens.end(span.end - 1) - tokens.start(span.first) <= 400;
}

interface Conflict {
  /** SQL, true when the row is in the table already. */
  readonly exists: string;
  readonly keys: readonly CopiedValue[];
}

/**
 * An upsert of a row that exists ends in DO UPDATE, whose guard keeps what is stored; its mask in VALUES is then none of
 * a new row. Whether the row exists is asked by the conflict's own columns, where their values can be written twice.
 * That tells no more than the upsert itself.
 */
function conflictOf(
  write: WriteContext,
  columns: readonly (Column | undefined)[],
  row: readonly RowValue[],
): Conflict | 'unknown' | undefined {
  const { statement, use } = write.input;
  const clause = statement.kind === 'insert' ? statement.node.onConflictClause : undefined;
  if (clause === undefined) return undefined;
  const unknown = clause.action === 'ONCONFLICT_UPDATE' ? 'unknown' : undefined;
  const elements = clause.infer?.indexElems ?? [];
  if (elements.length === 0 || clause.infer?.whereClause !== undefined) return unknown;
  const keys: CopiedValue[] = [];
  const conditions: string[] = [];
  for (const element of elements) {
    const name = 'IndexElem' in element ? element.IndexElem.name : undefined;
    const index = columns.findIndex((column) => column !== undefined && column.name === name);
    const column = columns[index];
    const slot = row[index];
    if (column === undefined || slot === undefined || !isConstant(slot.node) || !hasEquality(column)) {
      return unknown;
    }
    const given = `(${copiedMark(keys.length)})::${plainType(column)}`;
    conditions.push(op(`pgveil_c.${identifier(column.name)}`, '=', given));
    keys.push({ span: slot.span, node: slot.node });
  }
  const table = relationName(use.relation);
  return { exists: `(EXISTS (SELECT 1 FROM ${table} pgveil_c WHERE ${conditions.join(' AND ')}))`, keys };
}

function isConstant(node: Node): boolean {
  if ('TypeCast' in node) return node.TypeCast.arg !== undefined && isConstant(node.TypeCast.arg);
  return 'A_Const' in node || 'ParamRef' in node;
}

function isDefault(node: Node): boolean {
  return 'SetToDefault' in node;
}
