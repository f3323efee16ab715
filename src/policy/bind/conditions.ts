/** A policy's own SQL conditions, tied to one relation. */
import type { Node } from '@pgsql/types';
import type { Column, Relation } from '../../catalog/types.js';
import { compileExpression, isCondition } from '../expression/compile.js';
import type { ColumnLookup, Piece } from '../expression/print.js';
import { namedType, settledConstant } from '../expression/time.js';
import { identifier, literal, safeTypeName } from '../sql-text.js';
import { suggest } from '../suggest.js';
import type { PolicyCondition } from '../types.js';
import { complain, qualified, type Binding, type Site } from './binding.js';

function render(
  pieces: readonly Piece[],
  alias: string,
  actor: ReadonlyMap<string, string>,
): string | undefined {
  let sql = '';
  for (const piece of pieces) {
    if (typeof piece === 'string') sql += piece;
    else if ('column' in piece) sql += `${alias}.${identifier(piece.column)}`;
    else {
      const value = actor.get(piece.attribute);
      // FAIL-CLOSED: without the attribute no row passes.
      if (value === undefined || value.includes('\0')) return undefined;
      const settled = settledConstant(value, piece.type);
      // FAIL-CLOSED: neither does any where settings that the client chooses would decide what it means.
      if (settled === 'unlike') return undefined;
      sql += settled?.sql ?? `(${literal(value)}::${safeTypeName(piece.type.type)})`;
    }
  }
  return `(${sql})`;
}

/** `x`, `customers.x` or `public.customers.x`: the last part names the column, what stands before it the relation. */
function belongsTo(parts: readonly string[], relation: Relation): boolean {
  const [table, schema] = parts.slice(0, -1).reverse();
  return (
    parts.length <= 3 &&
    (table === undefined || table === relation.name) &&
    (schema === undefined || schema === relation.schema)
  );
}

function lookup(relation: Relation): ColumnLookup {
  return (parts) => {
    const name = parts.at(-1) ?? '';
    if (!belongsTo(parts, relation)) {
      return {
        ok: false,
        reason: `"${parts.join('.')}" is not of "${qualified(relation)}", which this rule is about`,
      };
    }
    const column = relation.columns.find((one) => one.name === name);
    if (column) {
      const { baseType: type, baseTypeName: typeName, typeCategory: category } = column;
      return { ok: true, name, type, typeName, category };
    }
    const close = suggest(
      name,
      relation.columns.map((one) => one.name),
      'column',
    );
    return { ok: false, reason: `"${qualified(relation)}" has no column "${name}": ${close}` };
  };
}

/** The same condition on a child, which has all of its parent's columns by name. */
export function onRelation(condition: PolicyCondition, relation: Relation): PolicyCondition {
  return { ...condition, relation };
}

/** Compiles a condition over a relation that is known. */
export function bindCondition(
  binding: Binding,
  site: Site,
  text: string,
  relation: Relation,
): PolicyCondition | undefined {
  const column = lookup(relation);
  const compiled = compileExpression(text, { parser: binding.parser, use: 'condition', column });
  const wrong = (message: string): undefined =>
    complain(binding, site, {
      code: 'bad-condition',
      message: `not a usable condition: ${message}`,
      fix: 'write one true-or-false expression over the columns of one table, such as "region = {actor.region}"',
    });
  if (!compiled.ok) {
    wrong(compiled.reason);
    return;
  }
  const isBoolean = (parts: readonly string[]): boolean => {
    const found: Column | undefined = relation.columns.find((one) => one.name === parts.at(-1));
    return found?.baseTypeName === 'bool';
  };
  if (!isCondition(compiled.node, isBoolean)) {
    wrong('it is not true or false');
    return;
  }
  if (!compiled.pieces.some((piece) => typeof piece !== 'string' && 'column' in piece)) {
    wrong('it reads no column, so it does not depend on the row');
    return;
  }
  return {
    relation,
    attributes: compiled.attributes,
    sql: (alias, actor) => render(compiled.pieces, alias, actor),
  };
}

function columnRefs(node: unknown, found: string[][] = []): string[][] {
  if (Array.isArray(node)) for (const one of node) columnRefs(one, found);
  else if (typeof node === 'object' && node !== null) {
    if ('ColumnRef' in node) {
      const { fields = [] } = (node as Extract<Node, { ColumnRef: unknown }>).ColumnRef;
      found.push(fields.map((one) => ('String' in one ? (one.String.sval ?? '') : '*')));
    } else for (const one of Object.values(node)) columnRefs(one, found);
  }
  return found;
}

/** Compiles a condition that names its table itself, one of the candidates. */
export function bindTableCondition(
  binding: Binding,
  site: Site,
  text: string,
  candidates: readonly Relation[],
): PolicyCondition | undefined {
  const any: ColumnLookup = (parts) => ({ ok: true, name: parts.at(-1) ?? '', ...namedType('text') });
  const compiled = compileExpression(text, { parser: binding.parser, use: 'condition', column: any });
  const refs = compiled.ok ? columnRefs(compiled.node) : [];
  // An unsupported expression gets its own message from the full compilation.
  const relation = candidates.find((one) => refs.every((parts) => parts.length > 1 && belongsTo(parts, one)));
  if (compiled.ok && (refs.length === 0 || !relation)) {
    complain(binding, site, {
      code: 'bad-condition',
      message: 'the condition must be over one table of subjects: that has a key',
      fix: `write table.column for every column, with one of ${candidates.map((one) => `"${qualified(one)}"`).join(', ')}`,
    });
    return;
  }
  const target = relation ?? candidates[0];
  return target && bindCondition(binding, site, text, target);
}
