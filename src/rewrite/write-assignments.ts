/** The values that a write stores: the write-back guard around those for masked columns, and none for denied ones. */
import type { Node, ResTarget } from '@pgsql/types';
import type { ResolvedStatement, TokenSpan } from '../resolve/types.js';
import { splitItems, wordAt } from './clauses.js';
import { rewriteInsertedValues } from './inserted-values.js';
import { checkComputed, maskedTarget, type MaskedTarget, unclearSet } from './masked-target.js';
import { rewriteMultiAssignment } from './multi-assignment.js';
import { wrapValue } from './value-slot.js';
import type { AssignmentList, WriteContext } from './write-context.js';
import { keptValue } from './written-value.js';

/** SET: the write-back guard around each value for a masked column. */
export function rewriteAssignments(write: WriteContext): void {
  rewriteInsertedValues(write);
  for (const list of write.assignmentLists()) rewriteList(write, list);
}

function rewriteList(write: WriteContext, { targets, span }: AssignmentList): void {
  if (span === undefined) throw unclearSet();
  const { resolved } = write.input;
  const items = splitItems(resolved.statement.lexed, span);
  const groups = assignmentGroups(targets);
  if (groups.length !== items.length) throw unclearSet();
  groups.forEach((group, index) => {
    const masked = group.map((target) => maskedTarget(write, target));
    if (masked.every((each) => each === undefined)) return;
    const place: TokenSpan = { first: valueToken(resolved, items[index]!), end: items[index]!.end };
    const [target] = group;
    if (target?.val !== undefined && 'MultiAssignRef' in target.val) {
      rewriteMultiAssignment(write, target.val.MultiAssignRef, masked, place);
    } else if (target !== undefined) {
      guardValue(write, target, masked[0]!, place);
    }
  });
}

/** The targets of each item of the text: several for `(a, b) = …`. */
function assignmentGroups(targets: readonly Node[]): readonly (readonly ResTarget[])[] {
  const groups: ResTarget[][] = [];
  for (const node of targets) {
    if (!('ResTarget' in node)) throw unclearSet();
    const { val } = node.ResTarget;
    const multi = val !== undefined && 'MultiAssignRef' in val ? val.MultiAssignRef : undefined;
    if (multi === undefined || (multi.colno ?? 1) === 1) groups.push([node.ResTarget]);
    else groups.at(-1)?.push(node.ResTarget);
  }
  return groups;
}

function guardValue(
  write: WriteContext,
  target: ResTarget,
  { column, rule }: MaskedTarget,
  span: TokenSpan,
): void {
  // DEFAULT is what the table's owner chose.
  if (target.val === undefined || 'SetToDefault' in target.val) return;
  checkComputed(write, { column, rule }, target.val);
  const text = keptValue(write.input.use.relation, column, rule, write.alias);
  if (text === undefined) return;
  wrapValue(
    write,
    {
      span,
      get: (tree) => tree.of(target).val!,
      set: (tree, node) => {
        tree.of(target).val = node;
      },
    },
    text,
  );
}

function valueToken(resolved: ResolvedStatement, item: TokenSpan): number {
  const { lexed } = resolved.statement;
  let depth = 0;
  for (let at = item.first; at < item.end; at += 1) {
    const word = wordAt(lexed, at);
    if (word === '(' || word === '[') depth += 1;
    if (word === ')' || word === ']') depth -= 1;
    const isEquals =
      lexed.tokens.kind(at) === 'operator' &&
      lexed.text.slice(lexed.tokens.start(at), lexed.tokens.end(at)) === '=';
    if (isEquals && depth === 0) return at + 1;
  }
  throw unclearSet();
}
