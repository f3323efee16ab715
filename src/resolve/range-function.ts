/** Functions, XMLTABLE and JSON_TABLE in FROM: transformRangeFunction and parse_jsontable.c. */
import type { JsonTable, Node, RangeFunction, RangeTableFunc } from '@pgsql/types';
import { columnNameOf } from './column-name.js';
import { stringsOf } from './ast.js';
import { expressionLineage } from './expression.js';
import { derivedEntry, uniformShape } from './range-entry.js';
import type { Resolution } from './resolution.js';
import { RowShapeBuilder } from './row-shape.js';
import type { RangeEntry, Scope } from './scope.js';

/** Built-in functions whose row is known: `undefined` is a scalar, named after the alias or the function. */
const KNOWN_ROWS: ReadonlyMap<string, readonly string[] | undefined> = new Map([
  ['generate_series', undefined],
  ['generate_subscripts', undefined],
  ['regexp_split_to_table', undefined],
  ['string_to_table', undefined],
  ['regexp_matches', undefined],
  ['json_object_keys', undefined],
  ['jsonb_object_keys', undefined],
  ['json_array_elements', ['value']],
  ['json_array_elements_text', ['value']],
  ['jsonb_array_elements', ['value']],
  ['jsonb_array_elements_text', ['value']],
  ['json_each', ['key', 'value']],
  ['json_each_text', ['key', 'value']],
  ['jsonb_each', ['key', 'value']],
  ['jsonb_each_text', ['key', 'value']],
]);

function knownRow(
  resolution: Resolution,
  call: Node | undefined,
  alias: string,
): readonly string[] | undefined {
  if (call === undefined || !('FuncCall' in call)) return undefined;
  const name = stringsOf(call.FuncCall.funcname);
  const base = name.at(-1) ?? '';
  const builtin =
    name.length === 1 ? resolution.catalog.userFunctions(base).length === 0 : name[0] === 'pg_catalog';
  if (!builtin || !KNOWN_ROWS.has(base)) return undefined;
  return KNOWN_ROWS.get(base) ?? [alias];
}

function definedColumns(list: readonly Node[] | undefined): string[] | undefined {
  if (list === undefined || list.length === 0) return undefined;
  return list.flatMap((node) => ('ColumnDef' in node ? [node.ColumnDef.colname ?? ''] : []));
}

/** `f(…)`, `ROWS FROM (…)`, with ordinality, with column definitions. Always laterally active, as the server is. */
export function functionEntry(resolution: Resolution, item: RangeFunction, scope: Scope): RangeEntry {
  const shape = new RowShapeBuilder();
  const functions = item.functions ?? [];
  let firstName: string | undefined;
  for (const node of functions) {
    const [call, definitions] = 'List' in node ? (node.List.items ?? []) : [];
    const lineage = expressionLineage(resolution, call, scope);
    const name = columnNameOf(call);
    firstName ??= name;
    const ownDefinitions =
      definitions !== undefined && 'List' in definitions ? definedColumns(definitions.List.items) : undefined;
    const scalarName = functions.length === 1 ? (item.alias?.aliasname ?? name) : name;
    const columns =
      ownDefinitions ?? definedColumns(item.coldeflist) ?? knownRow(resolution, call, scalarName);
    if (columns === undefined) {
      shape.addUnknown();
      shape.add(scalarName, lineage);
    } else {
      for (const column of columns) shape.add(column, lineage);
    }
  }
  if (item.ordinality === true) shape.add('ordinality', { kind: 'expression', inputs: [] });
  return derivedEntry(item.alias, firstName, shape.build());
}

/** XMLTABLE: every column is computed from the document and the paths. */
export function tableFunctionEntry(resolution: Resolution, item: RangeTableFunc, scope: Scope): RangeEntry {
  const parts = [item.namespaces, item.rowexpr, item.docexpr, item.columns].filter(
    (part) => part !== undefined,
  );
  const lineage = expressionLineage(resolution, parts, scope);
  const names = (item.columns ?? []).flatMap((node) =>
    'RangeTableFuncCol' in node ? [node.RangeTableFuncCol.colname ?? ''] : [],
  );
  return derivedEntry(item.alias, 'xmltable', uniformShape(names, lineage));
}

/** A level's own columns first, then those of its nested paths (transformJsonTableColumns). */
function jsonTableColumns(resolution: Resolution, columns: readonly Node[]): string[] {
  const own: string[] = [];
  const nested: string[] = [];
  for (const node of columns) {
    if (!('JsonTableColumn' in node)) continue;
    const column = node.JsonTableColumn;
    if (column.coltype === 'JTC_NESTED') {
      nested.push(...resolution.nested(() => jsonTableColumns(resolution, column.columns ?? [])));
    } else {
      own.push(column.name ?? '');
    }
  }
  return [...own, ...nested];
}

export function jsonTableEntry(resolution: Resolution, item: JsonTable, scope: Scope): RangeEntry {
  const lineage = expressionLineage(resolution, item, scope);
  const names = jsonTableColumns(resolution, item.columns ?? []);
  return derivedEntry(item.alias, 'json_table', uniformShape(names, lineage));
}
