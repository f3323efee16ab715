/**
 * Makes sure that a tree holds nothing but what the generated schema knows, so that no later step overlooks a node.
 */
import type { Node } from '@pgsql/types';
import { elementShape, untag } from './children.js';
import { nodeFields } from './node-fields.js';
import type { FieldShape, NodeKind } from './node-fields.js';
import type { SqlProblem } from './types.js';

type Body = Readonly<Record<string, unknown>>;
type Pending = [kind: string, body: unknown];

/**
 * INVARIANT(known-nodes-only): every node kind and field of a parsed statement is in the schema, with a value of the
 * form that the schema says. The answer names what is not, which is the parser's word, never the client's.
 */
export function checkShape(statement: Node): SqlProblem | undefined {
  const stack: Pending[] = [];
  let unknown = pushNode(stack, 'node', statement);
  for (let next = stack.pop(); next !== undefined && unknown === undefined; next = stack.pop()) {
    unknown = checkNode(stack, next[0], next[1]);
  }
  if (unknown === undefined) return undefined;
  // FAIL-CLOSED: a node that this version does not know could read any table.
  return {
    kind: 'unknown-node',
    message: `the statement uses ${unknown}, which this version of pgveil does not know`,
    at: undefined,
  };
}

function checkNode(stack: Pending[], kind: string, body: unknown): string | undefined {
  if (!Object.hasOwn(nodeFields, kind)) return `the node ${kind}`;
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    return `the node ${kind} in an unknown form`;
  const shapes = nodeFields[kind as NodeKind];
  for (const field in body) {
    const shape = Object.hasOwn(shapes, field) ? shapes[field] : undefined;
    if (shape === undefined) return `the field ${kind}.${field}`;
    if (!checkField(stack, shape, (body as Body)[field]))
      return `the field ${kind}.${field} in an unknown form`;
  }
  return undefined;
}

function checkField(stack: Pending[], shape: FieldShape, value: unknown): boolean {
  if (Array.isArray(value)) {
    const element = elementShape(shape);
    if (shape === 'scalars' || shape === 'enums') return value.every(isScalar);
    return element !== shape && value.every((item) => pushNode(stack, element, item) === undefined);
  }
  if (shape === 'location') return typeof value === 'number';
  if (shape === 'scalar' || shape === 'enum') return isScalar(value);
  return pushNode(stack, shape, value) === undefined;
}

function pushNode(stack: Pending[], shape: FieldShape, value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'a node in an unknown form';
  if (shape !== 'node') {
    stack.push([shape, value]);
    return undefined;
  }
  const keys = Object.keys(value);
  if (keys.length > 1) return 'a node with two tags';
  // `{}` is a null in a list, as DISTINCT without ON has.
  const tagged = untag(value);
  if (tagged !== undefined) stack.push([tagged[0], tagged[1]]);
  return undefined;
}

function isScalar(value: unknown): boolean {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
}
