/**
 * `SET (a, b) = (x, y)`, `= ROW(x, y)` and `= (SELECT …)` with masked columns among the targets (transformMultiAssignRef
 * in parse_expr.c). The tree prints the source once for each target; the first counts, and the others follow it.
 */
import type { MultiAssignRef, Node } from '@pgsql/types';
import type { TokenSpan } from '../resolve/types.js';
import { toByteString } from '../sql/byte-string.js';
import type { LexedText } from '../sql/types.js';
import { splitItems, wordAt } from './clauses.js';
import { checkComputed, type MaskedTarget, unclearSet } from './masked-target.js';
import { wrapValue } from './value-slot.js';
import { placeholder, Unsupported, type WriteContext } from './write-context.js';
import { keptValue } from './written-value.js';

/** `span` is the source, behind the equals sign. */
export function rewriteMultiAssignment(
  write: WriteContext,
  multi: MultiAssignRef,
  targets: readonly (MaskedTarget | undefined)[],
  span: TokenSpan,
): void {
  const { source } = multi;
  if (source === undefined) throw unclearSet();
  if ('RowExpr' in source) rewriteRow(write, multi, source.RowExpr.args ?? [], targets, span);
  else if ('SubLink' in source) rewriteQuery(write, multi, source.SubLink.subselect, targets, span);
  else throw unclearSet();
}

function rewriteRow(
  write: WriteContext,
  multi: MultiAssignRef,
  values: readonly Node[],
  targets: readonly (MaskedTarget | undefined)[],
  span: TokenSpan,
): void {
  const { resolved, use } = write.input;
  const places = rowItems(resolved.statement.lexed, span, values.length);
  if (places === undefined || values.length !== targets.length) throw unclearSet();
  targets.forEach((target, index) => {
    const value = values[index]!;
    if (target === undefined || 'SetToDefault' in value) return;
    checkComputed(write, target, value);
    const text = keptValue(use.relation, target.column, target.rule, write.alias);
    if (text === undefined) return;
    wrapValue(
      write,
      {
        span: places[index]!,
        get: (tree) => rowOf(tree.of(multi))[index]!,
        set: (tree, node) => {
          rowOf(tree.of(multi))[index] = node;
        },
      },
      text,
    );
  });
}

function rowOf(multi: MultiAssignRef): Node[] {
  const { source } = multi;
  if (source === undefined || !('RowExpr' in source)) throw new Error('the row has changed its kind');
  return source.RowExpr.args ?? [];
}

/** The items of `ROW(…)` or `(…)`, which may stand in more brackets. */
function rowItems(lexed: LexedText, span: TokenSpan, count: number): readonly TokenSpan[] | undefined {
  let { first, end } = span;
  if (wordAt(lexed, first) === 'row') first += 1;
  while (wordAt(lexed, first) === '(' && wordAt(lexed, end - 1) === ')') {
    first += 1;
    end -= 1;
    const items = splitItems(lexed, { first, end });
    if (items.length === count) return items;
    if (wordAt(lexed, first) === 'row') first += 1;
  }
  return undefined;
}

/**
 * The query becomes a derived table, and the guards stand around its columns. Without a row it gives NULLs, as the
 * server's own form does, and those pass the guards as well.
 */
function rewriteQuery(
  write: WriteContext,
  multi: MultiAssignRef,
  query: Node | undefined,
  targets: readonly (MaskedTarget | undefined)[],
  span: TokenSpan,
): void {
  const { use, parseSelect, resolved } = write.input;
  const { lexed } = resolved.statement;
  if (query === undefined || wordAt(lexed, span.first) !== '(' || wordAt(lexed, span.end - 1) !== ')') {
    throw unclearSet();
  }
  const columns = targets.map((target, index) => {
    const value = `pgveil_s.c${index}`;
    if (target === undefined) return value;
    checkComputed(write, target, query);
    const text = keptValue(use.relation, target.column, target.rule, write.alias);
    return text === undefined ? value : `${text.before}${value}${text.after}`;
  });
  const before = `SELECT ${columns.join(', ')} FROM (SELECT 1) pgveil_o LEFT JOIN (`;
  const after = `) pgveil_s(${targets.map((_, index) => `c${index}`).join(', ')}) ON true`;
  const [parsed] =
    parseSelect(toByteString(`SELECT (${before}SELECT $${placeholder}${after})`))?.targets ?? [];
  const val = parsed !== undefined && 'ResTarget' in parsed ? parsed.ResTarget.val : undefined;
  if (val === undefined || !('SubLink' in val) || val.SubLink.subselect === undefined) {
    throw new Unsupported('this mask', 'report this as a bug');
  }
  const around = val.SubLink.subselect;
  write.insert(span.first + 1, [toByteString(before)]);
  write.insert(span.end - 1, [toByteString(after)]);
  write.intents.push((tree) => {
    const { source } = tree.of(multi);
    if (source === undefined || !('SubLink' in source)) throw new Error('the query has changed its kind');
    source.SubLink.subselect = withQuery(around, source.SubLink.subselect!);
  });
}

/** Puts the query where `SELECT $placeholder` stands. */
function withQuery(around: Node, query: Node): Node {
  const pending: unknown[] = [around];
  while (pending.length > 0) {
    const node = pending.pop();
    if (typeof node !== 'object' || node === null) continue;
    const holder = (node as { RangeSubselect?: { subquery?: Node } }).RangeSubselect;
    const inner = holder?.subquery;
    const select = inner !== undefined && 'SelectStmt' in inner ? inner.SelectStmt : undefined;
    const [item] = select?.targetList ?? [];
    if (holder !== undefined && item !== undefined && 'ResTarget' in item) {
      const { val } = item.ResTarget;
      if (val !== undefined && 'ParamRef' in val && val.ParamRef.number === placeholder) {
        holder.subquery = query;
        return around;
      }
    }
    pending.push(...(Object.values(node) as unknown[]));
  }
  throw new Error('the snippet has no place for the query');
}
