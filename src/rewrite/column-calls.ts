/**
 * Functional notation: `email(c)` with c a whole row reads the column (ParseFuncOrColumn, parse_func.c), unless a function
 * of that name fits. A derived table's row is an anonymous record that has no such notation, so it is written `c.email`.
 */
import type { ColumnRef, FuncCall, RangeFunction } from '@pgsql/types';
import type { Catalog } from '../catalog/types.js';
import type { FunctionUse, RelationUse, ResolvedStatement } from '../resolve/types.js';
import { toByteString } from '../sql/byte-string.js';
import { walk } from '../sql/walk.js';
import { identifier } from '../policy/sql-text.js';
import type { Edit, Piece } from './edits.js';
import type { IntendedTree } from './intended-tree.js';
import { rangeName, type RenamedUses } from './range-names.js';

/** A call that reads a column, with the reference to the row in its brackets. */
export interface ColumnCall {
  readonly call: FunctionUse;
  readonly row: ColumnRef;
  readonly use: RelationUse;
}

/**
 * The calls that can only be columns: no function of the name exists, built in or not. By their node, which is what the
 * check of functions leaves out.
 */
export function columnCalls(
  resolved: ResolvedStatement,
  catalog: Catalog,
): ReadonlyMap<FuncCall, ColumnCall> {
  const found = new Map<FuncCall, ColumnCall>();
  for (const call of resolved.functions) {
    const name = call.name[0] ?? '';
    const argument = call.node.args?.[0];
    if (call.functionalColumn === undefined || call.name.length !== 1) continue;
    if (catalog.hasBuiltinFunction(name) || catalog.userFunctions(name).length > 0) continue;
    if (argument === undefined || !('ColumnRef' in argument) || !isBare(call, resolved, argument.ColumnRef))
      continue;
    const binding = resolved.columns.get(argument.ColumnRef);
    if (binding?.kind !== 'row' || binding.uncertain === true) continue;
    found.set(call.node, { call, row: argument.ColumnRef, use: binding.use });
  }
  if (found.size === 0) return found;
  // In FROM only a call can stand.
  walk(resolved.statement.node, {
    enter({ kind, body }) {
      if (kind !== 'RangeFunction') return undefined;
      for (const item of (body as RangeFunction).functions ?? []) {
        for (const node of 'List' in item ? (item.List.items ?? []) : []) {
          if ('FuncCall' in node) found.delete(node.FuncCall);
        }
      }
      return undefined;
    },
  });
  return found;
}

/** `name(row)` and nothing more: no ALL, VARIADIC, FILTER or further brackets. */
function isBare(call: FunctionUse, { statement, columnSpans }: ResolvedStatement, row: ColumnRef): boolean {
  const { agg_filter, agg_order, agg_star, agg_distinct, agg_within_group, func_variadic, over } = call.node;
  const more = [agg_filter, agg_order, agg_star, agg_distinct, agg_within_group, func_variadic, over];
  if (more.some((each) => each !== undefined)) return false;
  const { tokens, text } = statement.lexed;
  const span = columnSpans.get(row);
  if (call.nameSpan === undefined || span === undefined) return false;
  return (
    text[tokens.start(call.nameSpan.end)] === '(' &&
    span.first === call.nameSpan.end + 1 &&
    text[tokens.start(span.end)] === ')'
  );
}

/** Writes each such call as a column. */
export function rewriteColumnCalls(
  resolved: ResolvedStatement,
  calls: ReadonlyMap<FuncCall, ColumnCall>,
  guarded: ReadonlySet<number>,
  renamed: RenamedUses,
): { readonly edits: readonly Edit[]; readonly intend: (tree: IntendedTree) => void } {
  const edits: Edit[] = [];
  const intents: ((tree: IntendedTree) => void)[] = [];
  for (const [node, { call, row, use }] of calls) {
    const name = call.name[0]!;
    const span = resolved.columnSpans.get(row)!;
    const named = (row.fields ?? []).filter((field) => !('A_Star' in field));
    const ours = guarded.has(use.id);
    const table: Piece = ours
      ? toByteString(identifier(rangeName(use, renamed)))
      : { first: span.first, end: span.first + 2 * named.length - 1 };
    const fields = ours ? [{ String: { sval: rangeName(use, renamed) } }] : named;
    edits.push({
      first: call.nameSpan!.first,
      end: span.end + 1,
      pieces: [table, toByteString(`.${identifier(name)}`)],
    });
    intents.push((tree) =>
      tree.replace(node, { ColumnRef: { fields: [...fields, { String: { sval: name } }] } }),
    );
  }
  return { edits, intend: (tree) => intents.forEach((intend) => intend(tree)) };
}
