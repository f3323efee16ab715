/** The rows that an INSERT, or an action of MERGE, spells out: each value's node with its place in the text. */
import type { FuncCall, InsertStmt, MergeWhenClause, Node } from '@pgsql/types';
import type { TokenSpan } from '../resolve/types.js';
import type { LexedText } from '../sql/types.js';
import { walk } from '../sql/walk.js';
import { splitItems, wordAt } from './clauses.js';
import type { IntendedTree } from './intended-tree.js';
import { mergeActions, type WriteContext } from './write-context.js';

/** One value of one row. */
export interface RowValue {
  readonly node: Node;
  readonly span: TokenSpan;
  readonly set: (tree: IntendedTree, node: Node) => void;
  readonly get: (tree: IntendedTree) => Node;
}

export interface InsertedRows {
  /** The columns as the statement names them; undefined for all of the table in their order. */
  readonly targets: readonly { readonly name: string; readonly part: boolean }[] | undefined;
  /** Undefined when the values come from a query that reads tables, and so masks. */
  readonly rows: readonly (readonly RowValue[])[] | undefined;
}

/** Undefined as a whole when the text has another form than the tree. */
export function insertedRows(write: WriteContext): readonly (InsertedRows | undefined)[] {
  const { statement, use, resolved } = write.input;
  const { lexed, endToken } = resolved.statement;
  if (statement.kind === 'insert') {
    if (statement.node.selectStmt === undefined) return [];
    return [ofInsert(statement.node, lexed, use.fullSpan.end, endToken)];
  }
  if (statement.kind !== 'merge') return [];
  return mergeActions(statement.node).flatMap((action, index) => {
    if (action.commandType !== 'CMD_INSERT' || action.values === undefined) return [];
    return [ofAction(action, lexed, write.merge?.actions[index]?.then ?? endToken, endToken)];
  });
}

function ofInsert(insert: InsertStmt, lexed: LexedText, from: number, end: number): InsertedRows | undefined {
  const targets = targetsOf(insert.cols);
  const source = insert.selectStmt;
  if (source === undefined || !('SelectStmt' in source)) return undefined;
  const select = source.SelectStmt;
  if (select.valuesLists !== undefined) {
    const lists = select.valuesLists.map((node) => ('List' in node ? node.List : undefined));
    const spans = valueLists(lexed, wordOutside(lexed, 'values', from, end), lists.length);
    if (spans === undefined) return undefined;
    const rows = lists.map((list, row) => {
      const items = splitItems(lexed, spans[row]!);
      const nodes = list?.items ?? [];
      if (list === undefined || items.length !== nodes.length) return undefined;
      return nodes.map((node, index) => ({ node, span: items[index]!, ...inList(list, index) }));
    });
    return rows.includes(undefined) ? undefined : { targets, rows: rows as RowValue[][] };
  }
  const computes =
    select.fromClause ??
    select.groupClause ??
    select.havingClause ??
    select.distinctClause ??
    select.windowClause ??
    (select.op === undefined || select.op === 'SETOP_NONE' ? undefined : select);
  if (computes !== undefined || makesRows(select.targetList ?? [])) return { targets, rows: undefined };
  return { targets, rows: selectedRow(select.targetList ?? [], lexed, from, end) };
}

/** `SELECT unnest($1), unnest($2)` without FROM is as many rows as the lists have, and no scalar subquery can look at them. */
function makesRows(items: readonly Node[]): boolean {
  let found = false;
  for (const item of items) {
    walk(item, {
      enter({ kind, body }) {
        if (kind === 'SubLink') return 'skip';
        const name = kind === 'FuncCall' ? (body as FuncCall).funcname?.at(-1) : undefined;
        if (name !== undefined && 'String' in name) found ||= rowMakers.test(name.String.sval ?? '');
        return undefined;
      },
    });
  }
  return found;
}

/** pg_proc.proretset of the functions that are open (enforce/data/builtin-functions.ts). */
const rowMakers =
  /^(?:unnest|generate_series|generate_subscripts|jsonb?_(?:array_elements(?:_text)?|each(?:_text)?|object_keys|path_query(?:_tz)?|populate_recordset|to_recordset)|regexp_matches|regexp_split_to_table|string_to_table|each|skeys|svals)$/;

