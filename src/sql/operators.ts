/**
 * Where an operator ends (manual, 4.1.3; scan.l, rule {operator}). It knows one run of operator bytes, nothing else.
 */
import { allowsTrailingSign, CharClass, charClasses } from './char-classes.js';

/** The byte behind the operator at `from`. The caller has made sure that no comment starts there. */
export function endOfOperator(text: string, from: number): number {
  let end = from + 1;
  let signsMayEnd = allowsTrailingSign(text.charCodeAt(from));
  for (;;) {
    const code = text.charCodeAt(end);
    if (charClasses[code] !== CharClass.operator || startsComment(text, end)) break;
    signsMayEnd ||= allowsTrailingSign(code);
    end += 1;
  }
  if (signsMayEnd) return end;
  // So that `a=-1` is `a = -1`: without one of the bytes above, an operator does not end in + or -.
  while (end - from > 1 && isSign(text.charCodeAt(end - 1))) end -= 1;
  return end;
}

/** Whether a line or block comment starts at `at`. */
export function startsComment(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  const next = text.charCodeAt(at + 1);
  return (code === 45 && next === 45) || (code === 47 && next === 42);
}

function isSign(code: number): boolean {
  return code === 43 || code === 45;
}
