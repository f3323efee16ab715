/** `FROM t TABLESAMPLE method (…)`: where it stands, and its copy for the derived table. Whether it may is decided elsewhere. */
import type { RangeTableSample, RangeVar } from '@pgsql/types';
import type { RelationUse, ResolvedStatement, TokenSpan } from '../resolve/types.js';
import { toByteString } from '../sql/byte-string.js';
import { walk } from '../sql/walk.js';
import type { Piece } from './edits.js';

/** The TABLESAMPLE around a relation. */
export function sampleOf(resolved: ResolvedStatement, use: RelationUse): RangeTableSample | undefined {
  let found: RangeTableSample | undefined;
  if (!use.tableSample) return found;
  walk(resolved.statement.node, {
    enter({ kind, body }) {
      if (kind !== 'RangeTableSample') return undefined;
      const sample = body as RangeTableSample;
      const relation = sample.relation as { readonly RangeVar?: RangeVar } | undefined;
      if (relation?.RangeVar === use.node) found = sample;
      return undefined;
    },
  });
  return found;
}

/** `bernoulli` of pg_catalog, `system`, or undefined for a method that is not PostgreSQL's own. */
export function sampleMethod(sample: RangeTableSample): 'bernoulli' | 'system' | undefined {
  const names = (sample.method ?? []).map((node) => ('String' in node ? node.String.sval : undefined));
  if (names.length > 2 || (names.length === 2 && names[0] !== 'pg_catalog')) return undefined;
  const name = names.at(-1);
  return name === 'bernoulli' || name === 'system' ? name : undefined;
}

export interface MovedSample {
  /** From the word TABLESAMPLE to the last bracket. */
  readonly span: TokenSpan;
  /** The clause inside the derived table: every row for itself, since pages tell of withheld rows between those shown. */
  readonly pieces: readonly Piece[];
}

/** Undefined when the text does not show the clause. */
export function movedSample(
  { statement }: ResolvedStatement,
  sample: RangeTableSample,
  keepMethod: boolean,
): MovedSample | undefined {
  const { lexed, endToken } = statement;
  const word = (token: number): string =>
    token < endToken
      ? lexed.text.slice(lexed.tokens.start(token), lexed.tokens.end(token)).toLowerCase()
      : '';
  const method = lexed.tokens.at(sample.location ?? 0);
  if (method <= 0 || word(method - 1) !== 'tablesample') return undefined;
  const open = method + 2 * (sample.method?.length ?? 1) - 1;
  const close = closing(word, open, endToken);
  if (close === undefined) return undefined;
  let end = close + 1;
  if (sample.repeatable !== undefined) {
    const seedEnd = word(end) === 'repeatable' ? closing(word, end + 1, endToken) : undefined;
    if (seedEnd === undefined) return undefined;
    end = seedEnd + 1;
  }
  const name = keepMethod ? sampleMethod(sample) : 'bernoulli';
  const rest = keepMethod ? end : close + 1;
  return {
    span: { first: method - 1, end },
    pieces: [toByteString(` TABLESAMPLE pg_catalog.${name ?? 'bernoulli'} `), { first: open, end: rest }],
  };
}

/** The bracket that closes the one at `open`. */
function closing(word: (token: number) => string, open: number, end: number): number | undefined {
  if (word(open) !== '(') return undefined;
  let depth = 0;
  for (let token = open; token < end; token += 1) {
    if (word(token) === '(') depth += 1;
    if (word(token) === ')') depth -= 1;
    if (depth === 0) return token;
  }
  return undefined;
}
