/** The values that a write stores: the write-back guard around those for masked columns, and none for denied ones. */
import type { ColumnRef, ResTarget } from '@pgsql/types';
import type { Column } from '../catalog/types.js';
import { identifier } from '../policy/sql-text.js';
import type { ColumnDecision } from '../policy/types.js';
import type { ResolvedStatement, TokenSpan } from '../resolve/types.js';
import { toByteString } from '../sql/byte-string.js';
import { splitItems, wordAt } from './clauses.js';
import { computesFrom } from './computed-value.js';
import { writeBack } from './write-back.js';
import { type AssignmentList, filled, placeholder, Unsupported, type WriteContext } from './write-context.js';

/** SET: the write-back guard around each value for a masked column. */
export function rewriteAssignments(write: WriteContext): void {
  checkInsertedColumns(write);
  for (const list of write.assignmentLists()) rewriteList(write, list);
}

function rewriteList(write: WriteContext, { targets, span }: AssignmentList): void {
  const { decision, use } = write.input;
  if (span === undefined) throw new Unsupported('this form of SET', 'write SET column = value');
  const items = splitItems(write.input.resolved.statement.lexed, span);
  let item = -1;
  for (const node of targets) {
    if (!('ResTarget' in node)) throw new Unsupported('this form of SET', 'write SET column = value');
    const target = node.ResTarget;
    const multi =
      target.val !== undefined && 'MultiAssignRef' in target.val ? target.val.MultiAssignRef : undefined;
    if (multi === undefined || (multi.colno ?? 1) === 1) item += 1;
    const column = use.relation.columns.find((each) => each.name === target.name);
    const rule = column === undefined ? undefined : decision.columns.get(column.attnum);
    // A column that does not exist is the server's to report.
    if (column === undefined || rule?.kind === 'clear') continue;
    if (rule?.kind !== 'masked') {
      throw new Unsupported(`a write to denied column "${column.name}"`, 'leave the column out');
    }
    if (multi !== undefined || target.indirection !== undefined) {
      throw new Unsupported(
        `a write to a part of masked column "${column.name}"`,
        `write SET ${identifier(column.name)} = value`,
      );
    }
    if (target.val === undefined || 'SetToDefault' in target.val) continue;
    const place = items[item];
    if (place === undefined) throw new Unsupported('this form of SET', 'write SET column = value');
    guardValue(write, target, column, rule, place);
  }
  if (item + 1 !== items.length) throw new Unsupported('this form of SET', 'write SET column = value');
}

function guardValue(
  write: WriteContext,
  target: ResTarget,
  column: Column,
  rule: Extract<ColumnDecision, { kind: 'masked' }>,
  place: TokenSpan,
): void {
  const { resolved, parseSelect } = write.input;
  const text = writeBack(column, rule, write.alias);
  if (text === undefined) {
    throw new Unsupported(
      `a write to column "${column.name}", whose mask leaves parts of the document visible`,
      'write other columns, or write this one through an exempt session',
    );
  }
  const own = (ref: ColumnRef): boolean => {
    const binding = resolved.columns.get(ref);
    return (
      binding?.kind === 'column' && binding.use.id === write.input.use.id && binding.attnum === column.attnum
    );
  };
  if (computesFrom(target.val, own)) {
    throw new Unsupported(
      `a value that is computed from masked column "${column.name}" and written to it`,
      'the mask would be stored in place of the value: write the new value itself, or use an exempt session',
    );
  }
  const first = valueToken(resolved, place);
  const parsed = parseSelect(toByteString(`SELECT ${text.before}$${placeholder}${text.after}`))?.targets[0];
  if (parsed === undefined || !('ResTarget' in parsed) || parsed.ResTarget.val === undefined) {
    throw new Unsupported('this mask', 'report this as a bug');
  }
  const { val } = parsed.ResTarget;
  write.insert(first, [toByteString(text.before)]);
  write.insert(place.end, [toByteString(`${text.after} `)]);
  write.intents.push((tree) => {
    const copy = tree.of(target);
    copy.val = filled(val, copy.val!);
  });
}

/** FAIL-CLOSED: a denied column is not written either. */
function checkInsertedColumns(write: WriteContext): void {
  const { use, decision } = write.input;
  for (const { names } of write.insertedColumns()) {
    for (const column of use.relation.columns) {
      if ((decision.columns.get(column.attnum)?.kind ?? 'denied') !== 'denied') continue;
      if (names === undefined || names.includes(column.name)) {
        throw new Unsupported(
          `a write to denied column "${column.name}"`,
          'list the columns of the INSERT without it',
        );
      }
    }
  }
}

function valueToken(resolved: ResolvedStatement, item: TokenSpan): number {
  const { lexed } = resolved.statement;
  for (let at = item.first; at < item.end; at += 1) {
    const isEquals =
      lexed.tokens.kind(at) === 'operator' &&
      lexed.text.slice(lexed.tokens.start(at), lexed.tokens.end(at)) === '=';
    if (isEquals) return at + 1;
    if (wordAt(lexed, at) === '(') break;
  }
  throw new Unsupported('this form of SET', 'write SET column = value');
}
