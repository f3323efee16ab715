/**
 * Prints a checked expression again from its tree: every operator and function qualified with pg_catalog, fully
 * bracketed. A closed list of node kinds; anything else is an error that names what is not supported.
 */
import type { A_Const, A_Expr, Node, TypeCast } from '@pgsql/types';
import { literal } from '../sql-text.js';
import {
  holdsInstants,
  inUtc,
  isInstant,
  namedType,
  settledConstant,
  typeOf,
  writtenBySettings,
  type ValueType,
} from './time.js';
import {
  castTypes,
  comparisonOperators,
  functionsFor,
  operatorsFor,
  type ExpressionUse,
} from './vocabulary.js';

/** A stretch of SQL, or a place where a column or an attribute of the actor goes. */
export type Piece =
  string | { readonly column: string } | { readonly attribute: string; readonly type: ValueType };

export type ColumnLookup = (
  parts: readonly string[],
) =>
  | ({ readonly ok: true; readonly name: string } & ValueType)
  | { readonly ok: false; readonly reason: string };

export interface PrintScope {
  readonly use: ExpressionUse;
  readonly column: ColumnLookup;
  readonly attributes: readonly string[];
}

/** Thrown inside the printer only; compile.ts turns it into a problem. */
export class UnsupportedExpression extends Error {}

function refuse(reason: string): never {
  throw new UnsupportedExpression(reason);
}

export function nameParts(nodes: readonly Node[] | undefined): string[] {
  return (nodes ?? []).map((node) =>
    'String' in node ? (node.String.sval ?? '') : refuse('* is not allowed here'),
  );
}

function typeIn(node: Node | undefined, scope: PrintScope): ValueType | undefined {
  return typeOf(node, ({ ColumnRef }) => {
    const found = scope.column(nameParts(ColumnRef.fields));
    return found.ok ? found : undefined;
  });
}

function constant(value: A_Const, type?: ValueType): string {
  const settled = value.sval === undefined ? undefined : settledConstant(value.sval.sval ?? '', type);
  if (settled === 'unlike') {
    return refuse(
      "a session's settings decide what this constant means; write '2026-01-31', '2026-01-31 23:59:59+00' or '30 days'",
    );
  }
  if (settled !== undefined) return settled.sql;
  if (value.isnull === true) return 'NULL';
  if (value.ival) return String(value.ival.ival ?? 0);
  if (value.fval) return value.fval.fval ?? '0';
  if (value.boolval) return value.boolval.boolval === true ? 'true' : 'false';
  if (value.sval) return literal(value.sval.sval ?? '');
  return refuse('bit strings are not supported');
}

function operatorName(expression: A_Expr, scope: PrintScope): string {
  const parts = nameParts(expression.name);
  const name = parts.at(-1) ?? '';
  if (parts.length > 2 || (parts.length === 2 && parts[0] !== 'pg_catalog')) {
    refuse(`the operator ${parts.join('.')} is not one of pg_catalog`);
  }
  const plain = name === '!=' ? '<>' : name;
  if (!operatorsFor[scope.use].has(plain)) refuse(`the operator ${name} is not supported here`);
  return `OPERATOR(pg_catalog.${plain})`;
}

function items(node: Node | undefined): readonly Node[] {
  return node && 'List' in node ? (node.List.items ?? []) : refuse('a list was expected');
}

function binary(left: Node, operator: string, right: Node, scope: PrintScope): Piece[] {
  const sides = [left, right].map((node, index) => {
    const other = index === 0 ? right : left;
    return operand(node, other, operator, scope);
  });
  return ['(', ...sides[0]!, ` ${operator} `, ...sides[1]!, ')'];
}

