/**
 * Where a comparison's parts stand in the text, and how it is written so that no search_path chooses its operator or the
 * types of its casts (DESIGN 4: a user's `=` in an earlier schema would be handed the real value).
 */
import type { Node, TypeCast } from '@pgsql/types';
import type { ResolvedStatement, TokenSpan } from '../resolve/types.js';
import { toByteString } from '../sql/byte-string.js';
import type { LexedText } from '../sql/types.js';
import { closing, constantSpan, word } from './constants.js';
import type { Edit, Piece } from './edits.js';
import type { IntendedTree } from './intended-tree.js';
import type { RealEquality } from './real-equality.js';

const schemaNode: Node = { String: { sval: 'pg_catalog' } };

/** Edits that qualify operator and casts; undefined where their tokens cannot be found. */
export function qualifyingEdits(
  resolved: ResolvedStatement,
  found: RealEquality,
): readonly Edit[] | undefined {
  const { tokens } = resolved.statement.lexed;
  const edits: Edit[] = [];
  for (const type of found.unqualified) {
    const at = tokens.at(type.location ?? 0);
    if (at < 0) return undefined;
    edits.push({ first: at, end: at, pieces: [toByteString('pg_catalog.')] });
  }
  const spelled = qualifiedOperator(found);
  if (spelled === undefined) return edits;
  const at = tokens.at(found.expression.location ?? 0);
  if (at < 0 || tokens.kind(at) !== 'operator') return undefined;
  edits.push({ first: at, end: at + 1, pieces: [toByteString(spelled)] });
  return edits.sort((a, b) => a.first - b.first);
}

/** The same in the tree. */
export function qualifyInTree(tree: IntendedTree, found: RealEquality): void {
  for (const type of found.unqualified) tree.of(type).names!.unshift(schemaNode);
  if (qualifiedOperator(found) !== undefined) tree.of(found.expression).name!.unshift(schemaNode);
}

/** IN and IS DISTINCT FROM have no place for a schema; enforce/real-equality.ts looks at what their `=` could be. */
function qualifiedOperator({ expression, type }: RealEquality): string | undefined {
  const { kind, name } = expression;
  const hasPlace = kind === 'AEXPR_OP' || kind === 'AEXPR_OP_ANY' || kind === 'AEXPR_OP_ALL';
  const only = name?.length === 1 ? name[0] : undefined;
  if (!type.builtIn || !hasPlace || only === undefined || !('String' in only)) return undefined;
  return `OPERATOR(pg_catalog.${only.String.sval ?? ''})`;
}

/** All tokens of the comparison; undefined where brackets around a part or a typed literal hide its ends. */
export function comparisonSpan(resolved: ResolvedStatement, found: RealEquality): TokenSpan | undefined {
  const { lexed } = resolved.statement;
  const column = resolved.columnSpans.get(found.ref);
  const operator = lexed.tokens.at(found.expression.location ?? 0);
  if (column === undefined || operator < 0) return undefined;
  const behind = behindOperator(lexed, operator);
  if (behind === undefined) return undefined;
  if (found.columnFirst) {
    if (column.end !== operator) return undefined;
    const end = comparedEnd(lexed, behind, found);
    return end === undefined ? undefined : { first: column.first, end };
  }
  const first = firstToken(lexed, found.expression.lexpr);
  if (first === undefined || behind !== column.first) return undefined;
  return constantSpan(lexed, first)?.end === operator ? { first, end: column.end } : undefined;
}

/** `=`, `OPERATOR(pg_catalog.=)`, `[NOT] IN`, `IS [NOT] DISTINCT FROM`. */
function behindOperator(lexed: LexedText, operator: number): number | undefined {
  switch (word(lexed, operator)) {
    case 'operator':
      return closing(lexed, operator + 1);
    case 'in':
      return operator + 1;
    case 'not':
      return operator + 2;
    case 'is':
      return word(lexed, operator + 1) === 'not' ? operator + 4 : operator + 3;
    default:
      return operator + 1;
  }
}

function comparedEnd(lexed: LexedText, behind: number, { expression }: RealEquality): number | undefined {
  switch (expression.kind) {
    case 'AEXPR_IN':
      return closing(lexed, behind);
    case 'AEXPR_OP_ANY':
    case 'AEXPR_OP_ALL':
      return closing(lexed, behind + 1);
    default:
      return constantSpan(lexed, behind)?.end;
  }
}

/** `a::t` is located at its `::`, `CAST(a AS t)` at its first token (gram.y, makeTypeCast). */
function firstToken(lexed: LexedText, constant: Node | undefined): number | undefined {
  let node = constant;
  while (node !== undefined && 'TypeCast' in node) {
    const cast: TypeCast = node.TypeCast;
    const at = lexed.tokens.at(cast.location ?? 0);
    if (word(lexed, at) !== '::') return word(lexed, at) === 'cast' ? at : undefined;
    node = cast.arg;
  }
  if (node === undefined) return undefined;
  const location =
    'A_Const' in node ? node.A_Const.location : 'ParamRef' in node ? node.ParamRef.location : undefined;
  const at = lexed.tokens.at(location ?? 0);
  return at < 0 ? undefined : at;
}

/** The comparison as pieces, with other text in the column's place. */
export function comparisonPieces(
  resolved: ResolvedStatement,
  found: RealEquality,
  span: TokenSpan,
  edits: readonly Edit[],
  columnText: string,
): readonly Piece[] {
  const column = resolved.columnSpans.get(found.ref)!;
  const changes = [...edits, { ...column, pieces: [toByteString(columnText)] }];
  const pieces: Piece[] = [toByteString('(')];
  let at = span.first;
  for (const edit of changes.sort((a, b) => a.first - b.first)) {
    if (edit.first > at) pieces.push({ first: at, end: edit.first }, toByteString(' '));
    pieces.push(...edit.pieces, toByteString(edit.end > edit.first ? ' ' : ''));
    at = edit.end;
  }
  if (span.end > at) pieces.push({ first: at, end: span.end });
  pieces.push(toByteString(')'));
  return pieces;
}
