/**
 * The tokens of a statement as the audit shows them: each literal is a `?`, each word is also kept as the server folds it.
 * It knows one token and its neighbours, no statements.
 */
import { byteStringToText } from './byte-string.js';
import { isReservedWord } from './keywords.js';
import type { ByteString, LexedText, TokenKind, TokenList } from './types.js';

export interface Piece {
  /** White space or a comment stands before it. */
  gap: boolean;
  /** For people. */
  shown: string;
  /** For the shape: equal where the server reads the same. */
  folded: string;
  kind: 'value' | 'word' | 'quoted' | 'other';
}

const literals: ReadonlySet<TokenKind> = new Set<TokenKind>([
  'string',
  'bit-string',
  'integer',
  'big-integer',
  'decimal',
]);
const numbers: ReadonlySet<TokenKind> = new Set<TokenKind>(['integer', 'big-integer', 'decimal']);

/** Reserved words behind which a sign is an operator, because they end an expression. */
const endsExpression = /^(?:end|null|true|false|default|user|(?:current|session|system)_\w+|localtime\w*)$/;
/** Words that are not reserved, and behind which an expression begins. */
const beginsExpression = /^(?:by|between|values|return|move|forward|backward|absolute|relative|escape)$/;

/** Letters, digits, underscores and dollar signs, of any script: what a name is made of and a value often is not. */
const plainName = /^"[\p{L}\p{M}\p{N}_$]+"$/u;
const unquotable = /^"[a-z_][a-z0-9_$]*"$/;

export function piecesOf(lexed: LexedText, from: number, to: number): Piece[] {
  const { text, tokens } = lexed;
  const pieces: Piece[] = [];
  let signGap: boolean | undefined;
  for (let index = from; index < to; index += 1) {
    const kind = tokens.kind(index);
    const start = tokens.start(index);
    const word = text.slice(start, tokens.end(index));
    const gap = index > 0 && start > tokens.end(index - 1);
    const before = pieces.at(-1);
    if (isSign(word) && isNumber(tokens, index + 1) && beginsOperand(before)) {
      // The sign is part of the value.
      signGap = gap;
      continue;
    }
    pieces.push(pieceOf(word as ByteString, kind, signGap ?? gap, pieces));
    signGap = undefined;
  }
  return pieces;
}

function isSign(word: string): boolean {
  return word === '-' || word === '+';
}

function isNumber(tokens: TokenList, index: number): boolean {
  return index < tokens.length && numbers.has(tokens.kind(index));
}

function beginsOperand(before: Piece | undefined): boolean {
  if (before === undefined) return true;
  if (before.kind === 'other') return before.folded !== ')' && before.folded !== ']';
  if (before.kind !== 'word') return false;
  const { folded } = before;
  return beginsExpression.test(folded) || (isReservedWord(folded) && !endsExpression.test(folded));
}

function pieceOf(word: ByteString, kind: TokenKind, gap: boolean, before: readonly Piece[]): Piece {
  if (literals.has(kind)) return { gap, shown: '?', folded: '?', kind: 'value' };
  // An application that sends values as parameters and one that writes them out run the same statement.
  if (kind === 'parameter') return { gap, shown: word, folded: '?', kind: 'value' };
  if (kind === 'identifier') {
    const folded = word.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
    if (isTruthValue(folded, before)) return { gap, shown: '?', folded: '?', kind: 'value' };
    return { gap, shown: byteStringToText(word), folded, kind: 'word' };
  }
  if (kind === 'quoted-identifier') {
    const shown = byteStringToText(word);
    if (!plainName.test(shown)) return { gap, shown: '"?"', folded: '"?"', kind: 'quoted' };
    const bare = unquotable.test(word) && !isReservedWord(word.slice(1, -1));
    return { gap, shown, folded: bare ? word.slice(1, -1) : word, kind: 'quoted' };
  }
  return { gap, shown: word, folded: word, kind: 'other' };
}

/** TRUE and FALSE are literals, save where grammar wants the word: IS [NOT] TRUE, a column of that name, an alias. */
function isTruthValue(folded: string, before: readonly Piece[]): boolean {
  if (folded !== 'true' && folded !== 'false') return false;
  const last = before.at(-1)?.folded;
  if (last === 'is' || last === 'as' || last === '.') return false;
  return last !== 'not' || before.at(-2)?.folded !== 'is';
}