/** One side of an operator, so that nothing beside it is converted by the session's time zone. */
function operand(node: Node, other: Node, operator: string, scope: PrintScope): Piece[] {
  const [type, beside] = [typeIn(node, scope), typeIn(other, scope)];
  const name = operator.slice('OPERATOR(pg_catalog.'.length, -1);
  if (name === '||' && writtenBySettings(type)) return refuse(byItsText);
  if (type === undefined && !('A_Const' in node && node.A_Const.sval === undefined)) {
    if ((name === '+' || name === '-' || name === '*') && /^[DT]$/.test(beside?.category ?? '')) {
      return 'A_Const' in node || 'ParamRef' in node
        ? refuse("a constant beside + and - needs its type, such as '30 days'::interval")
        : print(node, scope, beside);
    }
  }
  if (holdsInstants(beside)) {
    if ('ParamRef' in node) return refuse('an attribute cannot be compared with a column of this type');
    return type?.typeName === 'timestamptz' || type?.typeName === 'timestamp'
      ? instant(node, scope)
      : print(node, scope, beside);
  }
  // A bare column stays one, for its indexes.
  const constant = 'A_Const' in node ? node.A_Const.sval !== undefined : 'ParamRef' in node;
  const bare = (one: Node, of: ValueType | undefined): boolean =>
    'ColumnRef' in one && of?.typeName === 'timestamptz';
  const otherConstant = 'A_Const' in other ? other.A_Const.sval !== undefined : 'ParamRef' in other;
  const instants = (isInstant(type) || constant) && (isInstant(beside) || otherConstant);
  if (comparisonOperators.has(name) && instants && (bare(node, type) || bare(other, beside))) {
    return instant(node, scope, beside);
  }
  return print(node, scope, beside);
}

/** As a timestamptz. */
function instant(node: Node, scope: PrintScope, beside?: ValueType): Piece[] {
  const found = 'ColumnRef' in node ? scope.column(nameParts(node.ColumnRef.fields)) : undefined;
  if (found?.ok === true && found.typeName === 'timestamptz') return [{ column: found.name }];
  return around(print(node, scope, beside));
}

/** inUtc() over pieces. */
function around(pieces: readonly Piece[]): Piece[] {
  const [before, after] = inUtc('|').split('|');
  return [before!, ...pieces, after!];
}

const byItsText = 'the text of such a value depends on settings of the session; compare the value itself';

function joined(parts: readonly Piece[][], separator: string): Piece[] {
  return ['(', ...parts.flatMap((part, index) => (index === 0 ? part : [separator, ...part])), ')'];
}

function operatorExpression(expression: A_Expr, scope: PrintScope): Piece[] {
  const { lexpr: left, rexpr: right } = expression;
  if (right === undefined) return refuse('an operator lacks its right side');
  switch (expression.kind) {
    case 'AEXPR_OP': {
      if (left !== undefined) return binary(left, operatorName(expression, scope), right, scope);
      if (nameParts(expression.name).join('.') !== '-' || !('A_Const' in right)) {
        return refuse('prefix operators are not supported');
      }
      return ['(-', constant(right.A_Const), ')'];
    }
    case 'AEXPR_LIKE':
    case 'AEXPR_ILIKE':
      return binary(
        left ?? refuse('LIKE lacks its left side'),
        operatorName(expression, scope),
        right,
        scope,
      );
    case 'AEXPR_IN': {
      // No IN in what is printed: its operator would be looked up in the search_path.
      const subject = left ?? refuse('IN lacks its left side');
      const not = nameParts(expression.name).join('.') === '<>';
      const parts = items(right).map((item) =>
        binary(subject, `OPERATOR(pg_catalog.${not ? '<>' : '='})`, item, scope),
      );
      return joined(parts, not ? ' AND ' : ' OR ');
    }
    case 'AEXPR_BETWEEN':
    case 'AEXPR_NOT_BETWEEN': {
      const subject = left ?? refuse('BETWEEN lacks its left side');
      const [low, high] = items(right);
      if (low === undefined || high === undefined) return refuse('BETWEEN lacks a bound');
      const not = expression.kind === 'AEXPR_NOT_BETWEEN';
      return joined(
        [
          binary(subject, `OPERATOR(pg_catalog.${not ? '<' : '>='})`, low, scope),
          binary(subject, `OPERATOR(pg_catalog.${not ? '>' : '<='})`, high, scope),
        ],
        not ? ' OR ' : ' AND ',
      );
    }
    default:
      return refuse('this form of comparison is not supported (ANY, ALL, DISTINCT FROM, NULLIF, SIMILAR TO)');
  }
}

