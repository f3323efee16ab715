/**
 * Cuts a text for the console into statements of tokens: words, numbers, quoted things and single characters, without
 * blanks and comments (PostgreSQL manual, 4.1 "Lexical Structure"). It knows no commands.
 */

export interface Token {
  readonly kind: 'word' | 'number' | 'string' | 'sign';
  /** Words in lower case, strings and quoted names without their quotes. */
  readonly text: string;
}

export interface TokenStatement {
  readonly tokens: readonly Token[];
  /** As it was written, for the audit's description. */
  readonly source: string;
}

/** Line comments, block comments (not nested: the console needs none), words, numbers, strings, quoted names, signs. */
const PIECE =
  /\s+|--[^\n]*|\/\*[^]*?\*\/|([A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*)|(\d+(?:\.\d+)?)|'((?:[^']|'')*)'|"((?:[^"]|"")+)"|([^\s'"])/y;

/** Undefined: a quote or a comment has no end. Empty statements, as between two semicolons, are left out. */
export function splitStatements(text: string): readonly TokenStatement[] | undefined {
  const statements: TokenStatement[] = [];
  let tokens: Token[] = [];
  let from = 0;
  const end = (at: number): void => {
    if (tokens.length > 0) statements.push({ tokens, source: text.slice(from, at) });
    tokens = [];
    from = at + 1;
  };
  let at = 0;
  while (at < text.length) {
    PIECE.lastIndex = at;
    const piece = PIECE.exec(text);
    if (piece === null || text.startsWith('/*', piece.index) !== piece[0].startsWith('/*')) return undefined;
    const [whole, word, number, string, quoted, sign] = piece;
    if (sign === ';') end(at);
    else if (word !== undefined) tokens.push({ kind: 'word', text: asciiLower(word) });
    else if (number !== undefined) tokens.push({ kind: 'number', text: number });
    else if (string !== undefined) tokens.push({ kind: 'string', text: string.replaceAll("''", "'") });
    else if (quoted !== undefined) tokens.push({ kind: 'word', text: quoted.replaceAll('""', '"') });
    else if (sign !== undefined) tokens.push({ kind: 'sign', text: sign });
    at += whole.length;
  }
  end(text.length);
  return statements;
}

/** As the server folds names (downcase_identifier in src/backend/parser/scansup.c), for UTF-8. */
function asciiLower(text: string): string {
  return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}
