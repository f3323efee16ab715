/** The row guard of a write: it joins each condition that lets a row of the target through, or stands alone. */
import type { Node } from '@pgsql/types';
import type { TokenSpan } from '../resolve/types.js';
import { toByteString } from '../sql/byte-string.js';
import type { ByteString } from '../sql/types.js';
import { type Piece, pieceText } from './edits.js';
import { hoistedConjuncts } from './hoist.js';
import type { IntendedTree } from './intended-tree.js';
import { filled, mergeActions, placeholder, Unsupported, type WriteContext } from './write-context.js';

/** A condition of the client's, or the place where one could stand. */
interface ConditionPlace {
  readonly original: Node | undefined;
  readonly span: TokenSpan | undefined;
  readonly goesBefore: number;
  /** What introduces the condition where there is none. */
  readonly keyword: 'WHERE' | 'AND';
  readonly set: (tree: IntendedTree, change: (original: Node | undefined) => Node) => void;
}

/** The row guard, and copies of the client's own conditions that keep indexes useful. */
export function rewriteCondition(write: WriteContext): void {
  const { statement, resolved, use, decision } = write.input;
  if (statement.kind === 'insert' && statement.node.onConflictClause?.action !== 'ONCONFLICT_UPDATE') return;
  const guard = write.guard();
  if (guard === '') return;
  if (statement.kind === 'merge') {
    for (const place of mergePlaces(write)) addGuard(write, place, [toByteString(guard)]);
    return;
  }
  const clause = statement.kind === 'insert' ? statement.node.onConflictClause! : statement.node;
  // WHERE CURRENT OF takes no other condition (gram.y, where_or_current_clause). The row that a cursor of this session
  // stands on passed the guard when it was fetched, and a change of role or purpose leaves no cursor behind (SPEC 3).
  if (clause.whereClause !== undefined && 'CurrentOfExpr' in clause.whereClause) return;
  const hoisted =
    statement.kind === 'insert'
      ? []
      : hoistedConjuncts({ resolved, use, decision, alias: write.alias, stored: write.input.stored });
  const { where, whereGoesBefore } = write.clauses;
  const place: ConditionPlace = {
    original: clause.whereClause,
    span: where,
    goesBefore: whereGoesBefore,
    keyword: 'WHERE',
    set: (tree, change) => {
      const copy = tree.of(clause);
      copy.whereClause = change(copy.whereClause);
    },
  };
  addGuard(write, place, [
    toByteString(guard),
    ...hoisted.flatMap((each) => [toByteString(' AND '), ...each]),
  ]);
}

/**
 * MERGE joins the target: with the guard in ON a withheld row matches nothing, as if it were not there. NOT MATCHED BY
 * SOURCE is where rows without a match are touched, so the guard stands there once more.
 */
function mergePlaces(write: WriteContext): readonly ConditionPlace[] {
  const { merge, input } = write;
  if (input.statement.kind !== 'merge' || merge === undefined) return [];
  const { node } = input.statement;
  const places: ConditionPlace[] = [
    {
      original: node.joinCondition,
      span: merge.on,
      goesBefore: merge.on.end,
      keyword: 'AND',
      set: (tree, change) => {
        const copy = tree.of(node);
        copy.joinCondition = change(copy.joinCondition);
      },
    },
  ];
  mergeActions(node).forEach((action, index) => {
    if (action.matchKind !== 'MERGE_WHEN_NOT_MATCHED_BY_SOURCE') return;
    const { condition, then } = merge.actions[index]!;
    places.push({
      original: action.condition,
      span: condition,
      goesBefore: then,
      keyword: 'AND',
      set: (tree, change) => {
        const copy = tree.of(action);
        copy.condition = change(copy.condition);
      },
    });
  });
  return places;
}

function addGuard(write: WriteContext, place: ConditionPlace, pieces: readonly Piece[]): void {
  const { resolved, parseSelect } = write.input;
  const text = pieces.map((piece) => pieceText(resolved.statement.lexed, piece)).join('');
  const { original, span, goesBefore, keyword, set } = place;
  if ((original === undefined) !== (span === undefined)) {
    throw new Unsupported(`this form of ${keyword}`, 'write the conditions in one WHERE');
  }
  const parse = (condition: string): Node => {
    const parsed = parseSelect(`SELECT 1 WHERE ${condition}` as ByteString)?.where;
    if (parsed === undefined) throw new Unsupported('this guard', 'report this as a bug');
    return parsed;
  };
  if (span === undefined || original === undefined) {
    write.insert(goesBefore, [toByteString(` ${keyword} (`), ...pieces, toByteString(') ')]);
    const parsed = parse(`(${text})`);
    write.intents.push((tree) => set(tree, () => parsed));
    return;
  }
  write.insert(span.first, [toByteString('('), ...pieces, toByteString(') AND (')]);
  write.insert(span.end, [toByteString(') ')]);
  const parsed = parse(`(${text}) AND ($${placeholder})`);
  write.intents.push((tree) => set(tree, (condition) => filled(parsed, condition!)));
}
