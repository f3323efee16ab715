/**
 * PostgreSQL's own scanner (libpg-query's scan) as the oracle of the lexer, brought into the lexer's terms.
 */
import { createRequire } from 'node:module';

interface Oracle {
  loadModule(): Promise<void>;
  scanSync(text: string): { tokens: { start: number; end: number; tokenName: string }[] };
  parseSync(text: string): unknown;
}

interface Token {
  kind: string;
  start: number;
  end: number;
}

const oracle = createRequire(import.meta.url)('libpg-query') as Oracle;

export const loadOracle = (): Promise<void> => oracle.loadModule();

/** The tree of a text, or undefined when it does not parse. */
export function oracleTree(text: string): unknown {
  try {
    return oracle.parseSync(text);
  } catch {
    return undefined;
  }
}

/**
 * Kind class, start and end of each token; undefined when the scanner refuses. The scanner reports comments, reports
 * N'…' as two tokens and a constant with a line comment inside as several; the server's grammar sees one.
 */
export function oracleTokens(text: string): string[] | undefined {
  let scanned;
  try {
    scanned = oracle.scanSync(text).tokens;
  } catch {
    return undefined;
  }
  const bytes = Buffer.from(text, 'utf8').toString('latin1');
  const tokens: Token[] = [];
  for (const { start, end, tokenName } of scanned) {
    if (tokenName.endsWith('COMMENT')) continue;
    const kind = kindOf(bytes.slice(start, end), tokenName);
    const last = tokens.at(-1);
    const national =
      last?.end === start && kind === 'string' && /^n'$/i.test(bytes.slice(last.start, start + 1));
    if (last !== undefined && national) tokens[tokens.length - 1] = { kind, start: last.start, end };
    else tokens.push({ kind, start, end });
  }
  return tokens.map(({ kind, start, end }) => `${kind} ${start}-${end}`);
}

function kindOf(token: string, tokenName: string): string {
  if (tokenName === 'PARAM') return 'parameter';
  if (tokenName === 'ICONST') return 'integer';
  if (tokenName === 'FCONST') return /^\d+$/.test(token) ? 'big-integer' : 'decimal';
  if (tokenName === 'SCONST') return 'string';
  if (/^[bx]'/i.test(token)) return 'bits';
  if (token.startsWith('"')) return 'quoted-identifier';
  if (/^[a-z_\x80-\xff]/i.test(token)) return 'identifier';
  return 'symbol';
}
