/**
 * Keeps a policy's SQL from meaning something else under a client's settings. TimeZone moves what a timestamp with time
 * zone is compared with, by up to a week; DateStyle and IntervalStyle decide how texts are read, and they, like
 * extra_float_digits, how values are written as text (manual, 8.5 and 20.11). So all reckoning is in UTC: values of
 * timestamptz are printed as timestamps in UTC, constants have to be in ISO 8601, and nothing of these types becomes text.
 */
import type { Node } from '@pgsql/types';
import { literal } from '../sql-text.js';

/** The type of an expression: pg_type's name and category. */
export interface ValueType {
  /** As format_type prints it. */
  readonly type: string;
  readonly typeName: string;
  readonly category: string;
}

export type TypeOfColumn = (node: Extract<Node, { ColumnRef: unknown }>) => ValueType | undefined;

const builtin = (typeName: string, category: string): ValueType => ({ type: typeName, typeName, category });
const types = {
  date: builtin('date', 'D'),
  timestamp: builtin('timestamp', 'D'),
  timestamptz: builtin('timestamptz', 'D'),
  interval: builtin('interval', 'T'),
  float8: builtin('float8', 'N'),
} as const;

/** A type that casts in a policy may name. */
export function namedType(name: string): ValueType {
  return (types as Readonly<Record<string, ValueType>>)[name] ?? builtin(name, '');
}

/** What is known of an expression's type; undefined where settings have no say or a constant takes its neighbour's type. */
export function typeOf(node: Node | undefined, column: TypeOfColumn): ValueType | undefined {
  const of = (one: Node | undefined): ValueType | undefined => typeOf(one, column);
  const first = (nodes: readonly (Node | undefined)[]): ValueType | undefined =>
    nodes.map(of).find((one) => one !== undefined);
  if (node === undefined) return undefined;
  if ('ColumnRef' in node) return column(node);
  if ('TypeCast' in node) return namedType(lastName(node.TypeCast.typeName?.names));
  if ('CoalesceExpr' in node) return first(node.CoalesceExpr.args ?? []);
  if ('CaseExpr' in node) {
    const results = (node.CaseExpr.args ?? []).map((one) =>
      'CaseWhen' in one ? one.CaseWhen.result : undefined,
    );
    return first([...results, node.CaseExpr.defresult]);
  }
  if ('FuncCall' in node) {
    const { funcname, args = [] } = node.FuncCall;
    switch (lastName(funcname)) {
      case 'now':
        return types.timestamptz;
      case 'age':
        return types.interval;
      case 'date_part':
        return types.float8;
      case 'date_trunc':
        return of(args[1])?.typeName === 'interval' ? types.interval : types.timestamptz;
      case 'abs':
        return of(args[0]);
      default:
        return undefined;
    }
  }
  return 'A_Expr' in node && node.A_Expr.kind === 'AEXPR_OP'
    ? computed(lastName(node.A_Expr.name), of(node.A_Expr.lexpr), of(node.A_Expr.rexpr))
    : undefined;
}

function computed(
  operator: string,
  left: ValueType | undefined,
  right: ValueType | undefined,
): ValueType | undefined {
  if (operator !== '+' && operator !== '-' && operator !== '*') return undefined;
  const [a, b] = [left, right].map((one) => one?.typeName);
  if (isFloat(a) || isFloat(b)) return types.float8;
  if (a === 'interval' || b === 'interval') {
    return [left, right].some((one) => one?.category === 'D') ? types.timestamp : types.interval;
  }
  if (left?.category !== 'D' && right?.category !== 'D') return undefined;
  if (left?.category === 'D' && right?.category === 'D') {
    return a === 'date' && b === 'date' ? undefined : types.interval;
  }
  return left?.category === 'D' ? left : right;
}

const isFloat = (name: string | undefined): boolean => name === 'float4' || name === 'float8';

function lastName(names: readonly Node[] | undefined): string {
  const last = names?.at(-1);
  return last !== undefined && 'String' in last ? (last.String.sval ?? '') : '';
}

const utc = `'UTC'::pg_catalog.text`;

/** timestamptz to its timestamp in UTC, or a timestamp in UTC back to timestamptz (timezone() does both). */
export function inUtc(sql: string): string {
  return `pg_catalog.timezone(${utc}, ${sql})`;
}

/** Expressions of these types are printed as timestamps in UTC. */
export function isInstant(type: ValueType | undefined): boolean {
  return type?.typeName === 'timestamptz' || type?.typeName === 'timestamp';
}

/** Holds values of timestamptz, which a timestamp would be compared with by the session's zone. */
export function holdsInstants(type: ValueType | undefined): boolean {
  return /^_?(tstzrange|tstzmultirange)$|^_timestamptz$/.test(type?.typeName ?? '');
}

/** True when the text of such a value depends on settings. */
export function writtenBySettings(type: ValueType | undefined): boolean {
  return (
    type !== undefined &&
    (/^[DTRGAC]$/.test(type.category) || /^(float4|float8|money|bytea)$/.test(type.typeName))
  );
}

const day = String.raw`\d{4,6}-\d{2}-\d{2}`;
const zone = String.raw`\s?(?:Z|UTC|[+-]\d{2}(?::?\d{2})?)`;
const time = String.raw`\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?`;
const wholeTime = new RegExp(`^(?:${day}(?:[T ]${time})?|-?infinity)$`);
const zonedTime = new RegExp(`^${day}[T ]${time}${zone}$`);
const wholeDay = new RegExp(`^(?:${day}|-?infinity)$`);
const timeOfDay = new RegExp(`^${time}$`);
/** No text after a leading minus: IntervalStyle decides what a sign in front covers. */
const wholeInterval = /^\s*[\dP]/;
/** Of the parts of ranges and lists no day may come first. */
const dayFirst = /(?:^|\D)\d{1,2}-\d{1,2}-\d|[/]|\d\.\d+\.|[A-Za-z]{3}/;

/** `unlike`: the constant's form leaves open what it means. Undefined: settings have no say in its type. */
export type SettledConstant = { readonly sql: string } | 'unlike' | undefined;

/**
 * A constant of a type whose text is read by settings, as SQL that reads it alike under all of them. Without a zone it is in UTC.
 */
export function settledConstant(text: string, type: ValueType | undefined): SettledConstant {
  const typed = (name: string): string => `(${literal(text)}::pg_catalog.${name})`;
  const as = (name: string, fits: RegExp): SettledConstant =>
    fits.test(text) ? { sql: typed(name) } : 'unlike';
  switch (type?.typeName) {
    case 'timestamptz':
      if (zonedTime.test(text)) return { sql: inUtc(typed('timestamptz')) };
      return as('timestamp', wholeTime);
    case 'timestamp':
      return as('timestamp', wholeTime);
    case 'date':
      return as('date', wholeDay);
    case 'time':
      return as('time', timeOfDay);
    case 'interval':
      return as('interval', wholeInterval);
    case 'timetz':
    case 'money':
      return 'unlike';
    default:
      if (holdsInstants(type)) return 'unlike';
      return type !== undefined &&
        /date|timestamp|tsrange|tsmultirange/.test(type.typeName) &&
        dayFirst.test(text)
        ? 'unlike'
        : undefined;
  }
}
