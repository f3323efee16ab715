/**
 * `FROM t TABLESAMPLE method (…)`: where it stands, and what the derived table has instead. Whether it may is decided elsewhere.
 *
 * BERNOULLI itself draws by a hash of a row's place under a seed of 32 bits (bernoulli.c): whoever sees which rows of a few
 * dozen were drawn finds the seed by trying all, and then the places, and so how much is withheld in between. Over
 * rows or values that are hidden the hash is therefore SHA-256 under a secret of 122 bits, made once a statement.
 */
import type { RangeTableSample, RangeVar } from '@pgsql/types';
import type { RelationUse, ResolvedStatement, TokenSpan } from '../resolve/types.js';
import { toByteString } from '../sql/byte-string.js';
import { walk } from '../sql/walk.js';
import type { Piece } from './edits.js';
import { innerAlias } from './guarded-relation.js';

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
  /** The clause inside the derived table, behind the relation. */
  readonly clause: readonly Piece[];
  /** The condition inside the derived table: every row for itself, since pages tell of withheld rows between those shown. */
  readonly condition: readonly Piece[];
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
  const span = { first: method - 1, end };
  if (keepMethod) {
    const name = sampleMethod(sample) ?? 'bernoulli';
    return {
      span,
      clause: [toByteString(` TABLESAMPLE pg_catalog.${name} `), { first: open, end }],
      condition: [],
    };
  }
  const percentage = { first: open, end: close + 1 };
  return {
    span,
    clause: [],
    condition: [
      toByteString(`((${drawn} OPERATOR(pg_catalog.<) (COALESCE(`),
      percentage,
      // 2 to the 32nd, divided by 100.
      toByteString(
        '::pg_catalog.float4, 0::pg_catalog.float4) OPERATOR(pg_catalog.*) 42949672.96::pg_catalog.float8))' +
          // Some other table, so that a percentage that is none gives the server's error. It holds for the whole statement and
          // is asked before any row is (One-Time Filter); a condition on rows would be asked where hidden ones are.
          ' AND ((EXISTS (SELECT FROM pg_catalog.pg_am TABLESAMPLE pg_catalog.bernoulli ',
      ),
      percentage,
      toByteString(')) IS NOT NULL))'),
    ],
  };
}

/** A number below 2 to the 32nd for each row, the same each time that one execution of the statement comes to the row. */
const drawn =
  `(pg_catalog.hashtextextended(pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(pg_catalog.concat(` +
  `(SELECT pg_catalog.gen_random_uuid()), ${innerAlias}.ctid, ${innerAlias}.tableoid), 'UTF8')), 'hex'), 0)` +
  ` OPERATOR(pg_catalog.&) 4294967295::pg_catalog.int8)::pg_catalog.float8`;

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
