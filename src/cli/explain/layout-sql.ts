/**
 * Breaks rewritten SQL into lines for reading: a line a clause and a line an item of a select list, indented by sub-select.
 * Only blanks outside of literals and quoted names change, and only on the screen; `--format json` has the exact text.
 */

const CLAUSES = new Set([
  'FROM',
  'WHERE',
  'JOIN',
  'CROSS',
  'LEFT',
  'RIGHT',
  'FULL',
  'INNER',
  'GROUP',
  'HAVING',
  'ORDER',
  'LIMIT',
  'OFFSET',
  'UNION',
  'INTERSECT',
  'EXCEPT',
  'FOR',
]);
/** Second words of `CROSS JOIN` and the like stay on their line. */
const LEADING = new Set(['CROSS', 'LEFT', 'RIGHT', 'FULL', 'INNER', 'OUTER']);
/** String, escape string, quoted name, dollar-quoted string, bracket, comma, word, blanks, any other byte. */
const PIECES =
  /[eE]'(?:[^'\\]|\\[\s\S]|'')*'|'(?:[^']|'')*'|"(?:[^"]|"")*"|\$([A-Za-z_]\w*)?\$[\s\S]*?\$\1\$|[(),]|\w+|\s+|[^\s]/g;

export function layoutSql(sql: string, width: number): string {
  if (sql.length <= width) return sql;
  const pieces = sql.match(PIECES) ?? [];
  // One entry a bracket: whether it holds a SELECT, whose commas and clauses begin lines.
  const brackets: boolean[] = [];
  let depth = 0;
  let out = '';
  let previousWord = '';
  const breakLine = (): void => {
    out = `${out.trimEnd()}\n${'  '.repeat(depth)}`;
  };
  pieces.forEach((piece, i) => {
    const inSelect = brackets.at(-1) ?? true;
    const word = piece.toUpperCase();
    if (piece === '(') {
      const holdsSelect = pieces.slice(i + 1, i + 3).some((next) => next.toUpperCase() === 'SELECT');
      brackets.push(holdsSelect);
      out += piece;
      if (holdsSelect) {
        depth += 1;
        breakLine();
      }
    } else if (piece === ')') {
      if (brackets.pop() === true) {
        depth -= 1;
        breakLine();
      }
      out += piece;
    } else if (piece === ',' && inSelect && brackets.length > 0) {
      out += piece;
      breakLine();
    } else if (/^\s/.test(piece)) {
      if (!/\n *$/.test(out)) out += ' ';
    } else {
      if (inSelect && CLAUSES.has(word) && !LEADING.has(previousWord) && out !== '') breakLine();
      out += piece;
    }
    if (/^\w/.test(piece)) previousWord = word;
  });
  return out;
}
