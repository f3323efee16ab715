/**
 * Constants and parameters as drivers and ORMs write them in comparisons: bare, or with plain casts. It says which types
 * the casts name and where the text of the constant ends; it decides nothing.
 */
import type { Node, TypeName } from '@pgsql/types';
import type { TokenSpan } from '../resolve/types.js';
import type { LexedText } from '../sql/types.js';

/** A constant, or a list of them. */
export interface Constant {
  /** Every type that a cast in it names. */
  readonly types: readonly TypeName[];
  /** A parameter in it has the type that the client declares, and no cast settles another. */
  readonly bareParameter: boolean;
  /** How many values it stands for; of an array in one constant or parameter nobody knows before it runs. */
  readonly values: number;
}

/** What an array counts as whose length only its value tells. */
export const ARRAY_VALUES = 100;

/** The parts of `'x'`, `$1`, `$1::text`, `CAST($1 AS varchar(9))`; undefined for everything else. */
export function constantOf(node: Node | undefined): Constant | undefined {
  const types: TypeName[] = [];
  let inner = node;
  while (inner !== undefined && 'TypeCast' in inner) {
    const { typeName, arg } = inner.TypeCast;
    if (typeName === undefined || typeName.setof === true || typeName.pct_type === true) return undefined;
    types.push(typeName);
    inner = arg;
  }
  if (inner === undefined) return undefined;
  if ('A_Const' in inner) return { types, bareParameter: false, values: 1 };
  if ('ParamRef' in inner) return { types, bareParameter: types.length === 0, values: 1 };
  return undefined;
}

/** The parts of what stands behind ANY and ALL: `$1`, `'{a,b}'`, `ARRAY['a', $1]`, with casts of the whole. */
export function arrayConstantOf(node: Node | undefined): Constant | undefined {
  const plain = constantOf(node);
  if (plain !== undefined) return { ...plain, values: ARRAY_VALUES };
  const casts: Node[] = [];
  let inner = node;
  while (inner !== undefined && 'TypeCast' in inner) {
    casts.push(inner);
    inner = inner.TypeCast.arg;
  }
  if (inner === undefined || !('A_ArrayExpr' in inner)) return undefined;
  const items = combined(inner.A_ArrayExpr.elements ?? []);
  if (items === undefined) return undefined;
  const outer = casts.flatMap((cast) => ('TypeCast' in cast ? (cast.TypeCast.typeName ?? []) : []));
  // The cast of the whole is each item's (transformTypeCast, parse_expr.c).
  return {
    types: [...outer, ...items.types],
    bareParameter: items.bareParameter && outer.length === 0,
    values: items.values,
  };
}

/** The parts of all items; undefined when one is no constant, or there is none. */
export function combined(items: readonly Node[]): Constant | undefined {
  const parts = items.map(constantOf);
  if (parts.length === 0 || parts.some((part) => part === undefined)) return undefined;
  return {
    types: parts.flatMap((part) => part!.types),
    bareParameter: parts.some((part) => part!.bareParameter),
    values: parts.length,
  };
}

/** The one-part or pg_catalog name of a type, as pg_type.typname has it; undefined for types of other schemas. */
export function typeNameOf(type: TypeName): string | undefined {
  const names = (type.names ?? []).map((part) => ('String' in part ? part.String.sval : undefined));
  if (names.length === 1) return names[0];
  return names.length === 2 && names[0] === 'pg_catalog' ? names[1] : undefined;
}

/** A constant's tokens from its first on, its casts included; undefined where the end cannot be told. */
export function constantSpan(lexed: LexedText, first: number): TokenSpan | undefined {
  let end = operandEnd(lexed, first);
  while (end !== undefined && word(lexed, end) === '::') end = typeEnd(lexed, end + 1);
  return end === undefined ? undefined : { first, end };
}

function operandEnd(lexed: LexedText, first: number): number | undefined {
  if (first >= lexed.tokens.length) return undefined;
  switch (lexed.tokens.kind(first)) {
    case 'string':
    case 'integer':
    case 'big-integer':
    case 'decimal':
    case 'parameter':
      return first + 1;
    case 'operator':
      return word(lexed, first) === '-' ? operandEnd(lexed, first + 1) : undefined;
    case 'punctuation':
      return word(lexed, first) === '(' ? closing(lexed, first) : undefined;
    case 'identifier': {
      const name = word(lexed, first);
      if (['true', 'false', 'null'].includes(name)) return first + 1;
      return name === 'cast' || name === 'array' ? closing(lexed, first + 1) : undefined;
    }
    default:
      return undefined;
  }
}

/** Behind a type's name, its modifiers and its array bounds (gram.y, Typename). */
function typeEnd(lexed: LexedText, first: number): number | undefined {
  if (!isName(lexed, first)) return undefined;
  let at = first + 1;
  while (word(lexed, at) === '.' && isName(lexed, at + 1)) at += 2;
  if (['varying', 'precision'].includes(word(lexed, at))) at += 1;
  if (word(lexed, at) === '(') {
    const end = closing(lexed, at);
    if (end === undefined) return undefined;
    at = end;
  }
  if (['with', 'without'].includes(word(lexed, at)) && word(lexed, at + 1) === 'time') at += 3;
  while (word(lexed, at) === '[') {
    const end = closing(lexed, at);
    if (end === undefined) return undefined;
    at = end;
  }
  return at;
}

/** Behind the bracket that closes the one at `open`. */
export function closing(lexed: LexedText, open: number): number | undefined {
  let depth = 0;
  for (let at = open; at < lexed.tokens.length; at += 1) {
    const text = lexed.tokens.kind(at) === 'punctuation' ? word(lexed, at) : '';
    if (text === '(' || text === '[') depth += 1;
    else if (text === ')' || text === ']') depth -= 1;
    if (depth === 0) return text === '' ? undefined : at + 1;
  }
  return undefined;
}

function isName(lexed: LexedText, token: number): boolean {
  if (token >= lexed.tokens.length) return false;
  const kind = lexed.tokens.kind(token);
  return kind === 'identifier' || kind === 'quoted-identifier';
}

/** A token's text in lower case; empty behind the last. */
export function word(lexed: LexedText, token: number): string {
  if (token < 0 || token >= lexed.tokens.length) return '';
  return lexed.text.slice(lexed.tokens.start(token), lexed.tokens.end(token)).toLowerCase();
}
