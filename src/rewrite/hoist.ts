/**
 * Hoisting: copies of the client's own safe conjuncts go into a guarded relation's WHERE, so that its indexes serve.
 *
 * INVARIANT(hoist-safe): a hoisted condition runs on rows that the policy withholds, so it may neither raise an error nor
 * tell anything about them: a column whose value the client may compare, a btree comparison that pg_proc marks leakproof for that type, and a constant
 * or parameter (DESIGN 5.1; pg_proc.proleakproof, PostgreSQL manual 39.5 Rules and Privileges).
 */
import type { A_Expr, ColumnRef, Node } from '@pgsql/types';
import type { RelationUse, ResolvedStatement, TokenSpan } from '../resolve/types.js';
import type { LexedText } from '../sql/types.js';
import { toByteString } from '../sql/byte-string.js';
import type { Piece } from './edits.js';
import { isBareColumn, type ProtectedDecision } from './guarded-relation.js';
import { columnByNumber, columnOf } from './names.js';

/** Which constants keep a comparison with a column of this type inside one leakproof operator, by pg_type.typname. */
const leakproofConstants: Readonly<Record<string, { readonly integers: boolean; readonly array: string }>> = {
  int2: { integers: true, array: 'pg_catalog.int8[]' },
  int4: { integers: true, array: 'pg_catalog.int8[]' },
  int8: { integers: true, array: 'pg_catalog.int8[]' },
  text: { integers: false, array: 'pg_catalog.text[]' },
  varchar: { integers: false, array: 'pg_catalog.text[]' },
  uuid: { integers: false, array: 'pg_catalog.uuid[]' },
  date: { integers: false, array: 'pg_catalog.date[]' },
  timestamp: { integers: false, array: 'pg_catalog.timestamp[]' },
  timestamptz: { integers: false, array: 'pg_catalog.timestamptz[]' },
  bool: { integers: false, array: 'pg_catalog.bool[]' },
};

const comparisons = new Set(['=', '<', '>', '<=', '>=']);
const mirrored: Readonly<Record<string, string>> = { '=': '=', '<': '>', '>': '<', '<=': '>=', '>=': '<=' };

/** The relation that conditions are hoisted for, and how it is called where the copies go. */
export interface HoistTarget {
  readonly resolved: ResolvedStatement;
  readonly use: RelationUse;
  readonly decision: ProtectedDecision;
  readonly alias: string;
  /** References to masked columns that read the stored value (rewrite/equality-rewrite.ts). */
  readonly stored?: ReadonlySet<ColumnRef>;
}

/** The conjuncts of the client's query that may be repeated where the rows of `use` are guarded. */
export function hoistedConjuncts(target: HoistTarget): readonly (readonly Piece[])[] {
  const { resolved, use, decision } = target;
  // Under an outer join's nullable side a WHERE condition may keep rows that the copy would remove; without a value
  // guard the planner pushes the client's own condition down by itself.
  if (use.nullable || decision.guards.length === 0 || use.hasColumnAliases) return [];
  // A view's column may be an expression, which would fail on the values of a withheld row.
  if (use.relation.kind === 'view') return [];
  const level = resolved.levels[use.level];
  if (level === undefined) return [];
  const out: (readonly Piece[])[] = [];
  for (const conjunct of level.conjuncts) {
    const pieces = hoist(target, conjunct);
    if (pieces !== undefined) out.push(pieces);
  }
  return out;
}

function hoist(target: HoistTarget, conjunct: Node): readonly Piece[] | undefined {
  if (!('A_Expr' in conjunct)) return undefined;
  const expression = conjunct.A_Expr;
  const operator = operatorName(expression);
  if (operator === undefined || !comparisons.has(operator)) return undefined;
  const { resolved } = target;
  const { lexed } = resolved.statement;
  switch (expression.kind) {
    case 'AEXPR_OP': {
      const left = guardedColumn(target, expression.lexpr);
      const right = left ?? guardedColumn(target, expression.rexpr);
      if (right === undefined) return undefined;
      const other = left === undefined ? expression.lexpr : expression.rexpr;
      const constant = constantSpan(resolved, other, right.type);
      if (constant === undefined) return undefined;
      const spelled = left === undefined ? mirrored[operator]! : operator;
      return [toByteString(`(${right.text} OPERATOR(pg_catalog.${spelled}) `), constant, toByteString(')')];
    }
    case 'AEXPR_IN': {
      const column = guardedColumn(target, expression.lexpr);
      if (column === undefined || operator !== '=') return undefined;
      const items = listItems(expression.rexpr);
      const spans = items.map((item) => constantSpan(resolved, item, column.type));
      if (spans.length === 0 || spans.some((span) => span === undefined)) return undefined;
      // Parameters in the list keep the type that the column gives them only when they are compared with it one by one.
      if (spans.some((span) => lexed.tokens.kind(span!.first) === 'parameter')) return undefined;
      const span: TokenSpan = { first: spans[0]!.first, end: spans[spans.length - 1]!.end };
      // Constants and commas, nothing else: brackets around the last item would not end where the span does.
      if (span.end - span.first !== 2 * items.length - 1) return undefined;
      const array = leakproofConstants[column.type]!.array;
      return [
        toByteString(`(${column.text} OPERATOR(pg_catalog.=) ANY ((ARRAY[`),
        span,
        toByteString(`])::${array}))`),
      ];
    }
    default:
      return undefined;
  }
}

