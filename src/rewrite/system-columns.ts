/**
 * System columns that a statement names, exported from the derived table under their own names. That widens `*`, which is
 * therefore written out where it meets them. Whether they may be seen is decided elsewhere (enforce/system-columns.ts).
 */
import type { ColumnRef, JoinExpr, Node, ResTarget } from '@pgsql/types';
import type { RelationUse, ResolvedStatement } from '../resolve/types.js';
import { toByteString } from '../sql/byte-string.js';
import { walk } from '../sql/walk.js';
import { identifier } from '../policy/sql-text.js';
import type { Edit } from './edits.js';
import type { IntendedTree } from './intended-tree.js';
import { rangeName, type RenamedUses } from './range-names.js';

export type SystemColumnsOutcome =
  | { readonly ok: false; readonly reason: string; readonly hint: string }
  | {
      readonly ok: true;
      /** Names by use id. */
      readonly exported: ReadonlyMap<number, readonly string[]>;
      /** Stars that are replaced. */
      readonly replaced: readonly ColumnRef[];
      readonly edits: readonly Edit[];
      readonly intend: (tree: IntendedTree) => void;
    };

const hint = 'select the primary key instead, or name the columns that you need';

export function exportSystemColumns(
  resolved: ResolvedStatement,
  guarded: ReadonlySet<number>,
  renamed: RenamedUses,
): SystemColumnsOutcome {
  const exported = new Map<number, readonly string[]>();
  for (const binding of resolved.columns.values()) {
    if (binding.kind !== 'system' || !guarded.has(binding.use.id)) continue;
    const names = exported.get(binding.use.id) ?? [];
    if (!names.includes(binding.name)) exported.set(binding.use.id, [...names, binding.name]);
  }
  const edits: Edit[] = [];
  const intents: ((tree: IntendedTree) => void)[] = [];
  const replaced: ColumnRef[] = [];
  const done = {
    ok: true as const,
    exported,
    replaced,
    edits,
    intend: (tree: IntendedTree) => intents.forEach((each) => each(tree)),
  };
  if (exported.size === 0) return done;
  const stars = listedStars(resolved);
  // NATURAL would join by the exported columns too, and a record would have one field more.
  if (stars === undefined)
    return { ok: false, reason: 'a system column of a protected table beside NATURAL JOIN', hint };
  for (const [ref, binding] of resolved.columns) {
    if (binding.kind === 'row' && exported.has(binding.use.id)) {
      return { ok: false, reason: 'a system column of a protected table beside its whole row', hint };
    }
    if (binding.kind !== 'star' || !binding.uses.some((use) => exported.has(use.id))) continue;
    const item = stars.get(ref);
    const span = resolved.columnSpans.get(ref);
    if (item === undefined || span === undefined || !(isNamed(ref) || item.isPlain)) {
      return { ok: false, reason: 'a system column of a protected table beside * over this FROM', hint };
    }
    const columns = binding.uses.flatMap((use): readonly (readonly [string, string | undefined])[] =>
      exported.has(use.id) ? columnsOf(use, renamed) : [[rangeName(use, renamed), undefined]],
    );
    const text = columns.map(
      ([table, column]) => `${identifier(table)}.${column === undefined ? '*' : identifier(column)}`,
    );
    edits.push({ ...span, pieces: [toByteString(text.join(', '))] });
    replaced.push(ref);
    intents.push((tree) => {
      const list = tree.of(item.list);
      const at = list.findIndex((node) => 'ResTarget' in node && node.ResTarget === tree.of(item.target));
      list.splice(at, 1, ...columns.map(([table, column]) => target(table, column)));
    });
  }
  return done;
}

function target(table: string, column: string | undefined): Node {
  const last: Node = column === undefined ? { A_Star: {} } : { String: { sval: column } };
  return { ResTarget: { val: { ColumnRef: { fields: [{ String: { sval: table } }, last] } } } };
}

function columnsOf(use: RelationUse, renamed: RenamedUses): (readonly [string, string])[] {
  const aliases = use.node.alias?.colnames ?? [];
  return use.relation.columns.map((column, index) => {
    const alias = aliases[index];
    const name = alias !== undefined && 'String' in alias ? (alias.String.sval ?? column.name) : column.name;
    return [rangeName(use, renamed), name];
  });
}

function isNamed(ref: ColumnRef): boolean {
  return (ref.fields?.length ?? 0) > 1;
}

interface ListedStar {
  readonly list: Node[];
  readonly target: ResTarget;
  /** FROM has tables side by side or joined by ON, so that `*` is the columns of each in turn. */
  readonly isPlain: boolean;
}

/** Stars that stand as items of a target list; undefined where there is a NATURAL JOIN. */
function listedStars({
  levels,
  statement,
}: ResolvedStatement): ReadonlyMap<ColumnRef, ListedStar> | undefined {
  const natural: JoinExpr[] = [];
  walk(statement.node, {
    enter({ kind, body }) {
      if (kind === 'JoinExpr' && (body as JoinExpr).isNatural === true) natural.push(body);
      return undefined;
    },
  });
  if (natural.length > 0) return undefined;
  const stars = new Map<ColumnRef, ListedStar>();
  for (const { select } of levels) {
    const isPlain = (select?.fromClause ?? []).every(isPlainItem);
    const list = select?.targetList ?? [];
    for (const node of list) {
      if (!('ResTarget' in node) || node.ResTarget.val === undefined) continue;
      const { val } = node.ResTarget;
      if ('ColumnRef' in val) stars.set(val.ColumnRef, { list, target: node.ResTarget, isPlain });
    }
  }
  return stars;
}

function isPlainItem(root: Node): boolean {
  const pending: Node[] = [root];
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    if ('RangeVar' in node) continue;
    if (!('JoinExpr' in node) || node.JoinExpr.usingClause !== undefined || node.JoinExpr.alias !== undefined)
      return false;
    for (const side of [node.JoinExpr.larg, node.JoinExpr.rarg]) if (side !== undefined) pending.push(side);
  }
  return true;
}