function typeCast(node: TypeCast, scope: PrintScope): Piece[] {
  const parts = nameParts(node.typeName?.names);
  const name = parts.at(-1) ?? '';
  const plain =
    (node.typeName?.arrayBounds ?? []).length === 0 && (node.typeName?.typmods ?? []).length === 0;
  if (
    !plain ||
    !castTypes.has(name) ||
    (parts.length === 2 && parts[0] !== 'pg_catalog') ||
    parts.length > 2
  ) {
    return refuse(`a cast to ${parts.join('.')} is not supported`);
  }
  const argument = node.arg ?? refuse('a cast lacks its value');
  if (name !== 'text' && !('A_Const' in argument) && !('ParamRef' in argument)) {
    return refuse('only constants and attributes may be cast, because a cast of a stored value may fail');
  }
  if ('ParamRef' in argument) return print(argument, scope, namedType(name));
  if (name === 'text' && writtenBySettings(typeIn(argument, scope))) return refuse(byItsText);
  if ('A_Const' in argument && argument.A_Const.sval !== undefined) {
    const settled = constant(argument.A_Const, namedType(name));
    if (settled !== literal(argument.A_Const.sval.sval ?? '')) return [settled];
  }
  // What is of type timestamptz is printed as a timestamp in UTC.
  const printed = name === 'timestamptz' ? 'timestamp' : name;
  return ['((', ...print(argument, scope, undefined), `)::pg_catalog.${printed})`];
}

/**
 * Values of timestamptz come out as timestamps in UTC (time.ts).
 * @param beside the type of what stands on the other side of the operator
 */
