/** Paths inside jsonb as policies write them: `->'social'->'handle'`. Knows nothing of columns or masks. */
import { textLiteral } from './sql-text.js';

const PATH = /^(?:\s*->\s*'(?:[^']|'')+')+\s*$/;
const STEP = /->\s*'((?:[^']|'')+)'/g;

/** The keys on the way; undefined when the text is no such path. */
export function parseJsonPath(text: string): readonly string[] | undefined {
  if (!PATH.test(text) || text.includes('\0')) return undefined;
  return [...text.matchAll(STEP)].map((step) => step[1]!.replaceAll("''", "'"));
}

/** A text[] for `#>`, `#-` and jsonb_set. */
export function jsonPathSql(steps: readonly string[]): string {
  return `ARRAY[${steps.map(textLiteral).join(', ')}]`;
}

export function jsonPathText(steps: readonly string[]): string {
  return steps.map((step) => `->'${step.replaceAll("'", "''")}'`).join('');
}

/** True when one path leads to the other or into it. */
export function pathsOverlap(a: readonly string[], b: readonly string[]): boolean {
  const shorter = Math.min(a.length, b.length);
  return a.slice(0, shorter).every((step, index) => step === b[index]);
}
