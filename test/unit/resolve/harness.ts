/** A small hand-built catalog, and resolutions printed as short lines of text. */
import type { Catalog, Column, Relation, RelationKind } from '../../../src/catalog/types.js';
import { resolve } from '../../../src/resolve/resolve.js';
import type {
  ColumnBinding,
  Lineage,
  RelationUse,
  ResolveOutcome,
  ResolvedStatement,
  TokenSpan,
} from '../../../src/resolve/types.js';
import { toByteString, byteStringToText, sliceBytes } from '../../../src/sql/byte-string.js';
import { lex } from '../../../src/sql/lexer.js';
import { openParser } from '../../../src/sql/parse.js';
import type { ParseOutcome } from '../../../src/sql/types.js';

const parser = await openParser();

export function parse(sql: string): ParseOutcome {
  const lexed = lex(toByteString(sql));
  return lexed.ok ? parser.parse(lexed.lexed) : lexed;
}

function column(name: string, index: number): Column {
  return {
    attnum: index + 1,
    name,
    typeOid: 25,
    typmod: -1,
    type: 'text',
    baseTypeOid: 25,
    baseType: 'text',
    typeCategory: 'S',
    baseTypeName: 'text',
    notNull: false,
    generated: false,
    hasDefault: false,
  };
}

function relation(oid: number, text: string, kind: RelationKind, definition?: string): Relation {
  const [, schema, name, columns] = /^(\w+)\.(\w+)\((.*)\)$/.exec(text)!;
  return {
    oid,
    schema: schema!,
    name: name!,
    kind,
    rowTypeOid: oid + 1,
    columns: columns!.split(', ').map(column),
    keys: [],
    indexes: [],
    parents: [],
    definition,
    persistence: 'permanent',
    comment: undefined,
  };
}

/** Tables as `schema.name(column, …)`, views with their definition. */
export function catalogOf(tables: readonly string[], views: Readonly<Record<string, string>> = {}): Catalog {
  const relations = [
    ...tables.map((text, index) => relation(1000 + 10 * index, text, 'table')),
    ...Object.entries(views).map(([text, definition], index) =>
      relation(5000 + 10 * index, text, 'view', definition),
    ),
  ];
  const builtins = new Set(['count', 'lower', 'max', 'sum', 'generate_series', 'row_to_json', 'row_number']);
  const shout = {
    oid: 9000,
    schema: 'public',
    name: 'shout',
    signature: 'text',
    argumentTypes: 'text',
    language: 'sql',
    extension: undefined,
  };
  return {
    version: 'test',
    database: 'crm',
    serverVersion: 180000,
    loadedAt: 0,
    relations,
    relation: (schema, name) => relations.find((one) => one.schema === schema && one.name === name),
    relationByOid: (oid) => relations.find((one) => one.oid === oid),
    descendants: () => [],
    hasSchema: (name) => relations.some((one) => one.schema === name),
    hasBuiltinFunction: (name) => builtins.has(name),
    builtinFunctions: () => [],
    userFunctions: (name) => (name === 'shout' ? [shout] : []),
    userOperators: () => [],
    userTypes: () => [],
    userCasts: [],
    typesIn: (oid) => [oid],
    typesWithCode: new Map(),
  };
}

export const crm = catalogOf([
  'public.customers(id, email, region)',
  'public.orders(id, customer_id, total)',
  'public.payments(id, customer_id, amount)',
  'other.customers(id, note)',
  'pg_catalog.pg_class(oid, relname)',
]);

export function resolveText(
  sql: string,
  catalog: Catalog = crm,
  path: readonly string[] = ['public'],
): ResolveOutcome {
  const parsed = parse(sql);
  if (!parsed.ok) throw new Error(`${parsed.problem.kind}: ${parsed.problem.message}`);
  return resolve(parsed.statements[0]!, catalog, path);
}

/** The resolution of a statement that must resolve. */
export function resolved(
  sql: string,
  catalog: Catalog = crm,
  path: readonly string[] = ['public'],
): ResolvedStatement {
  const outcome = resolveText(sql, catalog, path);
  if (!outcome.ok) throw new Error(JSON.stringify(outcome.problem));
  return outcome.resolved;
}

export function spanText({ statement }: ResolvedStatement, span: TokenSpan): string {
  const { text, tokens } = statement.lexed;
  return byteStringToText(sliceBytes(text, tokens.start(span.first), tokens.end(span.end - 1)));
}

/** `customers` or `c` and the attribute's name. */
function columnText(use: RelationUse, attnum: number): string {
  const name = use.relation.columns.find((one) => one.attnum === attnum)?.name ?? '?';
  return `${use.alias ?? `${use.relation.schema}.${use.relation.name}`}.${name}`;
}

export function lineageText(lineage: Lineage): string {
  switch (lineage.kind) {
    case 'unknown':
      return 'unknown';
    case 'column':
      return columnText(lineage.use, lineage.attnum);
    case 'expression':
      return `f(${lineage.inputs.map((input) => columnText(input.use, input.attnum)).join(', ')})`;
  }
}

function bindingText(binding: ColumnBinding): string {
  switch (binding.kind) {
    case 'column':
      return columnText(binding.use, binding.attnum) + '^'.repeat(binding.levelsUp);
    case 'system':
      return `system ${binding.name}`;
    case 'row':
      return `row ${binding.use.alias ?? binding.use.relation.name}${binding.star ? '.*' : ''}`;
    case 'star':
      return `star ${binding.uses.map((use) => use.alias ?? use.relation.name).join(' ')}`;
    case 'derived':
      return `derived ${lineageText(binding.lineage)}`;
    case 'unresolved':
      return 'unresolved';
  }
}

/** Every column reference in source order, as `text: meaning`. */
export function columnLines(statement: ResolvedStatement): string[] {
  return [...statement.columns]
    .flatMap(([ref, binding]) => {
      const span = statement.columnSpans.get(ref);
      return span === undefined
        ? []
        : [{ first: span.first, line: `${spanText(statement, span)}: ${bindingText(binding)}` }];
    })
    .sort((x, y) => x.first - y.first)
    .map(({ line }) => line);
}

/** Every relation use, as `purpose schema.name [full span] flags`. */
export function relationLines(statement: ResolvedStatement): string[] {
  return statement.relations.map((use) => {
    const flags = [
      use.only ? 'only' : '',
      use.alias === undefined ? '' : `as ${use.alias}`,
      use.hasColumnAliases ? 'renamed' : '',
      use.tableSample ? 'sampled' : '',
      use.nullable ? 'nullable' : '',
      use.tableCommandSpan === undefined ? '' : 'command',
    ].filter((flag) => flag !== '');
    const name = `${use.purpose} ${use.relation.schema}.${use.relation.name} [${spanText(statement, use.fullSpan)}]`;
    return [name, ...flags].join(' ');
  });
}

/** Output columns as `name: lineage`; `?` when they cannot be told. */
export function outputLines(statement: ResolvedStatement): string[] | '?' {
  return statement.outputs?.map(({ name, lineage }) => `${name}: ${lineageText(lineage)}`) ?? '?';
}
