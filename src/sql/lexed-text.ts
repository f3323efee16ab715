/**
 * Builds the lexer's result from what it collected: the blanked text and the shape. It scans nothing itself.
 */
import type { ByteString, LexedText, TokenKind, TokenList } from './types.js';

/** Start and end of each comment, in order. */
export type CommentSpans = readonly number[];

export function buildLexedText(
  text: ByteString,
  tokens: TokenList,
  comments: CommentSpans,
  trailing: number,
): LexedText {
  const blanked = comments.length === 0 ? text : blankComments(text, comments);
  return {
    text: blanked,
    tokens,
    shape: shapeOf(blanked, tokens),
    trailingComment:
      trailing === -1
        ? undefined
        : (text.slice(comments[trailing]! + 2, comments[trailing + 1]! - 2) as ByteString),
  };
}

/** Newlines stay: they decide whether the next string constant continues the one before. */
function blankComments(text: ByteString, comments: CommentSpans): ByteString {
  let blanked = '';
  let from = 0;
  for (let index = 0; index < comments.length; index += 2) {
    const start = comments[index]!;
    const end = comments[index + 1]!;
    blanked += text.slice(from, start) + text.slice(start, end).replace(/[^\n\r]/g, ' ');
    from = end;
  }
  return (blanked + text.slice(from)) as ByteString;
}

/**
 * INVARIANT(shape-is-tokens): a shape can be cut into its tokens in one way only, since markers begin with a quote or
 * a digit, which no other token does, and only quoted identifiers hold blanks, between their quotes.
 */
function shapeOf(text: string, tokens: TokenList): ByteString {
  let shape = '';
  for (let index = 0; index < tokens.length; index += 1) {
    const start = tokens.start(index);
    const marker = markers[tokens.kind(index)];
    if (index > 0) shape += ' ';
    if (marker === undefined) shape += text.slice(start, tokens.end(index));
    else shape += marker + subtype(text.charCodeAt(start));
  }
  return shape as ByteString;
}

const markers: Readonly<Partial<Record<TokenKind, string>>> = {
  string: "'",
  'bit-string': "'#",
  integer: '0',
  'big-integer': '00',
  decimal: '0.',
};

/** N'…' is a cast to bpchar, and X'…' and B'…' differ in length, so they do not share a shape with the others. */
function subtype(first: number): string {
  switch (first) {
    case 78: // N
    case 110:
      return 'n';
    case 66: // B
    case 98:
      return 'b';
    case 88: // X
    case 120:
      return 'x';
    default:
      return '';
  }
}