function guardedColumn(
  { resolved, use, decision, alias, stored }: HoistTarget,
  node: Node | undefined,
): { readonly text: string; readonly type: string } | undefined {
  if (node === undefined || !('ColumnRef' in node)) return undefined;
  const binding = resolved.columns.get(node.ColumnRef);
  if (binding?.kind !== 'column' || binding.use.id !== use.id || binding.levelsUp !== 0) return undefined;
  const visible =
    decision.columns.get(binding.attnum)?.kind === 'clear' || stored?.has(node.ColumnRef) === true;
  if (!visible) return undefined;
  // A bare column needs no copy: the planner uses its index for the client's own condition.
  if (isBareColumn(binding.attnum, decision)) return undefined;
  const column = columnByNumber(use.relation, binding.attnum);
  if (leakproofConstants[column.baseTypeName] === undefined || column.typeOid !== column.baseTypeOid) {
    return undefined;
  }
  return { text: columnOf(alias, column), type: column.baseTypeName };
}

/** The one token of a literal or parameter that keeps the comparison inside the column's own type. */
function constantSpan(
  resolved: ResolvedStatement,
  node: Node | undefined,
  type: string,
): TokenSpan | undefined {
  const location = constantLocation(node);
  const rule = leakproofConstants[type];
  if (location === undefined || rule === undefined) return undefined;
  const { lexed } = resolved.statement;
  const token = lexed.tokens.at(location);
  if (token < 0) return undefined;
  switch (lexed.tokens.kind(token)) {
    // A whole number beyond int4 may be a numeric, whose comparisons are not leakproof; its value may not decide,
    // since a plan serves every text of its shape.
    case 'integer':
      if (!rule.integers || isNegative(lexed, token)) return undefined;
      return { first: token, end: token + 1 };
    case 'string':
      return { first: token, end: token + 1 };
    case 'parameter':
      if (type === 'int8' && declaresTypes(resolved)) return undefined;
      return occursOnce(resolved, token) ? { first: token, end: token + 1 } : undefined;
    default:
      return undefined;
  }
}

function constantLocation(node: Node | undefined): number | undefined {
  if (node === undefined) return undefined;
  if ('A_Const' in node) return node.A_Const.location ?? 0;
  if ('ParamRef' in node) return node.ParamRef.location ?? 0;
  return undefined;
}

/** PREPARE may declare a parameter as oid. */
function declaresTypes({ statement: { node } }: ResolvedStatement): boolean {
  return 'PrepareStmt' in node && (node.PrepareStmt.argtypes ?? []).length > 0;
}

/**
 * Parameters that a condition compares with a bigint. Declared as oid or one of its aliases they make the server cast the
 * column (pg_cast has an implicit cast), which fails beyond oid's range: on a withheld row where the condition is copied.
 */
export function bigintParameters({ levels, columns }: ResolvedStatement): readonly number[] {
  const found = new Set<number>();
  for (const conjunct of levels.flatMap((level) => level.conjuncts)) {
    if (!('A_Expr' in conjunct)) continue;
    const { lexpr, rexpr } = conjunct.A_Expr;
    for (const [side, other] of [
      [lexpr, rexpr],
      [rexpr, lexpr],
    ]) {
      if (side === undefined || other === undefined || !('ParamRef' in side) || !('ColumnRef' in other))
        continue;
      const binding = columns.get(other.ColumnRef);
      if (binding?.kind !== 'column') continue;
      const { baseTypeName } = columnByNumber(binding.use.relation, binding.attnum);
      if (baseTypeName === 'int8') found.add(side.ParamRef.number ?? 0);
    }
  }
  return [...found];
}

/**
 * A parameter takes its type from where the parser meets it first (parse_param.c, variable_coerce_param_hook), and the
 * copy in FROM comes before every other place: with a single occurrence both give the same type.
 */
export function occursOnce(resolved: ResolvedStatement, token: number): boolean {
  let counts = parameterCounts.get(resolved);
  if (counts === undefined) parameterCounts.set(resolved, (counts = countParameters(resolved)));
  return counts.get(tokenText(resolved.statement.lexed, token)) === 1;
}

/** Counted once a statement: there may be as many conditions as parameters. */
const parameterCounts = new WeakMap<ResolvedStatement, ReadonlyMap<string, number>>();

function countParameters({ statement }: ResolvedStatement): ReadonlyMap<string, number> {
  const { lexed, firstToken, endToken } = statement;
  const counts = new Map<string, number>();
  for (let i = firstToken; i < endToken; i += 1) {
    if (lexed.tokens.kind(i) !== 'parameter') continue;
    const text = tokenText(lexed, i);
    counts.set(text, (counts.get(text) ?? 0) + 1);
  }
  return counts;
}

function isNegative(lexed: LexedText, token: number): boolean {
  return token > 0 && tokenText(lexed, token - 1) === '-';
}

function tokenText(lexed: LexedText, token: number): string {
  return lexed.text.slice(lexed.tokens.start(token), lexed.tokens.end(token));
}

function operatorName(expression: A_Expr): string | undefined {
  const names = (expression.name ?? []).map((part) => ('String' in part ? part.String.sval : undefined));
  if (names.length === 1) return names[0];
  return names.length === 2 && names[0] === 'pg_catalog' ? names[1] : undefined;
}

function listItems(node: Node | undefined): readonly Node[] {
  return node !== undefined && 'List' in node ? (node.List.items ?? []) : [];
}
