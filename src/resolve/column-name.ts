/** The name an output column gets without AS: FigureColnameInternal in parse_target.c. */
import type { Node, SelectStmt } from '@pgsql/types';
import { stringOf } from './ast.js';

const SQL_VALUE_FUNCTIONS: Readonly<Record<string, string>> = {
  SVFOP_CURRENT_DATE: 'current_date',
  SVFOP_CURRENT_TIME: 'current_time',
  SVFOP_CURRENT_TIME_N: 'current_time',
  SVFOP_CURRENT_TIMESTAMP: 'current_timestamp',
  SVFOP_CURRENT_TIMESTAMP_N: 'current_timestamp',
  SVFOP_LOCALTIME: 'localtime',
  SVFOP_LOCALTIME_N: 'localtime',
  SVFOP_LOCALTIMESTAMP: 'localtimestamp',
  SVFOP_LOCALTIMESTAMP_N: 'localtimestamp',
  SVFOP_CURRENT_ROLE: 'current_role',
  SVFOP_CURRENT_USER: 'current_user',
  SVFOP_USER: 'user',
  SVFOP_SESSION_USER: 'session_user',
  SVFOP_CURRENT_CATALOG: 'current_catalog',
  SVFOP_CURRENT_SCHEMA: 'current_schema',
};

const XML_NAMES: Readonly<Record<string, string>> = {
  IS_XMLCONCAT: 'xmlconcat',
  IS_XMLELEMENT: 'xmlelement',
  IS_XMLFOREST: 'xmlforest',
  IS_XMLPARSE: 'xmlparse',
  IS_XMLPI: 'xmlpi',
  IS_XMLROOT: 'xmlroot',
};

/** Nodes whose name is a fixed word. */
const FIXED_NAMES: readonly (readonly [kind: string, name: string])[] = [
  ['GroupingFunc', 'grouping'],
  ['MergeSupportFunc', 'merge_action'],
  ['A_ArrayExpr', 'array'],
  ['RowExpr', 'row'],
  ['CoalesceExpr', 'coalesce'],
  ['XmlSerialize', 'xmlserialize'],
  ['JsonParseExpr', 'json'],
  ['JsonScalarExpr', 'json_scalar'],
  ['JsonSerializeExpr', 'json_serialize'],
  ['JsonObjectConstructor', 'json_object'],
  ['JsonArrayConstructor', 'json_array'],
  ['JsonArrayQueryConstructor', 'json_array'],
  ['JsonObjectAgg', 'json_objectagg'],
  ['JsonArrayAgg', 'json_arrayagg'],
];

const JSON_FUNCTIONS: Readonly<Record<string, string>> = {
  JSON_EXISTS_OP: 'json_exists',
  JSON_QUERY_OP: 'json_query',
  JSON_VALUE_OP: 'json_value',
};

function lastName(nodes: readonly Node[] | undefined): string | undefined {
  let last: string | undefined;
  for (const node of nodes ?? []) last = stringOf(node) ?? last;
  return last;
}

/** A scalar subquery is named after its one output column; of a set operation, after the leftmost query's. */
function subqueryTarget(
  query: Node | undefined,
): { readonly name?: string; readonly value?: Node } | undefined {
  if (query === undefined || !('SelectStmt' in query)) return undefined;
  let select: SelectStmt = query.SelectStmt;
  while (select.larg !== undefined) select = select.larg;
  if (select.valuesLists !== undefined) return { name: 'column1' };
  const target = select.targetList?.[0];
  if (target === undefined || !('ResTarget' in target)) return undefined;
  const { name, val } = target.ResTarget;
  return { ...(name === undefined ? {} : { name }), ...(val === undefined ? {} : { value: val }) };
}

/** The name of an output column whose ResTarget has none. */
export function columnNameOf(expression: Node | undefined): string {
  // A weak name holds only as long as what is further inside has none of its own.
  let weak: string | undefined;
  let node = expression;
  while (node !== undefined) {
    const fixed = FIXED_NAMES.find(([kind]) => kind in (node as object));
    if (fixed !== undefined) return fixed[1];
    if ('ColumnRef' in node) return lastName(node.ColumnRef.fields) ?? weak ?? '?column?';
    if ('FuncCall' in node) return lastName(node.FuncCall.funcname) ?? '?column?';
    if ('SQLValueFunction' in node) {
      return SQL_VALUE_FUNCTIONS[node.SQLValueFunction.op ?? ''] ?? weak ?? '?column?';
    }
    if ('MinMaxExpr' in node) return node.MinMaxExpr.op === 'IS_GREATEST' ? 'greatest' : 'least';
    if ('XmlExpr' in node) return XML_NAMES[node.XmlExpr.op ?? ''] ?? weak ?? '?column?';
    if ('JsonFuncExpr' in node) return JSON_FUNCTIONS[node.JsonFuncExpr.op ?? ''] ?? weak ?? '?column?';
    if ('A_Indirection' in node) {
      const field = lastName(node.A_Indirection.indirection);
      if (field !== undefined) return field;
      node = node.A_Indirection.arg;
    } else if ('TypeCast' in node) {
      // The outermost cast's type counts among casts in a row, because the inner ones return a weak name too.
      weak ??= lastName(node.TypeCast.typeName?.names);
      node = node.TypeCast.arg;
    } else if ('CollateClause' in node) {
      node = node.CollateClause.arg;
    } else if ('CaseExpr' in node) {
      weak ??= 'case';
      node = node.CaseExpr.defresult;
    } else if ('A_Expr' in node && node.A_Expr.kind === 'AEXPR_NULLIF') {
      return 'nullif';
    } else if ('SubLink' in node) {
      if (node.SubLink.subLinkType === 'EXISTS_SUBLINK') return 'exists';
      if (node.SubLink.subLinkType === 'ARRAY_SUBLINK') return 'array';
      if (node.SubLink.subLinkType !== 'EXPR_SUBLINK') break;
      const target = subqueryTarget(node.SubLink.subselect);
      if (target?.name !== undefined) return target.name;
      // The subquery's column has a name for good by now, so a weak one from outside gives way to it.
      weak = undefined;
      node = target?.value;
    } else {
      break;
    }
  }
  return weak ?? '?column?';
}
