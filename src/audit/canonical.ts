/**
 * Canonical JSON after RFC 8785: keys sorted by UTF-16 code units, no white space, numbers as ECMAScript writes them.
 * Written here because the events are hashed on the statement path: pre-rendered fragments are joined, and nothing is
 * parsed or sorted twice. Knows nothing of events.
 */

export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/** A lone surrogate has no UTF-8 form and RFC 8785 (3.2.2.2) forbids it, so it becomes U+FFFD. */
export function canonicalString(text: string): string {
  return JSON.stringify((text as WellFormed).isWellFormed() ? text : (text as WellFormed).toWellFormed());
}

/** ECMAScript 2024; Node 20 has it, the es2023 library of TypeScript does not know it. */
type WellFormed = string & { isWellFormed(): boolean; toWellFormed(): string };

/** The canonical text of any JSON value. */
export function canonicalJson(value: Json): string {
  if (typeof value === 'string') return canonicalString(value);
  if (value === null || typeof value !== 'object') {
    // JSON has no NaN or infinity; a figure that is none is not known.
    return typeof value === 'number' && !Number.isFinite(value) ? 'null' : JSON.stringify(value);
  }
  if (isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  const members = Object.keys(value)
    .sort()
    .map((key) => `${canonicalString(key)}:${canonicalJson(value[key]!)}`);
  return `{${members.join(',')}}`;
}

function isArray(value: object): value is readonly Json[] {
  return Array.isArray(value);
}
