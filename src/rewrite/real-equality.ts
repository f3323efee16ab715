/**
 * Finds the comparisons that see the real value of a column under `where: equality` (SPEC 3): the column by itself against
 * constants and parameters, by `=` and its negation, in every spelling that asks nothing else. It changes nothing.
 */
import type { A_Expr, ColumnRef, Node, TypeName } from '@pgsql/types';
import type { Column } from '../catalog/types.js';
import { type EqualityType, equalityType } from '../policy/equality-types.js';
import type { ColumnBinding, RelationUse, ResolvedStatement } from '../resolve/types.js';
import { walk } from '../sql/walk.js';
import { arrayConstantOf, combined, type Constant, constantOf, typeNameOf } from './constants.js';
import type { ProtectedDecision } from './guarded-relation.js';
import { columnByNumber } from './names.js';

/** One comparison of a real value. */
export interface RealEquality {
  readonly expression: A_Expr;
  readonly ref: ColumnRef;
  readonly use: RelationUse;
  readonly column: Column;
  readonly type: EqualityType;
  /** The column stands in front of the operator. */
  readonly columnFirst: boolean;
  /** Types in casts around the constants that are the server's own and lack their schema. */
  readonly unqualified: readonly TypeName[];
  /** The casts, if any, keep the comparison inside one leakproof operator. */
  readonly leakproofCasts: boolean;
  readonly bareParameter: boolean;
  /** How many values the column is compared with, as far as the text tells. */
  readonly values: number;
}

export type RealEqualities =
  | { readonly ok: true; readonly found: readonly RealEquality[] }
  | { readonly ok: false; readonly reason: string; readonly hint: string };

type Decisions = ReadonlyMap<number, ProtectedDecision>;

const operators = new Set(['=', '<>']);

/** All comparisons of the statement, by the decisions about its relations. */
export function realEqualities(resolved: ResolvedStatement, decisions: Decisions): RealEqualities {
  const found: RealEquality[] = [];
  if (!comparesReal(decisions)) return { ok: true, found };
  let behindQuery: string | undefined;
  walk(resolved.statement.node, {
    enter({ kind, body }) {
      if (kind !== 'A_Expr') return undefined;
      const sides = comparedSides(body);
      if (sides === undefined) return undefined;
      const binding = resolved.columns.get(sides.ref);
      const column = realColumn(binding, decisions);
      if (column === undefined) return undefined;
      const constant = fittingConstant(sides.constant, column.type);
      if (constant === undefined) return undefined;
      if (binding?.kind !== 'column') behindQuery ??= column.column.name;
      const { ref, columnFirst } = sides;
      found.push({ expression: body, ref, columnFirst, ...column, ...constant });
      return undefined;
    },
  });
  // FAIL-CLOSED: what a subquery passes on is the mask, and no value equals it; silence would look like an empty table.
  if (behindQuery !== undefined) {
    return {
      ok: false,
      reason: `a comparison of column "${behindQuery}" outside the subquery that reads it`,
      hint: `compare "${behindQuery}" inside the subquery, where its table stands in FROM`,
    };
  }
  return { ok: true, found };
}

function comparesReal(decisions: Decisions): boolean {
  for (const { columns } of decisions.values()) {
    for (const column of columns.values()) {
      if (column.kind === 'masked' && column.where === 'equality') return true;
    }
  }
  return false;
}

function comparedSides(
  expression: A_Expr,
): (Pick<RealEquality, 'columnFirst' | 'ref'> & { readonly constant: Constant }) | undefined {
  const { kind, lexpr, rexpr } = expression;
  if (!operators.has(operatorName(expression))) return undefined;
  if (kind === 'AEXPR_OP' || kind === 'AEXPR_DISTINCT' || kind === 'AEXPR_NOT_DISTINCT') {
    const columnFirst = lexpr !== undefined && 'ColumnRef' in lexpr;
    const constant = constantOf(columnFirst ? rexpr : lexpr);
    return sides(columnFirst ? lexpr : rexpr, constant, columnFirst);
  }
  if (kind === 'AEXPR_OP_ANY' || kind === 'AEXPR_OP_ALL') return sides(lexpr, arrayConstantOf(rexpr), true);
  if (kind === 'AEXPR_IN' && rexpr !== undefined && 'List' in rexpr) {
    return sides(lexpr, combined(rexpr.List.items ?? []), true);
  }
  return undefined;
}

function sides(
  column: Node | undefined,
  constant: Constant | undefined,
  columnFirst: boolean,
): ReturnType<typeof comparedSides> {
  if (column === undefined || !('ColumnRef' in column) || constant === undefined) return undefined;
  return { ref: column.ColumnRef, constant, columnFirst };
}

/** A user's schema in front of the operator makes it another one, which sees the mask. */
function operatorName({ name = [] }: A_Expr): string {
  const parts = name.map((part) => ('String' in part ? (part.String.sval ?? '') : ''));
  if (parts.length === 1) return parts[0]!;
  return parts.length === 2 && parts[0] === 'pg_catalog' ? parts[1]! : '';
}

/** The column under `where: equality` that the reference is, or passes on. */
function realColumn(
  binding: ColumnBinding | undefined,
  decisions: Decisions,
): Pick<RealEquality, 'use' | 'column' | 'type'> | undefined {
  const origin = binding?.kind === 'derived' ? binding.lineage : binding;
  if (origin?.kind !== 'column') return undefined;
  const rule = decisions.get(origin.use.id)?.columns.get(origin.attnum);
  if (rule?.kind !== 'masked' || rule.where !== 'equality') return undefined;
  const column = columnByNumber(origin.use.relation, origin.attnum);
  const type = equalityType(column);
  return type === undefined ? undefined : { use: origin.use, column, type };
}

/** FAIL-CLOSED: with a cast to any other type the server might pick an operator that does more than compare. */
function fittingConstant(
  { types, bareParameter, values }: Constant,
  type: EqualityType,
): Pick<RealEquality, 'unqualified' | 'leakproofCasts' | 'bareParameter' | 'values'> | undefined {
  const names = types.map((each) => (type.builtIn ? typeNameOf(each) : lastName(each)));
  if (names.some((name) => name === undefined || !type.casts.has(name))) return undefined;
  return {
    unqualified: type.builtIn ? types.filter((each) => each.names?.length === 1) : [],
    leakproofCasts: type.leakproof.size > 0 && names.every((name) => type.leakproof.has(name!)),
    bareParameter,
    values,
  };
}

function lastName(type: TypeName): string | undefined {
  const last = type.names?.at(-1);
  return last !== undefined && 'String' in last ? last.String.sval : undefined;
}