/** `SELECT a, b` without FROM is a row as well; undefined where its items are not as plain as that. */
function selectedRow(
  items: readonly Node[],
  lexed: LexedText,
  from: number,
  end: number,
): readonly (readonly RowValue[])[] | undefined {
  const select = wordOutside(lexed, 'select', from, end);
  if (select === undefined) return undefined;
  let stop = select + 1;
  let depth = 0;
  for (; stop < end; stop += 1) {
    const word = wordAt(lexed, stop);
    if (word === '(' || word === '[') depth += 1;
    if (word === ')' || word === ']') depth -= 1;
    const isNamed = wordAt(lexed, stop - 1) === 'as';
    if (depth < 0 || (depth === 0 && !isNamed && behindList.has(word))) break;
  }
  const spans = splitItems(lexed, { first: select + 1, end: stop });
  if (spans.length !== items.length) return undefined;
  const row: RowValue[] = [];
  for (const [index, item] of items.entries()) {
    if (!('ResTarget' in item) || item.ResTarget.val === undefined) return undefined;
    const target = item.ResTarget;
    const span = spans[index]!;
    const isNamed = target.name !== undefined;
    const asToken = isNamed && wordAt(lexed, span.end - 2) === 'as' ? 2 : 1;
    row.push({
      node: item.ResTarget.val,
      span: isNamed ? { first: span.first, end: span.end - asToken } : span,
      get: (tree) => tree.of(target).val!,
      set: (tree, node) => {
        tree.of(target).val = node;
      },
    });
  }
  return [row];
}

const behindList = new Set(['where', 'order', 'limit', 'offset', 'fetch', 'for', 'on', 'returning']);

function ofAction(
  action: MergeWhenClause,
  lexed: LexedText,
  from: number,
  end: number,
): InsertedRows | undefined {
  const targets = targetsOf(action.targetList);
  const spans = valueLists(lexed, wordOutside(lexed, 'values', from, end), 1);
  const nodes = action.values ?? [];
  const items = spans === undefined ? [] : splitItems(lexed, spans[0]!);
  if (items.length !== nodes.length) return undefined;
  const row = nodes.map((node, index): RowValue => ({
    node,
    span: items[index]!,
    get: (tree) => tree.of(action).values![index]!,
    set: (tree, changed) => {
      tree.of(action).values![index] = changed;
    },
  }));
  return { targets, rows: [row] };
}

function targetsOf(nodes: readonly Node[] | undefined): InsertedRows['targets'] {
  return nodes?.flatMap((node) =>
    'ResTarget' in node
      ? [{ name: node.ResTarget.name ?? '', part: node.ResTarget.indirection !== undefined }]
      : [],
  );
}

function inList(list: { items?: Node[] }, index: number): Pick<RowValue, 'get' | 'set'> {
  return {
    get: (tree) => tree.of(list).items![index]!,
    set: (tree, node) => {
      tree.of(list).items![index] = node;
    },
  };
}

/** The first token of that word outside every bracket. Behind AS a word is a name. */
function wordOutside(lexed: LexedText, wanted: string, from: number, end: number): number | undefined {
  let depth = 0;
  for (let at = from; at < end; at += 1) {
    const word = wordAt(lexed, at);
    if (word === '(' || word === '[') depth += 1;
    if (word === ')' || word === ']') depth -= 1;
    if (depth < 0) return undefined;
    if (depth === 0 && word === wanted && wordAt(lexed, at - 1) !== 'as') return at;
  }
  return undefined;
}

/** What stands inside each bracket of `VALUES (…), (…)`. */
function valueLists(
  lexed: LexedText,
  values: number | undefined,
  count: number,
): readonly TokenSpan[] | undefined {
  if (values === undefined) return undefined;
  const spans: TokenSpan[] = [];
  let at = values + 1;
  while (spans.length < count) {
    if (wordAt(lexed, at) !== '(') return undefined;
    const first = at + 1;
    let depth = 0;
    do {
      const word = wordAt(lexed, at);
      if (word === '(' || word === '[') depth += 1;
      if (word === ')' || word === ']') depth -= 1;
      at += 1;
    } while (depth > 0 && at < lexed.tokens.length);
    spans.push({ first, end: at - 1 });
    if (wordAt(lexed, at) === ',') at += 1;
  }
  return spans;
}
