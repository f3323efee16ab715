/** Puts generated SQL around an expression of the client's, in the text and in the intended tree alike. */
import type { Node } from '@pgsql/types';
import type { TokenSpan } from '../resolve/types.js';
import { toByteString } from '../sql/byte-string.js';
import type { Piece } from './edits.js';
import type { IntendedTree } from './intended-tree.js';
import { Unsupported, placeholder, type WriteContext } from './write-context.js';
import type { ValueText } from './written-value.js';

/** Where an expression stands: in the text, and in the copy of the tree. */
export interface ValueSlot {
  readonly span: TokenSpan;
  readonly get: (tree: IntendedTree) => Node;
  readonly set: (tree: IntendedTree, node: Node) => void;
}

/** A copy of the client's own tokens inside generated text; they must name no columns. */
export interface CopiedValue {
  readonly span: TokenSpan;
  readonly node: Node;
}

/** Stands in a ValueText for the copied value of that index. */
export function copiedMark(index: number): string {
  return `$${placeholder - 1 - index}`;
}

export function wrapValue(
  write: WriteContext,
  slot: ValueSlot,
  text: ValueText,
  copies: readonly CopiedValue[] = [],
): void {
  const val = parsedValue(write, `${text.before}$${placeholder}${text.after}`);
  write.insert(slot.span.first, withCopies(text.before, copies));
  write.insert(slot.span.end, [toByteString(`${text.after} `)]);
  write.intents.push((tree) => {
    const filling = new Map<number, Node>([[placeholder, slot.get(tree)]]);
    copies.forEach(({ node }, index) => filling.set(placeholder - 1 - index, structuredClone(node)));
    slot.set(tree, fill(val, filling));
  });
}

/** Parsed once for each text: of a thousand rows every value of a column has the same. */
function parsedValue(write: WriteContext, text: string): Node {
  let val = write.parsedValues.get(text);
  if (val === undefined) {
    const [target] = write.input.parseSelect(toByteString(`SELECT ${text}`))?.targets ?? [];
    if (target === undefined || !('ResTarget' in target) || target.ResTarget.val === undefined) {
      throw new Unsupported('this mask', 'report this as a bug');
    }
    val = target.ResTarget.val;
    write.parsedValues.set(text, val);
  }
  return structuredClone(val);
}

/**
 * A text in which the client's value, under the mark `own`, and copies of it or of other constants may stand several
 * times: the last place of the value is its own, and every other one gets a number, in the order of the text.
 */
export function repeatedValue(
  text: string,
  own: CopiedValue,
  others: readonly CopiedValue[],
): { readonly text: ValueText; readonly copies: readonly CopiedValue[] } {
  const mark = copiedMark(others.length);
  const last = text.lastIndexOf(mark);
  const copies: CopiedValue[] = [];
  const before = text.slice(0, last).replaceAll(/\$64\d{3}(?!\d)/g, (found) => {
    const index = placeholder - 1 - Number(found.slice(1));
    copies.push(others[index] ?? own);
    return copiedMark(copies.length - 1);
  });
  return { text: { before, after: text.slice(last + mark.length) }, copies };
}

function withCopies(text: string, copies: readonly CopiedValue[]): readonly Piece[] {
  const pieces: Piece[] = [];
  let rest = text;
  copies.forEach(({ span }, index) => {
    const mark = copiedMark(index);
    const at = rest.indexOf(mark);
    if (at < 0) throw new Error('the generated text has no place for a copied value');
    pieces.push(toByteString(rest.slice(0, at)), span);
    rest = rest.slice(at + mark.length);
  });
  return [...pieces, toByteString(rest)];
}

/** The snippet with an expression in the stead of each of its placeholders. Every one of them must be there once. */
export function fill(snippet: Node, expressions: ReadonlyMap<number, Node>): Node {
  const left = new Map(expressions);
  const pending: unknown[] = [snippet];
  while (pending.length > 0) {
    const node = pending.pop();
    if (typeof node !== 'object' || node === null) continue;
    const number = (node as { ParamRef?: { number?: number } }).ParamRef?.number;
    const expression = number === undefined ? undefined : left.get(number);
    if (expression === undefined) {
      pending.push(...(Object.values(node) as unknown[]));
      continue;
    }
    left.delete(number!);
    delete (node as Record<string, unknown>)['ParamRef'];
    Object.assign(node, expression);
  }
  if (left.size > 0) throw new Error('the snippet has no place for an expression');
  return snippet;
}
