/**
 * Stars over derived tables that give more than the relation's own columns: the star is written out, so that it keeps
 * meaning what the client sees.
 */
import type { ColumnRef, Node, ResTarget, SelectStmt } from '@pgsql/types';
import type { QueryLevel, RelationUse, ResolvedStatement } from '../resolve/types.js';
import { toByteString } from '../sql/byte-string.js';
import { identifier } from '../policy/sql-text.js';
import type { Edit } from './edits.js';
import type { IntendedTree } from './intended-tree.js';
import { rangeName, type RenamedUses } from './range-names.js';

export interface StarRewrite {
  readonly edits: readonly Edit[];
  readonly intend: (tree: IntendedTree) => void;
  readonly stars: readonly ColumnRef[];
}

/** Writes out each star that reaches one of these uses; undefined where one cannot be. */
export function expandStars(
  resolved: ResolvedStatement,
  wide: ReadonlySet<number>,
  renamed: RenamedUses,
): StarRewrite | undefined {
  const nameOf = (use: RelationUse): string => rangeName(use, renamed);
  const edits: Edit[] = [];
  const stars: ColumnRef[] = [];
  const intents: ((tree: IntendedTree) => void)[] = [];
  for (const [ref, binding] of resolved.columns) {
    if (binding.kind !== 'star' || !binding.uses.some((use) => wide.has(use.id))) continue;
    const place = placeOf(resolved, ref);
    const span = resolved.columnSpans.get(ref);
    if (place === undefined || span === undefined) return undefined;
    const { level, select, target } = place;
    const bare = ref.fields?.length === 1;
    // Behind the alias of a join stand several relations.
    if (!bare && binding.uses.length !== 1) return undefined;
    const items = bare ? fromItems(level, select, wide, nameOf) : columnItems(binding.uses[0]!, wide, nameOf);
    if (items === undefined) return undefined;
    stars.push(ref);
    edits.push({ ...span, pieces: [toByteString(items.map(itemText).join(', '))] });
    intents.push((tree) => {
      const list = tree.of(select.targetList!);
      const copy = tree.of(target);
      const index = list.findIndex((node) => 'ResTarget' in node && node.ResTarget === copy);
      list.splice(index, 1, ...items.map(itemNode));
    });
  }
  return { edits, stars, intend: (tree) => intents.forEach((intend) => intend(tree)) };
}

/** `table.column`, or `table.*` without a column. */
interface Item {
  readonly table: string;
  readonly column: string | undefined;
}

function itemText({ table, column }: Item): string {
  return `${identifier(table)}.${column === undefined ? '*' : identifier(column)}`;
}

function itemNode({ table, column }: Item): Node {
  const last: Node = column === undefined ? { A_Star: {} } : { String: { sval: column } };
  return { ResTarget: { val: { ColumnRef: { fields: [{ String: { sval: table } }, last] } } } };
}

function placeOf(
  resolved: ResolvedStatement,
  star: ColumnRef,
): { readonly level: QueryLevel; readonly select: SelectStmt; readonly target: ResTarget } | undefined {
  for (const level of resolved.levels) {
    for (const node of level.select?.targetList ?? []) {
      const target = 'ResTarget' in node ? node.ResTarget : undefined;
      if (target?.val !== undefined && 'ColumnRef' in target.val && target.val.ColumnRef === star) {
        return { level, select: level.select!, target };
      }
    }
  }
  return undefined;
}

function columnItems(
  use: RelationUse,
  wide: ReadonlySet<number>,
  nameOf: (use: RelationUse) => string,
): readonly Item[] {
  const table = nameOf(use);
  if (!wide.has(use.id)) return [{ table, column: undefined }];
  return use.relation.columns.map(({ name }) => ({ table, column: name }));
}

/** What a bare star stands for: every FROM item in order. Not told where a join merges columns or renames them. */
function fromItems(
  level: QueryLevel,
  select: SelectStmt,
  wide: ReadonlySet<number>,
  nameOf: (use: RelationUse) => string,
): readonly Item[] | undefined {
  const items: Item[] = [];
  const names = new Set<string>();
  const pending = (select.fromClause ?? []).toReversed();
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    if ('JoinExpr' in node) {
      const { larg, rarg, isNatural, usingClause, alias } = node.JoinExpr;
      if (isNatural === true || usingClause !== undefined || alias !== undefined) return undefined;
      if (larg === undefined || rarg === undefined) return undefined;
      pending.push(rarg, larg);
      continue;
    }
    if ('RangeTableSample' in node && node.RangeTableSample.relation !== undefined) {
      pending.push(node.RangeTableSample.relation);
      continue;
    }
    const use = 'RangeVar' in node ? level.uses.find((each) => each.node === node.RangeVar) : undefined;
    const name = use === undefined ? aliasOf(node) : nameOf(use);
    if (name === undefined || names.has(name)) return undefined;
    names.add(name);
    items.push(
      ...(use === undefined ? [{ table: name, column: undefined }] : columnItems(use, wide, nameOf)),
    );
  }
  return items;
}

function aliasOf(node: Node): string | undefined {
  if ('RangeVar' in node) return node.RangeVar.alias?.aliasname ?? node.RangeVar.relname;
  if ('RangeSubselect' in node) return node.RangeSubselect.alias?.aliasname;
  if ('RangeFunction' in node) return node.RangeFunction.alias?.aliasname;
  return undefined;
}
