/**
 * Edits of a client's text by token index, and their application.
 *
 * An edit names tokens, not bytes, so one list of edits fits every text of the same shape: that is what lets a plan be
 * cached while the literals change. Bytes outside the edits stay as the client wrote them.
 */
import type { TokenSpan } from '../resolve/types.js';
import type { ByteString, LexedText } from '../sql/types.js';

/** Generated text, or a copy of the client's own tokens. */
export type Piece = ByteString | TokenSpan;

/** Replaces tokens [first, end); with first === end it inserts in front of token `first`. */
export interface Edit {
  readonly first: number;
  readonly end: number;
  readonly pieces: readonly Piece[];
}

/** The text of one piece. */
export function pieceText(lexed: LexedText, piece: Piece): string {
  if (typeof piece === 'string') return piece;
  return lexed.text.slice(lexed.tokens.start(piece.first), lexed.tokens.end(piece.end - 1));
}

/** Orders edits by place, and throws when two of them overlap: that is a bug of ours. */
export function orderEdits(edits: readonly Edit[]): readonly Edit[] {
  const ordered = [...edits].sort((a, b) => a.first - b.first || a.end - b.end);
  for (let i = 1; i < ordered.length; i += 1) {
    if (ordered[i]!.first < ordered[i - 1]!.end) {
      throw new Error(`edits overlap at token ${ordered[i]!.first}`);
    }
  }
  return ordered;
}

/**
 * Applies ordered edits to the tokens [first, end) of a text.
 * Returns the statement's new text, from its first token to its last, without a semicolon. `kept` takes three numbers for
 * each stretch of the client's own bytes in it: where it stands in the new text, where in the old, and its length.
 */
export function applyEdits(
  lexed: LexedText,
  first: number,
  end: number,
  edits: readonly Edit[],
  kept: number[] = [],
): ByteString {
  const { text, tokens } = lexed;
  const keep = (from: number, to: number): void => {
    if (to > from) kept.push(out.length, from, to - from);
    out += text.slice(from, to);
  };
  if (first >= end) return '' as ByteString;
  let out = '';
  let offset = tokens.start(first);
  const last = tokens.end(end - 1);
  for (const edit of edits) {
    const from = edit.first < end ? tokens.start(edit.first) : last;
    keep(offset, from);
    for (const piece of edit.pieces) {
      if (typeof piece === 'string') out += piece;
      else keep(tokens.start(piece.first), tokens.end(piece.end - 1));
    }
    offset = edit.end > edit.first ? tokens.end(edit.end - 1) : from;
  }
  keep(offset, last);
  return out as ByteString;
}
