/**
 * Small helpers over the parser's JSON tree. They know its shape (a one-key object per tagged node, bare objects for
 * fields of a concrete type, `{}` for a null list member) and nothing of names or scopes.
 */
import type { ColumnRef, Node, RangeVar, SelectStmt } from '@pgsql/types';
import type { ResolveProblem } from './types.js';

/**
 * Unwinds to resolve(), which turns it into a ResolveOutcome. An exception because the analysis is deep inside
 * mutually recursive functions when it finds a name it does not know.
 */
export class ResolveFailure extends Error {
  readonly problem: ResolveProblem;
  constructor(problem: ResolveProblem) {
    super(problem.kind);
    this.problem = problem;
  }
}

export function unsupported(what: string): ResolveFailure {
  return new ResolveFailure({ kind: 'unsupported', what });
}

/** The text of a String node; undefined for every other node. */
export function stringOf(node: Node | undefined): string | undefined {
  return node !== undefined && 'String' in node ? (node.String.sval ?? '') : undefined;
}

/** The texts of a list of String nodes (a qualified name, column aliases, USING). */
export function stringsOf(nodes: readonly Node[] | undefined): string[] {
  const texts: string[] = [];
  for (const node of nodes ?? []) {
    const text = stringOf(node);
    if (text !== undefined) texts.push(text);
  }
  return texts;
}

export function isStar(node: Node | undefined): boolean {
  return node !== undefined && 'A_Star' in node;
}

/** True for a present node that is not the empty object that stands for a null pointer in a list. */
export function isPresent(node: Node | undefined): node is Node {
  if (node === undefined) return false;
  for (const _ in node) return true;
  return false;
}

/** A set operation's node, told from the leaves of its tree. */
export function isSetOperation(select: SelectStmt): boolean {
  return select.op !== undefined && select.op !== 'SETOP_NONE';
}

/** True when an inner SELECT of a set operation is a query of its own (transformSetOperationTree in analyze.c). */
export function hasOwnClauses(select: SelectStmt): boolean {
  return (
    select.sortClause !== undefined ||
    select.limitCount !== undefined ||
    select.limitOffset !== undefined ||
    select.lockingClause !== undefined ||
    select.withClause !== undefined
  );
}

/** Pushes the objects directly below an object or array, last first, so that a stack yields them in source order. */
export function pushChildren(value: object, stack: object[]): void {
  const children: unknown[] = Array.isArray(value) ? (value as unknown[]) : Object.values(value);
  for (let i = children.length - 1; i >= 0; i--) {
    const child = children[i];
    if (typeof child === 'object' && child !== null) stack.push(child);
  }
}

/** Every ColumnRef below a node or a list of them. */
export function columnRefsBelow(root: object): ColumnRef[] {
  const found: ColumnRef[] = [];
  const stack: object[] = [root];
  for (let value = stack.pop(); value !== undefined; value = stack.pop()) {
    if ('ColumnRef' in value) found.push(value.ColumnRef as ColumnRef);
    pushChildren(value, stack);
  }
  return found;
}

/**
 * Every RangeVar below a node, found by its own fields and not by its tag, because the parser leaves the tag out of
 * fields of a concrete type (InsertStmt.relation). `relpersistence` is set on every RangeVar the grammar makes.
 */
export function rangeVarsBelow(root: object): RangeVar[] {
  const found: RangeVar[] = [];
  const stack: object[] = [root];
  for (let value = stack.pop(); value !== undefined; value = stack.pop()) {
    if ('relpersistence' in value || 'relname' in value) found.push(value as RangeVar);
    pushChildren(value, stack);
  }
  return found;
}
