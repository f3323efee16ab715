/**
 * Walks a tree with a stack of its own, since a tree as deep as the parser's overflows a recursive walk (5,000 `+1`,
 * tried). It knows the schema of the tree and no meaning.
 */
import type { Node } from '@pgsql/types';
import { childrenOf, untag } from './children.js';
import type { Child, NodeBody } from './children.js';
import type { NodeKind } from './node-fields.js';

/** A node on the walk. `parent` leads up to the root. */
export interface Visit {
  readonly kind: NodeKind;
  /** The node without its tag, by identity the object in the tree. */
  readonly body: NodeBody;
  readonly parent: Visit | undefined;
  /** The field of the parent that holds the node; empty for the root. */
  readonly field: string;
  /** Its place in that field's list, or -1. */
  readonly index: number;
}

export interface Visitor {
  /** Called before the children; 'skip' leaves them out. */
  enter(visit: Visit): 'skip' | undefined;
  /** Called after the children, also when they were skipped. */
  leave?(visit: Visit): void;
}

/** Visits the node and all below it, in the order of the tree. The tree must have passed checkShape. */
export function walk(node: Node, visitor: Visitor): void {
  const tagged = untag(node);
  if (tagged === undefined) return;
  const stack: (Visit | Leaving)[] = [
    { kind: tagged[0] as NodeKind, body: tagged[1] as NodeBody, parent: undefined, field: '', index: -1 },
  ];
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    if ('leaving' in next) {
      visitor.leave?.(next.leaving);
      continue;
    }
    const skip = visitor.enter(next) === 'skip';
    if (visitor.leave !== undefined) stack.push({ leaving: next });
    if (!skip) pushChildren(stack, next, childrenOf(next.kind, next.body));
  }
}

interface Leaving {
  readonly leaving: Visit;
}

function pushChildren(stack: (Visit | Leaving)[], parent: Visit, children: readonly Child[]): void {
  for (let index = children.length - 1; index >= 0; index -= 1) {
    const child = children[index]!;
    stack.push({ kind: child.kind, body: child.body, parent, field: child.field, index: child.index });
  }
}