export function print(node: Node, scope: PrintScope, beside: ValueType | undefined): Piece[] {
  if ('A_Const' in node) return [constant(node.A_Const, beside)];
  if ('ColumnRef' in node) {
    const found = scope.column(nameParts(node.ColumnRef.fields));
    if (!found.ok) return refuse(found.reason);
    return found.typeName === 'timestamptz' ? around([{ column: found.name }]) : [{ column: found.name }];
  }
  if ('ParamRef' in node) {
    const attribute =
      scope.attributes[(node.ParamRef.number ?? 0) - 1] ?? refuse('parameters are not allowed');
    return [{ attribute, type: beside ?? namedType('text') }];
  }
  if ('A_Expr' in node) return operatorExpression(node.A_Expr, scope);
  if ('TypeCast' in node) return typeCast(node.TypeCast, scope);
  if ('BoolExpr' in node) {
    const parts = (node.BoolExpr.args ?? []).map((part) => print(part, scope, undefined));
    if (node.BoolExpr.boolop === 'NOT_EXPR')
      return ['(NOT ', ...(parts[0] ?? refuse('NOT lacks its value')), ')'];
    return joined(parts, node.BoolExpr.boolop === 'AND_EXPR' ? ' AND ' : ' OR ');
  }
  if ('NullTest' in node) {
    const argument = node.NullTest.arg ?? refuse('IS NULL lacks its value');
    const test = node.NullTest.nulltesttype === 'IS_NULL' ? ' IS NULL)' : ' IS NOT NULL)';
    return ['(', ...print(argument, scope, undefined), test];
  }
  if ('BooleanTest' in node) {
    const words = (node.BooleanTest.booltesttype ?? '').replaceAll('_', ' ');
    if (!/^IS (NOT )?(TRUE|FALSE|UNKNOWN)$/.test(words)) return refuse('this boolean test is not supported');
    return [
      '(',
      ...print(node.BooleanTest.arg ?? refuse('a test lacks its value'), scope, undefined),
      ` ${words})`,
    ];
  }
  if ('CoalesceExpr' in node) {
    return [
      'COALESCE',
      ...joined(
        (node.CoalesceExpr.args ?? []).map((part) => print(part, scope, typeIn(node, scope) ?? beside)),
        ', ',
      ),
    ];
  }
  if ('CaseExpr' in node) {
    if (node.CaseExpr.arg) return refuse('CASE value WHEN is not supported; write CASE WHEN condition');
    const type = typeIn(node, scope) ?? beside;
    const branches = (node.CaseExpr.args ?? []).flatMap((branch): Piece[] => {
      const when = 'CaseWhen' in branch ? branch.CaseWhen : refuse('this CASE is not supported');
      const condition = print(when.expr ?? refuse('WHEN lacks its condition'), scope, undefined);
      const result = print(when.result ?? refuse('THEN lacks its value'), scope, type);
      return [' WHEN ', ...condition, ' THEN ', ...result];
    });
    const fallback: Piece[] = node.CaseExpr.defresult
      ? [' ELSE ', ...print(node.CaseExpr.defresult, scope, type)]
      : [];
    return ['(CASE', ...branches, ...fallback, ' END)'];
  }
  if ('FuncCall' in node) {
    const { funcname, args, ...rest } = node.FuncCall;
    const parts = nameParts(funcname);
    const name = parts.at(-1) ?? '';
    const builtin = parts.length === 1 || (parts.length === 2 && parts[0] === 'pg_catalog');
    if (!builtin || !functionsFor[scope.use].has(name))
      return refuse(`the function ${parts.join('.')} is not allowed here`);
    const known = new Set(['funcformat', 'location']);
    if (Object.keys(rest).some((key) => !known.has(key)))
      return refuse(`${name} has a clause that is not supported`);
    return timeCall(name, args ?? [], scope) ?? call(name, args ?? [], scope);
  }
  return refuse(`${Object.keys(node)[0] ?? 'this'} is not supported in a policy's SQL`);
}

function call(name: string, args: readonly Node[], scope: PrintScope): Piece[] {
  return [
    `pg_catalog.${name}`,
    ...joined(
      args.map((part) => print(part, scope, undefined)),
      ', ',
    ),
  ];
}

/** The functions that reckon in the session's zone, in UTC; undefined for all others. */
function timeCall(name: string, args: readonly Node[], scope: PrintScope): Piece[] | undefined {
  const reckoned = (node: Node): Piece[] => {
    const type = typeIn(node, scope);
    if (type?.typeName === 'interval' || type?.typeName === 'time') return print(node, scope, undefined);
    // A date would be taken for midnight in the session's zone.
    return ['(', ...print(node, scope, namedType('timestamptz')), ')::pg_catalog.timestamp'];
  };
  const [first, second, third] = args;
  switch (name) {
    case 'now':
      // now() stands still in an open transaction (rewrite/guard-sql.ts).
      return [inUtc('pg_catalog.statement_timestamp()')];
    case 'age':
      if (first === undefined || args.length > 2) return undefined;
      return [
        'pg_catalog.age(',
        // With one argument it counts from midnight of the session's day.
        ...(second === undefined
          ? [`pg_catalog.date_trunc('day'::pg_catalog.text, ${inUtc('pg_catalog.statement_timestamp()')})`]
          : reckoned(first)),
        ', ',
        ...reckoned(second ?? first),
        ')',
      ];
    case 'date_part':
    case 'date_trunc': {
      if (first === undefined || second === undefined) return undefined;
      const unit = print(first, scope, undefined);
      if (third === undefined) return [`pg_catalog.${name}(`, ...unit, ', ', ...reckoned(second), ')'];
      const zone = print(third, scope, undefined);
      return around([`pg_catalog.${name}(`, ...unit, ', ', ...around(reckoned(second)), ', ', ...zone, ')']);
    }
    default:
      return undefined;
  }
}
