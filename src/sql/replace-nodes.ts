/**
 * The tree that a splice is meant to give: a copy with some nodes replaced. It knows the schema, not why.
 */
import type { Node } from '@pgsql/types';
import { elementShape, untag } from './children.js';
import { nodeFields } from './node-fields.js';
import type { FieldShape, NodeKind } from './node-fields.js';

type Mutable = Record<string, unknown>;

interface Copying {
  readonly kind: NodeKind;
  readonly from: Readonly<Mutable>;
  readonly to: Mutable;
}

/**
 * Copies a tree; a node that is a key of the map, by identity of its body or of its tagged wrapper, becomes the map's
 * node instead. The replacement itself is taken as it is. Throws when a replacement does not fit a field of a
 * concrete kind, which no text could produce.
 */
export function replaceNodes(tree: Node, replacements: ReadonlyMap<object, Node>): Node {
  const stack: Copying[] = [];
  const copy = copyNode(stack, 'node', tree, replacements) as Node;
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) copyFields(stack, next, replacements);
  return copy;
}

function copyFields(
  stack: Copying[],
  { kind, from, to }: Copying,
  replacements: ReadonlyMap<object, Node>,
): void {
  const shapes = nodeFields[kind];
  for (const field of Object.keys(from)) {
    const value = from[field];
    const shape = shapes[field];
    if (shape === undefined) throw new Error(`node ${kind} has an unknown field; checkShape was not called`);
    to[field] = Array.isArray(value)
      ? value.map((item: unknown) => copyNode(stack, elementShape(shape), item, replacements))
      : copyNode(stack, shape, value, replacements);
  }
}

function copyNode(
  stack: Copying[],
  shape: FieldShape,
  value: unknown,
  replacements: ReadonlyMap<object, Node>,
): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (shape !== 'node') {
    const replacement = replacements.get(value);
    if (replacement !== undefined) return bodyOfKind(shape as NodeKind, replacement);
    return queueBody(stack, shape as NodeKind, value);
  }
  const tagged = untag(value);
  if (tagged === undefined) return {};
  const [kind, body] = tagged;
  const replacement = replacements.get(value) ?? replacements.get(body as object);
  return replacement ?? { [kind]: queueBody(stack, kind as NodeKind, body as object) };
}

function queueBody(stack: Copying[], kind: NodeKind, from: object): Mutable {
  const to: Mutable = {};
  stack.push({ kind, from: from as Mutable, to });
  return to;
}

function bodyOfKind(kind: NodeKind, replacement: Node): unknown {
  const tagged = untag(replacement);
  if (tagged?.[0] !== kind)
    throw new Error(`a field of kind ${kind} cannot hold ${tagged?.[0] ?? 'nothing'}`);
  return tagged[1];
}
