/**
 * Makes lists of values equal whatever their length: `IN (?, ?, ?)`, `ARRAY[?, ?]` and the rows behind VALUES. It works on
 * pieces, once literals are gone from them.
 */
import type { Piece } from './pieces.js';

/** `, ...` behind the first stands for the rest. */
export function collapseLists(pieces: readonly Piece[]): readonly Piece[] {
  const kept: Piece[] = [];
  let index = 0;
  while (index < pieces.length) {
    const piece = pieces[index]!;
    kept.push(piece);
    index += 1;
    if (piece.kind !== 'word') continue;
    const opening = pieces[index]?.folded;
    if ((piece.folded === 'in' && opening === '(') || (piece.folded === 'array' && opening === '['))
      index = collapseValues(pieces, index, kept);
    else if (piece.folded === 'values' && opening === '(') index = collapseRows(pieces, index, kept);
  }
  return kept;
}

/** From the opening bracket; the index of the piece to go on with. */
function collapseValues(pieces: readonly Piece[], opening: number, kept: Piece[]): number {
  const first = elementEnd(pieces, opening + 1);
  let end = first;
  let count = 1;
  while (end !== undefined && pieces[end]?.folded === ',') {
    end = elementEnd(pieces, end + 1);
    count += 1;
  }
  const closed = end !== undefined && /^[)\]]$/.test(pieces[end]?.folded ?? '');
  if (!closed || first === undefined || count === 1) return opening;
  kept.push(...pieces.slice(opening, first));
  andMore(kept);
  return end!;
}

/** A value, with casts; the index behind it. */
function elementEnd(pieces: readonly Piece[], from: number): number | undefined {
  if (pieces[from]?.kind !== 'value') return undefined;
  let end = from + 1;
  while (pieces[end]?.folded === '::') {
    end += 2;
    while (pieces[end]?.folded === '.') end += 2;
    while (pieces[end]?.folded === '[' && pieces[end + 1]?.folded === ']') end += 2;
  }
  return end;
}

function collapseRows(pieces: readonly Piece[], opening: number, kept: Piece[]): number {
  let from = opening;
  let last: string | undefined;
  let told = false;
  for (;;) {
    const end = closingBracket(pieces, from);
    const row = pieces.slice(from, end);
    const folded = row.map((piece) => piece.folded).join(' ');
    if (folded !== last) {
      if (from > opening) kept.push(pieces[from - 1]!);
      kept.push(...row);
      told = false;
    } else if (!told) {
      andMore(kept);
      told = true;
    }
    last = folded;
    if (pieces[end]?.folded !== ',' || pieces[end + 1]?.folded !== '(') return end;
    from = end + 1;
  }
}

/** Behind the bracket that closes the one at `from`; the end, when none does. */
function closingBracket(pieces: readonly Piece[], from: number): number {
  let depth = 0;
  for (let index = from; index < pieces.length; index += 1) {
    const { folded, kind } = pieces[index]!;
    if (kind !== 'other') continue;
    if (folded === '(') depth += 1;
    else if (folded === ')' && --depth === 0) return index + 1;
  }
  return pieces.length;
}

function andMore(kept: readonly Piece[]): void {
  kept.at(-1)!.shown += ', ...';
}
