/**
 * A copy of a statement's tree on which the rewrite does in nodes what its edits do in text.
 * The rewritten text is parsed again and must give this tree (DESIGN 3): a splice that the parser reads differently
 * from what was meant is then a refusal, never a statement that runs.
 */
import type { Node } from '@pgsql/types';

type AnyObject = Record<string, unknown>;

export class IntendedTree {
  readonly root: Node;
  readonly #copies = new Map<object, object>();
  /** Concrete node → the one-key object that tags it, where there is one. */
  readonly #wrappers = new Map<object, AnyObject>();

  constructor(original: Node) {
    this.root = this.#copy(original) as Node;
  }

  /** The copy of an object of the original tree. Throws when the tree does not hold it: a bug of ours. */
  of<T extends object>(original: T): T {
    const copy = this.#copies.get(original);
    if (copy === undefined) throw new Error('the node is not part of the statement');
    return copy as T;
  }

  /** Puts a whole tagged node in the place of another, e.g. a RangeSubselect where a RangeVar stood. */
  replace(original: object, replacement: Node): void {
    const wrapper = this.#wrappers.get(this.of(original));
    if (wrapper === undefined) throw new Error('the node stands where only its own kind may stand');
    for (const key of Object.keys(wrapper)) Reflect.deleteProperty(wrapper, key);
    Object.assign(wrapper, replacement);
  }

  /**
   * `SET (a, b) = (SELECT …)` is one source that the tree prints once per column. The text has it once, so the copies
   * follow what became of the first.
   */
  alignMultiAssignments(): void {
    for (const copy of this.#copies.values()) {
      if (!Array.isArray(copy)) continue;
      let source: unknown;
      for (const item of copy as unknown[]) {
        const assign = multiAssignOf(item);
        if (assign === undefined) continue;
        if ((assign['colno'] ?? 1) === 1) source = assign['source'];
        else assign['source'] = source;
      }
    }
  }

  /** Iterative, because an operator chain nests as deep as it is long. */
  #copy(original: object): object {
    const root = Array.isArray(original) ? [] : {};
    const pending: [object, object][] = [[original, root]];
    this.#copies.set(original, root);
    while (pending.length > 0) {
      const [from, to] = pending.pop()!;
      const keys = Object.keys(from);
      for (const key of keys) {
        const value = (from as AnyObject)[key];
        if (typeof value !== 'object' || value === null) {
          (to as AnyObject)[key] = value;
          continue;
        }
        const copy = Array.isArray(value) ? [] : {};
        (to as AnyObject)[key] = copy;
        this.#copies.set(value, copy);
        // Tags are upper-case one-key objects; fields of a node are lower-case.
        if (keys.length === 1 && /^[A-Z]/.test(key)) this.#wrappers.set(copy, to as AnyObject);
        pending.push([value, copy]);
      }
    }
    return root;
  }
}

/** The MultiAssignRef of an assignment, when the item is one of several to one source. */
function multiAssignOf(item: unknown): AnyObject | undefined {
  const target = (item as { ResTarget?: { val?: { MultiAssignRef?: AnyObject } } } | null)?.ResTarget;
  return target?.val?.MultiAssignRef;
}
