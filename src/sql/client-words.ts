/**
 * Takes out of a statement's pieces the words that are a client's own data though they are no literals: what SET sets, the
 * names of prepared statements, cursors, savepoints and channels (often made up per connection, so that equal statements
 * would have unequal shapes), and quoted words where a value must have been meant. It knows where such words stand.
 */
import type { Piece } from './pieces.js';

/** Works in place; pieces that say no more are removed. */
export function hideClientWords(pieces: Piece[]): Piece[] {
  const gone = new Set<Piece>();
  for (const statement of statementsOf(pieces)) {
    hideNames(statement, gone);
    hideMisquoted(statement);
  }
  return gone.size === 0 ? pieces : pieces.filter((piece) => !gone.has(piece));
}

function* statementsOf(pieces: readonly Piece[]): Generator<readonly Piece[]> {
  let depth = 0;
  let from = 0;
  for (const [index, { folded, kind }] of pieces.entries()) {
    if (kind !== 'other') continue;
    if (folded === '(') depth += 1;
    else if (folded === ')') depth -= 1;
    else if (folded === ';' && depth <= 0) {
      yield pieces.slice(from, index);
      from = index + 1;
    }
  }
  yield pieces.slice(from);
}

function hide(piece: Piece | undefined): void {
  if (piece?.kind !== 'word' && piece?.kind !== 'quoted') return;
  piece.shown = '?';
  piece.folded = '?';
  piece.kind = 'value';
}

function hideNames(all: readonly Piece[], gone: Set<Piece>): void {
  const statement = all.slice(bodyOfExplain(all));
  const word = (index: number): string | undefined =>
    statement[index]?.kind === 'word' ? statement[index].folded : undefined;
  const behind = (optional: string): number => (word(1) === optional && statement.length > 2 ? 2 : 1);
  switch (word(0)) {
    case 'prepare':
      if (word(1) === 'transaction') break;
      hide(statement[1]);
      hideNames(statement.slice(wordAt(statement, 'as') + 1), gone);
      break;
    case 'execute':
    case 'declare':
    case 'savepoint':
    case 'listen':
    case 'unlisten':
    case 'notify':
      hide(statement[1]);
      break;
    case 'deallocate':
      if (word(behind('prepare')) !== 'all') hide(statement[behind('prepare')]);
      break;
    case 'close':
      if (word(1) !== 'all') hide(statement[1]);
      break;
    case 'release':
      hide(statement[behind('savepoint')]);
      break;
    case 'rollback': {
      const to = wordAt(statement, 'to');
      if (to > 0)
        hide(statement[word(to + 1) === 'savepoint' && to + 2 < statement.length ? to + 2 : to + 1]);
      break;
    }
    case 'fetch':
    case 'move':
      if (statement.length > 1) hide(statement.at(-1));
      break;
    case 'set':
      hideSet(statement, 0, gone);
      break;
    case 'alter':
    case 'create':
      for (const [index, piece] of statement.entries()) {
        if (piece.kind !== 'word') continue;
        if (piece.folded === 'set') hideSet(statement, index, gone);
        else if (piece.folded === 'execute' && word(index - 1) === 'as') hide(statement[index + 1]);
      }
      break;
    case undefined:
    default:
      break;
  }
  for (const [index] of statement.entries())
    if (word(index) === 'current' && word(index + 1) === 'of') hide(statement[index + 2]);
}

/** Where the explained statement begins, or 0. */
function bodyOfExplain(statement: readonly Piece[]): number {
  if (statement[0]?.kind !== 'word' || statement[0].folded !== 'explain') return 0;
  let index = 1;
  if (statement[1]?.folded === '(') {
    while (index < statement.length && statement[index]?.folded !== ')') index += 1;
    return index + 1;
  }
  while (/^(?:analy[sz]e|verbose)$/.test(statement[index]?.folded ?? '')) index += 1;
  return index;
}

function wordAt(statement: readonly Piece[], folded: string): number {
  return statement.findIndex((piece) => piece.kind === 'word' && piece.folded === folded);
}

/** SET name = value, … with `at` at SET. The values become one, however many there are. */
function hideSet(statement: readonly Piece[], at: number, gone: Set<Piece>): void {
  let index = at + 1;
  if (/^(?:local|session)$/.test(statement[index]?.folded ?? '')) index += 1;
  if (statement[index]?.folded === 'time' && statement[index + 1]?.folded === 'zone') index += 2;
  else {
    index += 1;
    while (statement[index]?.folded === '.') index += 2;
    if (!/^(?:=|to)$/.test(statement[index]?.folded ?? '')) return;
    index += 1;
  }
  if (statement[index]?.kind === 'word' && statement[index]?.folded === 'default') return;
  hide(statement[index]);
  while (statement[index + 1]?.folded === ',' && statement[index + 2] !== undefined) {
    gone.add(statement[index + 1]!).add(statement[index + 2]!);
    index += 2;
  }
}

const comparison = /^(?:[=<>!~*@]+|i?like)$/;

/**
 * `WHERE name = "Jane"`: to PostgreSQL a column, to people from elsewhere a string. A quoted word that stands alone where a
 * value is compared, listed or inserted is shown as a value. The price: a column that is compared under its quoted name
 * alone is hidden too.
 */
function hideMisquoted(statement: readonly Piece[]): void {
  let list = false;
  for (const [index, piece] of statement.entries()) {
    const before = statement[index - 1];
    if (piece.folded === '(' && piece.kind === 'other')
      list = before?.folded === 'in' || before?.folded === 'values' || (list && before?.folded === ',');
    else if (piece.folded === ')' && piece.kind === 'other')
      list &&= statement[index + 1]?.folded === ',' && statement[index + 2]?.folded === '(';
    if (piece.kind !== 'quoted') continue;
    const after = statement[index + 1]?.folded;
    if (after === '.' || after === '(' || before?.folded === '.') continue;
    const compared = before !== undefined && before.kind !== 'quoted' && comparison.test(before.folded);
    if (compared || (list && (before?.folded === '(' || before?.folded === ','))) hide(piece);
  }
}
