/**
 * Expressions that cannot fail, whatever the values in them: whether the server computes one of a hidden column tells
 * nothing then. Known by a list of node kinds and built-in functions, so everything else counts as able to fail.
 */
import type { Node } from '@pgsql/types';
import type { Column } from '../catalog/types.js';

/** Of text and full text alone; sizes beyond a gigabyte aside. */
const functions = new Set(
  'lower upper initcap btrim ltrim rtrim length char_length octet_length replace translate md5 strpos left right reverse to_tsvector setweight starts_with'.split(
    ' ',
  ),
);
const operators = new Set(['=', '<>', '<', '>', '<=', '>=', '||']);
/** Every value can be cast to these. */
const castTypes = new Set(['text', 'varchar', 'bpchar', 'name']);
const resultTypes = new Set([...castTypes, 'citext', 'tsvector', 'bool', 'int4']);

/** `columns` are those that the expression reads: no operator of the listed names can fail on their types. */
export function cannotFail(expression: Node, columns: readonly Column[]): boolean {
  if (columns.some(isComposed)) return false;
  const pending: (Node | undefined)[] = [expression];
  while (pending.length > 0) {
    const node = pending.pop();
    if (node === undefined || 'ColumnRef' in node || 'A_Const' in node) continue;
    const parts = quietParts(node);
    if (parts === undefined) return false;
    pending.push(...parts);
  }
  return true;
}

/** A generated column that takes any value of such an expression: no length, precision or domain can refuse it. */
export function takesAll(column: Column): boolean {
  return (
    column.typmod === -1 && column.typeOid === column.baseTypeOid && resultTypes.has(column.baseTypeName)
  );
}

function isComposed(column: Column): boolean {
  return (
    column.typeOid !== column.baseTypeOid ||
    ['A', 'C', 'P', 'R'].includes(column.typeCategory) ||
    ['json', 'jsonb', 'xml', 'hstore'].includes(column.baseTypeName)
  );
}

/** The operands of a node that cannot fail by itself; undefined for all others. */
function quietParts(node: Node): readonly (Node | undefined)[] | undefined {
  if ('BoolExpr' in node) return node.BoolExpr.args ?? [];
  if ('NullTest' in node) return [node.NullTest.arg];
  if ('BooleanTest' in node) return [node.BooleanTest.arg];
  if ('CoalesceExpr' in node) return node.CoalesceExpr.args ?? [];
  if ('CollateClause' in node) return [node.CollateClause.arg];
  if ('CaseExpr' in node) {
    const { arg, args, defresult } = node.CaseExpr;
    const whens = (args ?? []).flatMap((each) =>
      'CaseWhen' in each ? [each.CaseWhen.expr, each.CaseWhen.result] : [each],
    );
    return [arg, defresult, ...whens];
  }
  if ('A_Expr' in node) {
    const { kind, name, lexpr, rexpr } = node.A_Expr;
    return kind === 'AEXPR_OP' && operators.has(nameOf(name) ?? '') ? [lexpr, rexpr] : undefined;
  }
  if ('FuncCall' in node) {
    return functions.has(nameOf(node.FuncCall.funcname) ?? '') ? (node.FuncCall.args ?? []) : undefined;
  }
  if ('TypeCast' in node) {
    const { arg, typeName } = node.TypeCast;
    // A constant is cast once and for all.
    if (arg !== undefined && 'A_Const' in arg) return [];
    const plain = typeName?.typmods === undefined && typeName?.arrayBounds === undefined;
    return plain && castTypes.has(nameOf(typeName?.names) ?? '') ? [arg] : undefined;
  }
  return undefined;
}

/** A name of the server's own: pg_get_expr spells all others with their schema. */
function nameOf(parts: readonly Node[] | undefined): string | undefined {
  const names = (parts ?? []).map((part) => ('String' in part ? (part.String.sval ?? '') : ''));
  if (names.length === 2 && names[0] === 'pg_catalog') return names[1];
  return names.length === 1 ? names[0] : undefined;
}
