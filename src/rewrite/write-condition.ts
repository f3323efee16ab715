/** The row guard of a write: it joins the client's WHERE, or stands alone. */
import { toByteString } from '../sql/byte-string.js';
import type { ByteString } from '../sql/types.js';
import { type Piece, pieceText } from './edits.js';
import { hoistedConjuncts } from './hoist.js';
import { filled, placeholder, Unsupported, type WriteContext } from './write-context.js';

/** The row guard, and copies of the client's own conditions that keep indexes useful. */
export function rewriteCondition(write: WriteContext): void {
  const { statement, resolved, use, decision, parseSelect } = write.input;
  if (statement.kind === 'insert' && statement.node.onConflictClause?.action !== 'ONCONFLICT_UPDATE') return;
  const guard = write.guard();
  if (guard === '') return;
  const clause = statement.kind === 'insert' ? statement.node.onConflictClause! : statement.node;
  if (clause.whereClause !== undefined && 'CurrentOfExpr' in clause.whereClause) {
    throw new Unsupported('WHERE CURRENT OF on a table whose rows are filtered', 'use the primary key');
  }
  const hoisted =
    statement.kind === 'insert' ? [] : hoistedConjuncts({ resolved, use, decision, alias: write.alias });
  const pieces: Piece[] = [
    toByteString(guard),
    ...hoisted.flatMap((each) => [toByteString(' AND '), ...each]),
  ];
  const text = pieces.map((piece) => pieceText(resolved.statement.lexed, piece)).join('');
  const { where, whereGoesBefore } = write.clauses;
  const original = clause.whereClause;
  if ((original === undefined) !== (where === undefined)) {
    throw new Unsupported('this form of WHERE', 'write the conditions in one WHERE');
  }
  if (where === undefined || original === undefined) {
    write.insert(whereGoesBefore, [toByteString(' WHERE '), ...pieces, toByteString(' ')]);
    const parsed = parseSelect(`SELECT 1 WHERE ${text}` as ByteString)?.where;
    if (parsed === undefined) throw new Unsupported('this guard', 'report this as a bug');
    write.intents.push((tree) => {
      tree.of(clause).whereClause = parsed;
    });
    return;
  }
  write.insert(where.first, [toByteString('('), ...pieces, toByteString(') AND (')]);
  write.insert(where.end, [toByteString(') ')]);
  const parsed = parseSelect(`SELECT 1 WHERE (${text}) AND ($${placeholder})` as ByteString)?.where;
  if (parsed === undefined) throw new Unsupported('this guard', 'report this as a bug');
  write.intents.push((tree) => {
    const copy = tree.of(clause);
    copy.whereClause = filled(parsed, copy.whereClause!);
  });
}
