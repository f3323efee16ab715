/**
 * Whether two trees say the same, locations aside: the check behind every splice (DESIGN 3). It compares, and knows
 * no kinds.
 */
import { locationFields } from './node-fields.js';

/** Structural equality without locations, with a stack of its own for deep trees. */
export function sameTree(a: unknown, b: unknown): boolean {
  const stack: unknown[] = [a, b];
  while (stack.length > 0) {
    const right = stack.pop();
    const left = stack.pop();
    if (left === right) continue;
    if (typeof left !== 'object' || typeof right !== 'object' || left === null || right === null)
      return false;
    if (Array.isArray(left) || Array.isArray(right)) {
      if (!Array.isArray(left) || !Array.isArray(right) || left.length !== right.length) return false;
      for (let index = 0; index < left.length; index += 1) stack.push(left[index], right[index]);
    } else if (!pushFields(stack, left as Fields, right as Fields)) {
      return false;
    }
  }
  return true;
}

type Fields = Readonly<Record<string, unknown>>;

/** Pushes the fields that matter in pairs; false when one object has one that the other lacks. */
function pushFields(stack: unknown[], left: Fields, right: Fields): boolean {
  let count = 0;
  for (const key of Object.keys(left)) {
    const value = left[key];
    if (isLocation(key, value)) continue;
    if (!Object.hasOwn(right, key)) return false;
    count += 1;
    stack.push(value, right[key]);
  }
  for (const key of Object.keys(right)) if (!isLocation(key, right[key])) count -= 1;
  return count === 0;
}

/** By type too: the location of CREATE TABLESPACE is a path. */
function isLocation(key: string, value: unknown): boolean {
  return typeof value === 'number' && locationFields.has(key);
}
