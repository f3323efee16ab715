/**
 * The children of a tree node, by the generated schema. Needed because the JSON omits the tag on fields of a concrete
 * kind (SelectStmt.larg, InsertStmt.relation), so that a walk which looks for one-key objects would miss them.
 */
import { nodeFields } from './node-fields.js';
import type { FieldShape, NodeKind } from './node-fields.js';

/** The fields of a node, without its tag. */
export type NodeBody = Readonly<Record<string, unknown>>;

/** A node below another, with the place that holds it. */
export interface Child {
  readonly kind: NodeKind;
  readonly body: NodeBody;
  readonly field: string;
  /** Its place in a list, or -1. */
  readonly index: number;
}

const listSuffix = '[]';

/** The children in the order of the tree: fields as they stand, lists from the front. */
export function childrenOf(kind: NodeKind, body: NodeBody): Child[] {
  const children: Child[] = [];
  const shapes = nodeFields[kind];
  for (const field in body) {
    const value = body[field];
    if (typeof value !== 'object' || value === null) continue;
    const shape = shapes[field];
    if (shape === undefined) throw new Error(`node ${kind} has an unknown field; checkShape was not called`);
    if (!Array.isArray(value)) addChild(children, shape, value, field, -1);
    else
      value.forEach((element: unknown, index) =>
        addChild(children, elementShape(shape), element, field, index),
      );
  }
  return children;
}

/** The shape of an element of a list of this shape. */
export function elementShape(shape: FieldShape): FieldShape {
  if (shape === 'nodes') return 'node';
  return shape.endsWith(listSuffix) ? (shape.slice(0, -listSuffix.length) as NodeKind) : shape;
}

/** The tag and body of a tagged node; undefined for `{}`, which is how the JSON writes a null in a list. */
export function untag(node: object): readonly [kind: string, body: unknown] | undefined {
  for (const kind in node) return [kind, (node as NodeBody)[kind]];
  return undefined;
}

function addChild(children: Child[], shape: FieldShape, value: unknown, field: string, index: number): void {
  if (typeof value !== 'object' || value === null) return;
  if (shape !== 'node') {
    children.push({ kind: shape as NodeKind, body: value as NodeBody, field, index });
    return;
  }
  const tagged = untag(value);
  if (tagged !== undefined)
    children.push({ kind: tagged[0] as NodeKind, body: tagged[1] as NodeBody, field, index });
}
